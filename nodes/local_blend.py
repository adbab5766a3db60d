"""Keep everything but chosen words' places as it is in the source (Hertz et al. 2022, section 4, local editing)."""

from dataclasses import replace as with_changes

import torch
from comfy_api.latest import io

from ..p2p_core.blend_words import BlendWords, words_of_blend
from ..p2p_core.edit import Edit
from ..p2p_core.errors import P2PError
from ..p2p_core.grammar import parse_words
from ..p2p_core.local_blend import LocalBlend
from ._host.conditioning import EditedConditioning
from ._host.versions import schema
from .chaining import with_each_edit
from .checks import checked, problem
from .inputs import GRIDS, fraction
from .types import ControllerType, controller_output


class P2PLocalBlend(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PLocalBlend",
            display_name="P2P Local Blend (Word Mask)",
            search_aliases=["local edit", "word mask", "keep background", "mask by words"],
            description="Lets the edited picture differ only where chosen words are; everywhere else it stays the "
            "source's, pixel by pixel of the latent.",
            inputs=[
                ControllerType.Input("controller", tooltip="The edit whose effect is to stay local."),
                io.String.Input(
                    "target_words",
                    default="",
                    multiline=False,
                    tooltip="Words of the edited prompt where the picture may change: 'dog' or 'dog, red hat'. Empty: "
                    "the words that the edit changes.",
                ),
                io.String.Input(
                    "source_words",
                    default="",
                    multiline=False,
                    tooltip="Words of the source prompt where it may change too, so that the old object can go. Empty: "
                    "the words that the target words took the place of.",
                ),
                io.String.Input(
                    "keep_words",
                    default="",
                    multiline=False,
                    tooltip="Words of either prompt whose places must not change, taken out of the rest: 'face'.",
                ),
                fraction(
                    "threshold",
                    0.5,
                    "How clearly a place must belong to the words. Higher changes less. The published code uses 0.3.",
                ),
                io.Combo.Input(
                    "threshold_rule",
                    options=["max", "quantile"],
                    default="max",
                    tooltip="max: the threshold is a part of the words' strongest attention (the paper). quantile: it "
                    "is the part of the picture that stays, 0.7 keeps seven tenths.",
                ),
                fraction(
                    "start",
                    0.2,
                    "When blending starts; before, the edit may act everywhere while attention settles. The published "
                    "code uses 0.2.",
                ),
                io.Mask.Input(
                    "mask", optional=True, tooltip="A drawn mask: white may change. It is scaled to the picture."
                ),
                io.Combo.Input(
                    "mask_mode",
                    options=["union", "intersection", "instead"],
                    default="union",
                    optional=True,
                    tooltip="What a connected mask does: union adds to the words' places, intersection limits them, "
                    "instead ignores the words.",
                ),
                io.Combo.Input(
                    "grids",
                    options=GRIDS,
                    default="medium",
                    optional=True,
                    tooltip="How fine the words' places are seen: coarse is steadiest, medium sees outlines twice as "
                    "finely, all uses the finest attention there is.",
                ),
            ],
            outputs=[controller_output("The edit with its blend. Connect it to P2P Apply or another P2P node.")],
        )

    @classmethod
    def validate_inputs(cls, target_words=None, source_words=None, keep_words=None):
        texts = {"target_words": target_words, "source_words": source_words, "keep_words": keep_words}
        return problem(cls, texts, lambda: [parse_words(text or "") for text in texts.values()])

    @classmethod
    @checked
    def execute(
        cls, controller, target_words, source_words, keep_words, threshold, threshold_rule, start,
        mask=None, mask_mode="union", grids="medium",
    ):  # fmt: skip
        words = BlendWords(*(parse_words(text) for text in (target_words, source_words, keep_words)))
        settings = {"threshold": threshold, "rule": threshold_rule, "start": start, "grids": grids}
        settings |= {"mask": _checked_mask(mask, mask_mode), "mask_mode": mask_mode}
        if threshold == 1 and (mask is None or mask_mode == "intersection"):
            raise P2PError("With threshold 1 no place belongs to the words of the local blend: give less, such as 0.3.")
        return io.NodeOutput(_with_blend(controller, words, settings))


def _checked_mask(mask: torch.Tensor | None, mode: str) -> torch.Tensor | None:
    """(masks, height, width), or None where none is connected."""
    if mask is None and mode != "union":
        raise P2PError(f"The local blend has mask_mode {mode} but no mask: connect one, or choose union.")
    if mask is None:
        return None
    stacked = mask if mask.ndim == 3 else mask.reshape(-1, *mask.shape[-2:])
    if not bool((stacked > 0.5).any()):
        raise P2PError("The mask of the local blend is black: paint white what may change, or disconnect it.")
    return stacked


def _with_blend(controller: EditedConditioning, words: BlendWords, settings: dict) -> EditedConditioning:
    needs_words = settings["mask"] is None or settings["mask_mode"] == "intersection"
    found = [
        words_of_blend([entry.controller.edits[target] for entry in controller.entries], words, needs_words)
        for target in range(controller.rows - 1)
    ]
    entry_numbers = {
        id(edit): number for number, entry in enumerate(controller.entries) for edit in entry.controller.edits
    }

    def blended(edit: Edit, target: int) -> Edit:
        positions = found[target][entry_numbers[id(edit)]]
        if settings["mask"] is None and not (positions.source or positions.target):
            return with_changes(edit, blend=None)  # the words stand in another part of a combined conditioning
        return with_changes(edit, blend=LocalBlend(**vars(positions), **settings))

    return with_each_edit(controller, blended)


NODES = [P2PLocalBlend]
