"""Random recorded sources, and an edit of each: from the record at once, and from its file in a second run."""

import random
from collections.abc import Mapping

from .drawing import Drawing, Link
from .drawn_edits import GRIDS, Edit, Prompts, draw_controller, draw_mask, draw_prompts
from .drawn_prompts import draw_encoder, draw_negative
from .drawn_sampling import Inputs, draw_plan, simple_sampling

STEPS_BY_THE_PICTURE = "dpm_adaptive"  # its calls cannot be foreseen, so that no record has them all


def draw_replays(number: int, saved: str) -> tuple[Mapping[str, dict], Mapping[str, dict]]:
    """Two runs that make the same edit. ``saved`` stands in the second for the file that the first writes."""
    return _replay(number, None), _replay(number, saved)


def _replay(number: int, saved: str | None) -> Mapping[str, dict]:
    """The edit, from the record that the run makes or from a saved one. Both are drawn from the same chance."""
    drawing = Drawing(random.Random(f"record {number}"))
    loaded = drawing.add("P2PMiniSDXL", precision="fp32")
    model, clip = loaded[0], loaded[1]
    if drawing.maybe(0.25):
        model = drawing.add("P2PMiniLora", model=model, strength=drawing.number(-2, 2))[0]
    width, height = drawing.one([(64, 64), (96, 64), (72, 104), (128, 128)])
    encoder = draw_encoder(drawing, clip)
    prompts = draw_prompts(drawing, encoder)
    edit, _ = draw_controller(drawing, encoder, prompts, (width, height))
    negative = draw_negative(drawing, clip).link
    plan = draw_plan(drawing, needs_denoise=False)
    while plan.sampler == STEPS_BY_THE_PICTURE:
        plan = draw_plan(drawing, needs_denoise=False)
    settings = _draw_settings(drawing, edit, prompts, plan.steps)
    pictures = drawing.one([1, 1, 2])
    words = [word for word in edit.sources if " " not in word and "#" not in word] or [*edit.sources]
    adjustment, guidance = _draw_adjustment(drawing, words, settings, (width, height)), _draw_guidance(drawing, words)
    if saved is None:
        recording = drawing.add("P2PRecord", model=model, **settings)
        record = recording[1]
        empty = drawing.add("EmptyLatentImage", width=width, height=height, batch_size=pictures)[0]
        guided = drawing.add("P2PAttentionGuidance", model=recording[0], **guidance)[0] if guidance else recording[0]
        source = Inputs(guided, prompts.link, negative, empty)
        latent = simple_sampling(drawing, source, plan)
        drawing.add("P2PSaveRecord", record=record, latent=latent, filename_prefix=f"soak/record {number}")
    else:
        file = drawing.add("P2PLoadRecord", file=saved)
        record, latent = file[0], file[1]
    if adjustment is not None:
        record = drawing.add(adjustment[0], record=record, latent=latent, **adjustment[1])[0]
    edited = _edited(drawing, model, edit.link, negative, latent, record)
    sampled = simple_sampling(drawing, edited, plan)
    drawing.add("SaveLatent", samples=sampled, filename_prefix=f"soak/replayed {number}")
    return drawing.nodes


def _draw_settings(drawing: Drawing, edit: Edit, prompts: Prompts, steps: int) -> dict[str, object]:
    """What is kept. Key words only where an edit can do with them: all words, of one prompt, without a local blend."""
    has_words = prompts.further is None and not edit.has_blend and drawing.maybe(0.4)
    words = [word for word in edit.sources if " " not in word and "#" not in word] if has_words else []
    return {
        "keep": "key words" if words else "everything",
        "words": ", ".join(words),
        "cross_grids": drawing.one(GRIDS),
        "self_grids": drawing.one(["none", *GRIDS]),
        "start": 0.0,
        "end": drawing.number(0.5, 1) if steps > 2 else 1.0,
        "resolution": drawing.one(["full", "half", "quarter"]),
        "precision": drawing.one(["fp16", "int8", "fp32"]),
        "keep_in": drawing.one(["memory", "graphics card", "file"]),
        "budget": drawing.one([64, 8192]),
    }


def _draw_adjustment(
    drawing: Drawing, words: list[str], settings: Mapping, size: tuple[int, int]
) -> tuple[str, dict] | None:
    """A node that adjusts the record, without what it is connected to; of a word whose attention is kept."""
    word = drawing.one(words)
    where = {"offset_x": drawing.number(-0.3, 0.3), "offset_y": drawing.number(-0.3, 0.3), "scale": 1.2}
    found = drawing.one([
        None,
        ("P2PAdjustMove", {"word": word, **where}),
        ("P2PAdjustScale", {"scales": f"{word}: {drawing.number(-1, 3)}"}),
        ("P2PAdjustMask", {"word": word, "mask": draw_mask(drawing, size), "strength": drawing.number(0, 1)}),
        ("P2PAdjustBlend", {"word": word, "with_word": drawing.one(words), "amount": drawing.number(0, 1)}),
    ])  # fmt: skip
    kept = settings["words"]
    return None if kept and word not in kept.split(", ") else found


def _draw_guidance(drawing: Drawing, words: list[str]) -> dict | None:
    """Settings of guidance of one of the source's words; None for none."""
    settings = {
        "words": drawing.one(words), "objective": drawing.one(["be present", "be here", "be this big"]),
        "scale": drawing.number(0.5, 1.5), "start": 0.0, "end": drawing.number(0.2, 0.6), "iterations": 1,
        "x": 0.3, "y": 0.6, "width": 0.4, "height": 0.4, "largest_grid": "coarse",
    }  # fmt: skip
    return settings if drawing.maybe(0.5) else None


def _edited(drawing: Drawing, model: Link, controller: Link, negative: Link, latent: Link, record: Link) -> Inputs:
    made = drawing.add(
        "P2PApply", model=model, controller=controller, negative=negative, latent=latent, record=record,
        controlnet_prompt=drawing.one([None, "target", "source"]),
    )  # fmt: skip
    return Inputs(made[0], made[1], made[2], made[3])
