"""What replace and refine have in common: source, target, and when the one follows the other."""

from collections.abc import Callable

from comfy_api.latest import io

from ..p2p_core.edit import Edit
from ..p2p_core.grammar import parse_word_windows
from ..p2p_core.presence import refuse_missing, stands_in
from ..p2p_core.prompt import Prompt
from ..p2p_core.windows import Window
from ._host.conditioning import EditedConditioning
from ._host.text import prompt_of
from .checks import checked, problem, window
from .inputs import GRIDS, fraction
from .pairing import edited_conditioning
from .types import ControllerType, controller_output

SELF_MODES = ["inject", "mutual", "off"]


def following_inputs() -> list:
    return [
        io.Conditioning.Input("source", tooltip="The original prompt, from P2P Text Encode or P2P Tag Prompt."),
        io.Conditioning.Input("target", tooltip="The edited prompt, from P2P Text Encode with the same CLIP."),
        fraction(
            "cross_start",
            0.0,
            "When words start to take the source's attention. 0 is pure noise, 1 the finished picture.",
        ),
        fraction(
            "cross_end",
            0.8,
            "When words stop taking the source's attention. Higher keeps the composition more closely; lower lets new "
            "words find their own shape. The paper uses 0.8.",
        ),
        fraction("self_start", 0.0, "When the source's self-attention starts to be used."),
        fraction(
            "self_end",
            0.4,
            "When using the source's self-attention (layout and shapes) stops. Higher keeps shapes more closely, 0 "
            "turns it off. The paper uses 0.4.",
        ),
        io.String.Input(
            "word_windows",
            default="",
            multiline=True,
            placeholder="dog: 0-0.4",
            tooltip="Windows of single words of the target, one per line: 'dog: 0-0.4' lets the dog follow the "
            "source's cat until 0.4 only. Other words use cross_start to cross_end.",
        ),
        io.Combo.Input(
            "self_attention",
            options=SELF_MODES,
            default="inject",
            optional=True,
            tooltip="inject: take the source's self-attention, which keeps outlines (the paper). mutual: look up the "
            "source's content with the target's own layout, for changes of pose (MasaCtrl; try self_start 0.1, "
            "self_end 1, all grids). off: leave it alone.",
        ),
        io.Combo.Input(
            "self_grids",
            options=GRIDS,
            default="coarse",
            optional=True,
            tooltip="Where self-attention is used: coarse keeps layout and lets details change (the paper), medium "
            "also grids twice as fine, all keeps textures too.",
        ),
    ]


def following_output() -> ControllerType.Output:
    return controller_output("How the target follows. Connect it to P2P Apply, or to another P2P node.")


def _windows_of(cross_start, cross_end, self_start, self_end) -> tuple[Window | None, Window | None]:
    """The windows of cross- and self-attention, None where one is not known yet."""
    return window("cross_start", cross_start, "cross_end", cross_end), window(
        "self_start", self_start, "self_end", self_end
    )


class FollowingNode(io.ComfyNode):
    """What a node does whose target follows its source.

    Attributes:
        make: the edit of a pair of prompts.
    """

    make: Callable[..., Edit]

    @classmethod
    def validate_inputs(cls, cross_start=None, cross_end=None, self_start=None, self_end=None, word_windows=None):
        bounds = {"cross_start": cross_start, "cross_end": cross_end, "self_start": self_start, "self_end": self_end}

        def check():
            _windows_of(**bounds)
            parse_word_windows(word_windows or "")

        return problem(cls, {**bounds, "word_windows": word_windows}, check)

    @classmethod
    @checked
    def execute(
        cls, source, target, cross_start, cross_end, self_start, self_end, word_windows="",
        self_attention="inject", self_grids="coarse",
    ):  # fmt: skip
        cross, self_window = _windows_of(cross_start, cross_end, self_start, self_end)
        return io.NodeOutput(
            _following(cls.make, source, target, cross, self_window, word_windows, self_attention, self_grids)
        )


def _following(
    make: Callable[..., Edit], source: list, target: list, cross: Window, self_window: Window, word_windows: str,
    self_attention: str, self_grids: str,
) -> EditedConditioning:  # fmt: skip
    """Pairs source and target and makes every edit with ``replace`` or ``refine``."""
    windows = parse_word_windows(word_windows)
    targets = [prompt for entry in target if (prompt := prompt_of(entry)) is not None]
    if targets:
        refuse_missing([phrase for phrase, _ in windows], targets)
    is_on = self_attention != "off"

    def edit_of(source_prompt: Prompt, target_prompt: Prompt) -> Edit:
        # Of a combined conditioning, a word's window belongs to the prompts that have the word.
        known = tuple((phrase, window) for phrase, window in windows if stands_in(target_prompt, phrase))
        return make(
            source_prompt,
            target_prompt,
            cross,
            self_window if is_on else None,
            known,
            self_attention if is_on else "inject",
            self_grids,
        )

    return edited_conditioning(source, target, edit_of)
