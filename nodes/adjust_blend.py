"""Blend the maps of two words of a record before a target inherits them."""

from comfy_api.latest import io

from ..p2p_core.adjustment import Blend
from ..p2p_core.errors import P2PError
from ._host.versions import schema
from .adjusting import adjusted_outputs, adjusted_record, latent_input, record_input, words_of
from .checks import checked, problem


class P2PAdjustBlend(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PAdjustBlend",
            display_name="P2P Adjust: Blend Two Words",
            search_aliases=["mix words", "interpolate attention", "share attention", "edit record"],
            description="Draws the recorded maps of a word towards those of another, so that edits from the record "
            "inherit the first where the second is too. The record that came in stays as it was.",
            inputs=[
                record_input(),
                io.String.Input(
                    "word",
                    default="",
                    placeholder="cat",
                    tooltip="The word of the recorded prompt whose maps change. Several, separated by commas, change "
                    "alike.",
                ),
                io.String.Input(
                    "with_word",
                    default="",
                    placeholder="grass",
                    tooltip="The word of the same prompt whose maps it takes. They stay as they are.",
                ),
                io.Float.Input(
                    "amount",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    round=0.001,
                    tooltip="How much of the other word's maps: 0 changes nothing, 1 puts them in place of its own.",
                ),
                latent_input(),
            ],
            outputs=adjusted_outputs(),
        )

    @classmethod
    def validate_inputs(cls, word=None, with_word=None, amount=None):
        def check():
            words_of("a" if word is None else word, "word")
            _one_word("a" if with_word is None else with_word)

        return problem(cls, {"word": word, "with_word": with_word, "amount": amount}, check)

    @classmethod
    @checked
    def execute(cls, record, word, with_word, amount, latent=None):
        other = _one_word(with_word)
        return adjusted_record(record, [Blend(own, other, amount) for own in words_of(word, "word")])


def _one_word(text: str) -> str:
    words = words_of(text, "with_word")
    if len(words) > 1:
        raise P2PError(f'with_word names {len(words)} words: give one word or phrase, such as "{words[0]}".')
    return words[0]


NODES = [P2PAdjustBlend]
