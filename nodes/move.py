"""Move or resize one word: its attention is put elsewhere in the picture, and the object follows."""

from comfy_api.latest import io

from ..p2p_core.edit import move
from ..p2p_core.errors import P2PError
from ..p2p_core.grammar import parse_words
from ..p2p_core.placement import Placement
from ..p2p_core.windows import Window
from ._host.versions import schema
from .chaining import chained_inputs, start_of_chain, with_each_phrase
from .checks import checked, problem, window
from .inputs import fraction
from .placing import placement_inputs
from .types import controller_output

_NEVER = Window(0, 0)  # of a prompt alone: a layout taken from the source would hold the object in its place


class P2PMoveController(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PMoveController",
            display_name="P2P Move a Word (Shift, Resize)",
            search_aliases=["shift word", "resize word", "move object", "reposition", "layout"],
            description="Shifts or resizes what a word draws by moving the word's attention. Connect one prompt alone, "
            "or a controller to add this to another edit (lower its cross_end and self_end, which hold the layout).",
            inputs=[
                io.String.Input(
                    "word",
                    default="",
                    placeholder="red car",
                    tooltip="The word to move. Give the whole phrase, 'red car', so that its colour comes along. "
                    "Several words separated by commas move alike.",
                ),
                *placement_inputs("Resizes the word's attention about its own centre: 2 is twice as wide and high."),
                fraction("start", 0.0, "When the word starts to be moved. 0 is pure noise, 1 the finished picture."),
                fraction(
                    "end",
                    0.5,
                    "When moving stops. The place of things is decided early: later ends move further, but the object "
                    "may fade.",
                ),
                *chained_inputs(),
            ],
            outputs=[controller_output("The edit with the word moved. Connect it to P2P Apply or another P2P node.")],
        )

    @classmethod
    def validate_inputs(cls, word=None, start=None, end=None):
        def check():
            window("start", start, "end", end)
            if word is not None:
                _words(word)

        return problem(cls, {"word": word, "start": start, "end": end}, check)

    @classmethod
    @checked
    def execute(cls, word, offset_x, offset_y, scale, start, end, controller=None, conditioning=None):
        words, placement, when = _words(word), Placement(offset_x, offset_y, scale), window("start", start, "end", end)
        chain = start_of_chain("P2P Move a Word", controller, conditioning, _NEVER, None)
        return io.NodeOutput(
            with_each_phrase(chain, words, lambda edit, number: move(edit, words[number], placement, when))
        )


def _words(text: str) -> tuple[str, ...]:
    words = parse_words(text)
    if not words:
        raise P2PError("word is empty: give the word of the prompt that is to be moved.")
    return words


NODES = [P2PMoveController]
