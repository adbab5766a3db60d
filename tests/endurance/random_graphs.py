"""Random graphs in API format over all nodes of the pack and the host's nodes around them, all of them valid.

A graph is known by its number: ``draw(17)`` is always the same one. Its ``runs`` are queued one after the other; a
later one may load the attention, or the record, that the one before it has saved.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .drawing import Drawing, Link, Made
from .drawn_edits import Edit, draw_controller, draw_mask, draw_prompts
from .drawn_prompts import Negative, draw_encoder, draw_negative
from .drawn_records import draw_replays
from .drawn_sampling import Inputs, Plan, draw_plan, draw_sampling

SAVED = "the file that the run before saved"  # stands in a run for its name
REPLAYS = 6  # every sixth graph has two runs more, with a record


@dataclass(frozen=True)
class Graph:
    """One drawn graph.

    Attributes:
        runs: prompts in API format.
        title: what it holds, for the message of a failure.
        batch: pictures of the latent that P2P Apply gets.
        rows: of a group, a source and its targets.
    """

    number: int
    runs: tuple[Mapping[str, dict], ...]
    title: str
    batch: int
    rows: int


@dataclass(frozen=True)
class _Watching:
    """A store, and what can be asked of it."""

    attention: Link
    words: tuple[str, ...]
    has_self_maps: bool
    keeps_steps: bool


@dataclass(frozen=True)
class _Frame:
    """What stays the same in all parts of one graph."""

    size: tuple[int, int]
    batch: int
    vae: Link


def draw(number: int) -> Graph:
    """Return the valid graph of this number."""
    drawing = Drawing(random.Random(f"graph {number}"))
    precision = "auto" if drawing.maybe(0.05) else "fp32"
    loaded = drawing.add("P2PMiniSDXL", precision=precision)
    model, clip, vae = loaded[0], loaded[1], loaded[2]
    if drawing.maybe(0.25):
        model = drawing.add("P2PMiniLora", model=model, strength=drawing.number(-2, 2))[0]
    size = drawing.one([(64, 64), (64, 64), (96, 64), (64, 80), (72, 104), (136, 64), (128, 128)])
    frame = _Frame(size, drawing.one([1, 1, 1, 1, 2, 3]), vae)
    encoder = draw_encoder(drawing, clip)
    prompts = draw_prompts(drawing, encoder)
    edit, rows = draw_controller(drawing, encoder, prompts, frame.size)
    negative = draw_negative(drawing, clip)
    latent, needs_denoise = _draw_latent(drawing, frame)
    plan = draw_plan(drawing, needs_denoise)
    if encoder.range_end is not None:
        plan = replace(plan, stages=1)  # the second stage would have no prompt left
    watches = drawing.maybe(0.55) and encoder.range_end is None  # a range may leave no step to be recorded
    store_first = drawing.maybe(0.5)
    watching = None
    if watches and store_first:
        model, watching = _draw_store(drawing, model, edit, negative, plan)
    applied = drawing.add(
        "P2PApply", model=model, controller=edit.link, negative=negative.link, latent=latent,
        controlnet_prompt=drawing.one([None, "target", "source"]),
    )  # fmt: skip
    model = applied[0]
    if watches and not store_first:
        model, watching = _draw_store(drawing, model, edit, negative, plan)
    positive, negative_link = _draw_conditions(drawing, applied, edit, encoder.clip, frame, watches)
    sampled = draw_sampling(drawing, Inputs(model, positive, negative_link, applied[3]), plan)
    drawing.add("SaveLatent", samples=sampled, filename_prefix=f"soak/{number}")
    result = [sampled[0], 0]  # maps are of what a sampler returns, not of its denoised output
    saves = watching is not None and drawing.maybe(0.4)
    shows = watching is not None and not (saves and drawing.maybe(0.5))
    if shows or drawing.maybe(0.2):
        decoded = drawing.add("VAEDecode", samples=sampled, vae=vae)[0]
        drawing.add("PreviewImage", images=decoded)
    if shows:
        _draw_maps(drawing, watching, decoded, result)
    if saves:
        prefix = f"soak/attention {number}"
        drawing.add("P2PSaveAttention", attention=watching.attention, latent=result, filename_prefix=prefix)
    later = (_looking(number, frame, rows, watching),) if saves else ()
    later += draw_replays(number, SAVED) if has_replays(number) else ()
    return Graph(number, (drawing.nodes, *later), _title(drawing, plan, frame, rows), frame.batch, rows)


def has_replays(number: int) -> bool:
    """Whether the last two runs of a graph make one edit, from a record and from its file."""
    return number % REPLAYS == REPLAYS - 1


def _draw_latent(drawing: Drawing, frame: _Frame) -> tuple[Link, bool]:
    """A latent, and whether it holds a picture that sampling should keep in part."""
    width, height = frame.size
    if drawing.maybe(0.8):
        latent = drawing.add("EmptyLatentImage", width=width, height=height, batch_size=frame.batch)[0]
        has_picture = False
    else:
        colour = drawing.chance.randrange(256**3)
        image = drawing.add("EmptyImage", width=width, height=height, batch_size=frame.batch, color=colour)
        latent = drawing.add("VAEEncode", pixels=image[0], vae=frame.vae)[0]
        has_picture = True
    if drawing.maybe(0.15):
        latent = drawing.add("SetLatentNoiseMask", samples=latent, mask=draw_mask(drawing, frame.size))[0]
    return latent, has_picture


def _draw_store(drawing: Drawing, model: Link, edit: Edit, negative: Negative, plan: Plan) -> tuple[Link, _Watching]:
    single = tuple(word for word in edit.sources if " " not in word and "#" not in word)
    words = drawing.some([*single, *edit.sources], 4) if drawing.maybe(0.5) else []
    side = drawing.one(["positive", "both", "negative"] if negative.words and plan.cfg > 1 else ["positive"])
    if side == "negative":
        words, single = [], negative.words
    whole_run = plan.stages == 1 and plan.denoise == 1
    window = drawing.one([(0.0, drawing.number(0.2, 1)), (0.0, 1.0)] if whole_run else [(0.0, 1.0)])
    window = window if plan.steps > 2 else (0.0, 1.0)  # a part of one or two steps may hold none
    keeps, has_self = drawing.maybe(0.4), drawing.one([None, True, True, False])
    made = drawing.add(
        "P2PAttentionStore", model=model, words=", ".join(words), prompt=side,
        largest_grid=drawing.one(["coarse", "medium", "all"]), start=window[0], end=window[1], keep_steps=keeps,
        self_maps=has_self, live=drawing.one([None, True]),
    )  # fmt: skip
    return made[0], _Watching(made[1], tuple(words) or single, bool(has_self), keeps)


def _draw_conditions(
    drawing: Drawing, applied: Made, edit: Edit, clip: Link, frame: _Frame, watches: bool
) -> tuple[Link, Link]:
    """What a user does to the positive and negative after P2P Apply; maps of an area are not of the whole picture."""
    positive, negative = applied[1], applied[2]
    if drawing.maybe(0.2):
        control = drawing.add("P2PMiniControlNet", precision="fp32")
        image = drawing.add("MaskToImage", mask=draw_mask(drawing, frame.size))
        both = {"positive": positive, "negative": negative, "control_net": control[0], "image": image[0]}
        settings = {"strength": drawing.number(0.2, 1.5), "start_percent": 0.0, "end_percent": drawing.number(0.5, 1)}
        controlled = drawing.add("ControlNetApplyAdvanced", **both, **settings)
        positive, negative = controlled[0], controlled[1]
    if drawing.maybe(0.08):
        mask = draw_mask(drawing, frame.size)
        settings = {"strength": 1.0, "set_cond_area": "default"}
        positive = drawing.add("ConditioningSetMask", conditioning=positive, mask=mask, **settings)[0]
    elif drawing.maybe(0.06) and not (edit.blends_words or watches):
        area = {"width": 64, "height": 64, "x": 8, "y": 8, "strength": 1.0}
        positive = drawing.add("ConditioningSetArea", conditioning=positive, **area)[0]
    if drawing.maybe(0.08):
        plain = drawing.add("CLIPTextEncode", clip=clip, text="a bright picture")[0]
        positive = drawing.add("ConditioningCombine", conditioning_1=positive, conditioning_2=plain)[0]
    return positive, negative


def _draw_maps(drawing: Drawing, watching: _Watching, image: Link, latent: Link | None) -> None:
    words = drawing.some(watching.words, 3) if drawing.maybe(0.7) else []
    maps = drawing.add(
        "P2PAttentionMaps", attention=watching.attention, image=image, words=", ".join(words),
        layout=drawing.one(["grid", "one word", "blend"]), opacity=drawing.number(0, 1),
        scale=drawing.one(["per word", "shared"]), threshold=drawing.number(0, 1),
        refine=drawing.one([0, 1, 2]) if watching.has_self_maps else 0,
        step=0 if watching.keeps_steps and drawing.maybe(0.5) else None,
        latent=latent if drawing.maybe(0.5) else None,
    )  # fmt: skip
    if drawing.maybe(0.3):
        drawing.add("PreviewImage", images=maps[0])
    drawing.add("PreviewImage", images=drawing.add("MaskToImage", mask=maps[1])[0])


def _looking(number: int, frame: _Frame, rows: int, watching: _Watching) -> Mapping[str, dict]:
    """A run that shows saved attention over other pictures of the same number."""
    drawing = Drawing(random.Random(f"looking {number}"))
    loaded = drawing.add("P2PLoadAttention", file=SAVED)
    width, height = frame.size
    grey = {"width": width, "height": height, "batch_size": frame.batch * rows, "color": 0x808080}
    _draw_maps(drawing, replace(watching, attention=loaded[0]), drawing.add("EmptyImage", **grey)[0], None)
    return drawing.nodes


def _title(drawing: Drawing, plan: Plan, frame: _Frame, rows: int) -> str:
    own = sorted({node["class_type"] for node in drawing.nodes.values() if node["class_type"].startswith("P2P")})
    return f"{plan.sampler}/{plan.scheduler} {plan.steps} steps, {frame.size}, {frame.batch}×{rows}: {', '.join(own)}"
