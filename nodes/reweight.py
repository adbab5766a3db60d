"""Turn single words up or down: the paper's fader control (Hertz et al. 2022, section 4, attention re-weighting)."""

from comfy_api.latest import io

from ..p2p_core.edit import reweight
from ..p2p_core.grammar import parse_scales
from ..p2p_core.windows import Window
from ._host.versions import schema
from .chaining import chained_inputs, start_of_chain, with_each_phrase
from .checks import checked, problem
from .types import controller_output

_CROSS, _SELF = Window(0, 0.8), Window(0, 0.4)  # of a prompt alone: the paper's values


class P2PReweightController(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PReweightController",
            display_name="P2P Reweight (Fader)",
            search_aliases=["fader", "emphasis", "word weight", "prompt weight", "equalizer", "strengthen word"],
            description="Makes words of the prompt stronger or weaker without changing the rest of the picture. "
            "Connect a controller to add this to another edit, or one prompt alone.",
            inputs=[
                io.String.Input(
                    "scales",
                    default="",
                    multiline=True,
                    placeholder="night: 1.6\nred car: -1 @ 0.2-0.8",
                    tooltip="One word or phrase per line with its factor: 1 changes nothing, 2 doubles the attention, "
                    "0 removes it, below 0 turns it around. An at sign and a window after the factor (0-0.5) limit it "
                    "to that part of sampling. 'dog#2' is the second dog.",
                ),
                *chained_inputs(),
            ],
            outputs=[controller_output("The edit with these factors. Connect it to P2P Apply or another P2P node.")],
        )

    @classmethod
    def validate_inputs(cls, scales=None):
        return problem(cls, {"scales": scales}, lambda: parse_scales(scales or ""))

    @classmethod
    @checked
    def execute(cls, scales, controller=None, conditioning=None):
        parsed = parse_scales(scales)
        chain = start_of_chain("P2P Reweight", controller, conditioning, _CROSS, _SELF)

        def change(edit, number):
            return reweight(edit, *parsed[number])

        return io.NodeOutput(with_each_phrase(chain, [phrase for phrase, _, _ in parsed], change))


NODES = [P2PReweightController]
