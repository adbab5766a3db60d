"""Add or change words of a prompt: what both prompts share keeps its attention (Hertz et al. 2022, section 4)."""

from ..p2p_core.edit import refine
from ._host.versions import schema
from .following import FollowingNode, following_inputs, following_output


class P2PRefineController(FollowingNode):
    make = staticmethod(refine)

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


NODES = [P2PRefineController]
