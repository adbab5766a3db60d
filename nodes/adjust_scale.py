"""Make words of a record stronger or weaker: their recorded maps are multiplied before a target inherits them."""

from comfy_api.latest import io

from ..p2p_core.adjustment import Scale
from ..p2p_core.edit import WHOLE
from ..p2p_core.errors import P2PError
from ..p2p_core.grammar import parse_scales
from ._host.versions import schema
from .adjusting import adjusted_outputs, adjusted_record, latent_input, record_input
from .checks import checked, problem


class P2PAdjustScale(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PAdjustScale",
            display_name="P2P Adjust: Scale Words",
            search_aliases=["strengthen", "weaken", "amplify attention", "edit record"],
            description="Multiplies the recorded maps of words, so that edits from the record inherit them stronger or "
            "weaker. The record that came in stays as it was.",
            inputs=[
                record_input(),
                io.String.Input(
                    "scales",
                    default="",
                    multiline=True,
                    placeholder="night: 1.6\nred car: -1",
                    tooltip="One word or phrase of the recorded prompt per line with its factor: 1 changes nothing, 2 "
                    "doubles its maps, 0 removes them, below 0 turns them around. 'dog#2' is the second dog.",
                ),
                latent_input(),
            ],
            outputs=adjusted_outputs(),
        )

    @classmethod
    def validate_inputs(cls, scales=None):
        return problem(cls, {"scales": scales}, lambda: _scales("a: 1" if scales is None else scales))

    @classmethod
    @checked
    def execute(cls, record, scales, latent=None):
        return adjusted_record(record, _scales(scales))


def _scales(text: str) -> list[Scale]:
    parsed = parse_scales(text)
    if not parsed:
        raise P2PError('scales is empty: write "word: factor", such as "night: 1.6".')
    limited = next((word for word, _, window in parsed if window != WHOLE), None)
    if limited is not None:
        raise P2PError(
            f'The scale of "{limited}" has a window, and a record is adjusted as a whole: take the at sign and the '
            "window off, or give the word a window in P2P Reweight."
        )
    return [Scale(word, factor) for word, factor, _ in parsed]


NODES = [P2PAdjustScale]
