"""Swap words of a prompt: new words take over the attention of those they replace (Hertz et al. 2022, section 4)."""

from comfy_api.latest import io

from ..p2p_core.edit import replace
from ._host.versions import schema
from .checks import checked
from .following import following, following_inputs, following_output, following_problem, windows_of


class P2PReplaceController(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PReplaceController",
            display_name="P2P Replace (Word Swap)",
            search_aliases=["swap", "replace word", "exchange word", "change object", "object swap"],
            description="Says how the target picture follows the source: words that both prompts share keep their "
            "attention, and a swapped word (cat to dog) takes the place and shape of the word it replaces.",
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
            following(replace, source, target, cross, self_window, word_windows, self_attention, self_grids)
        )


NODES = [P2PReplaceController]
