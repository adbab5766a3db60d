"""Swap words of a prompt: new words take over the attention of those they replace (Hertz et al. 2022, section 4)."""

from ..p2p_core.edit import replace
from ._host.versions import schema
from .following import FollowingNode, following_inputs, following_output


class P2PReplaceController(FollowingNode):
    make = staticmethod(replace)

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


NODES = [P2PReplaceController]
