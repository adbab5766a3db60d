"""Swap words of a prompt: new words take over the attention of those they replace (Hertz et al. 2022, section 4)."""

from comfy_api.latest import io

from ..p2p_core.edit import replace
from ..p2p_core.errors import P2PError
from ..p2p_core.grammar import parse_word_windows
from ..p2p_core.prompt import Prompt
from ..p2p_core.windows import Window
from ._host.versions import schema
from .pairing import edited_conditioning
from .types import ControllerType


def _bound(name: str, default: float, tooltip: str) -> io.Float.Input:
    return io.Float.Input(name, default=default, min=0.0, max=1.0, step=0.01, round=0.001, tooltip=tooltip)


class P2PReplaceController(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PReplaceController",
            display_name="P2P Replace (Word Swap)",
            description="Says how the target picture follows the source: words that both prompts share keep their "
            "attention, and a swapped word (cat to dog) takes the place and shape of the word it replaces.",
            inputs=[
                io.Conditioning.Input("source", tooltip="The original prompt, from P2P Text Encode."),
                io.Conditioning.Input("target", tooltip="The edited prompt, from P2P Text Encode with the same CLIP."),
                _bound(
                    "cross_start",
                    0.0,
                    "When words start to take the source's attention. 0 is pure noise, 1 the finished picture.",
                ),
                _bound(
                    "cross_end",
                    0.8,
                    "When words stop taking the source's attention. Higher keeps the composition more closely; lower "
                    "lets the new word find its own shape. The paper uses 0.8.",
                ),
                _bound("self_start", 0.0, "When the source's self-attention starts to be copied."),
                _bound(
                    "self_end",
                    0.4,
                    "When copying the source's self-attention (layout and shapes) stops. Higher keeps shapes more "
                    "closely, 0 turns it off. The paper uses 0.4.",
                ),
                io.String.Input(
                    "word_windows",
                    default="",
                    multiline=True,
                    placeholder="dog: 0-0.4",
                    tooltip="Windows of single words of the target, one per line: 'dog: 0-0.4' lets the dog follow the "
                    "source's cat until 0.4 only. Other words use cross_start to cross_end.",
                ),
            ],
            outputs=[
                ControllerType.Output(
                    display_name="controller", tooltip="Connect it to P2P Apply, or to another P2P node."
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, cross_start=0.0, cross_end=1.0, self_start=0.0, self_end=1.0, word_windows=""):
        try:
            for name, start, end in (("cross", cross_start, cross_end), ("self", self_start, self_end)):
                if start is not None and end is not None and start > end:
                    raise P2PError(f"{name}_start ({start}) is after {name}_end ({end}): swap the two.")
            parse_word_windows(word_windows or "")
        except P2PError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, source, target, cross_start, cross_end, self_start, self_end, word_windows=""):
        windows = parse_word_windows(word_windows)

        def edit_of(source_prompt: Prompt, target_prompt: Prompt):
            return replace(
                source_prompt, target_prompt, Window(cross_start, cross_end), Window(self_start, self_end), windows
            )

        return io.NodeOutput(edited_conditioning(source, target, edit_of))


NODES = [P2PReplaceController]
