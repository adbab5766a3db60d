"""Move or resize a word in a record: its recorded maps are put elsewhere before a target inherits them."""

from comfy_api.latest import io

from ..p2p_core.adjustment import Move
from ..p2p_core.placement import Placement
from ._host.versions import schema
from .adjusting import adjusted_outputs, adjusted_record, latent_input, record_input, words_of
from .checks import checked, problem
from .placing import placement_inputs


class P2PAdjustMove(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PAdjustMove",
            display_name="P2P Adjust: Move a Word",
            search_aliases=["shift attention", "offset", "move object", "resize word", "edit record"],
            description="Shifts or resizes the recorded maps of a word, so that edits from the record inherit them at "
            "the new place. The record that came in stays as it was.",
            inputs=[
                record_input(),
                io.String.Input(
                    "word",
                    default="",
                    placeholder="red car",
                    tooltip="The word of the recorded prompt. Give the whole phrase, 'red car', so that its colour "
                    "comes along. Several words separated by commas move alike.",
                ),
                *placement_inputs("Resizes the maps about their own centre: 2 is twice as wide and high."),
                latent_input(),
            ],
            outputs=adjusted_outputs(),
        )

    @classmethod
    def validate_inputs(cls, word=None, offset_x=None, offset_y=None, scale=None):
        typed = {"word": word, "offset_x": offset_x, "offset_y": offset_y, "scale": scale}
        return problem(cls, typed, lambda: words_of("a" if word is None else word, "word"))

    @classmethod
    @checked
    def execute(cls, record, word, offset_x, offset_y, scale, latent=None):
        placement = Placement(offset_x, offset_y, scale)
        return adjusted_record(record, [Move(own, placement) for own in words_of(word, "word")])


NODES = [P2PAdjustMove]
