"""Add or change words of a prompt: what both prompts share keeps its attention (Hertz et al. 2022, section 4)."""

from comfy_api.latest import io

from ..p2p_core.edit import refine
from ._host.versions import schema
from .checks import checked
from .following import following, following_inputs, following_output, following_problem, windows_of


class P2PRefineController(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PRefineController",
            display_name="P2P Refine (Add Words)",
            search_aliases=["add words", "add object", "refinement", "change style", "insert word"],
            description="Says how the target picture follows the source: words that both prompts share keep their "
            "attention, and new or changed words find their own. For added phrases (a castle, a castle by a river) and "
            "for styles.",
            inputs=following_inputs(),
            outputs=[following_output()],
        )

    @classmethod
    def validate_inputs(cls, cross_start=None, cross_end=None, self_start=None, self_end=None, word_windows=None):
        return following_problem(cls, cross_start, cross_end, self_start, self_end, word_windows)

    @classmethod
    @checked
    def execute(
        cls, source, target, cross_start, cross_end, self_start, self_end, word_windows="",
        self_attention="inject", self_grids="coarse",
    ):  # fmt: skip
        cross, self_window = windows_of(cross_start, cross_end, self_start, self_end)
        return io.NodeOutput(
            following(refine, source, target, cross, self_window, word_windows, self_attention, self_grids)
        )


NODES = [P2PRefineController]
