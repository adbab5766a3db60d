"""Random controllers: replace, refine, fader and move alone, what is added to them, and several targets."""

from dataclasses import dataclass, replace

from .drawing import Drawing, Link, Text
from .drawn_prompts import Encoder, Scene, draw_scene, draw_target, draw_text

GRIDS = ("coarse", "medium", "all")


@dataclass(frozen=True)
class Edit:
    """A controller while it is drawn.

    Attributes:
        sources, targets: phrases that stand in the source, and in every target.
        swaps: every target has a word that the source has not, so that a blend finds words by itself.
        blends_words: a local blend needs maps of the whole picture.
    """

    link: Link
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    swaps: bool
    blends_words: bool = False
    has_blend: bool = False


@dataclass(frozen=True)
class Prompts:
    """Source and targets, encoded; ``further`` is a second source prompt that is combined with the first."""

    source: Text
    link: Link
    scene: Scene
    further: Link | None


def draw_prompts(drawing: Drawing, encoder: Encoder) -> Prompts:
    scene = draw_scene(drawing)
    source = draw_text(drawing, scene)
    link = encoder.encode(drawing, source.text)
    further = None
    if drawing.maybe(0.1):
        further = encoder.encode(drawing, draw_text(drawing, draw_scene(drawing)).text)
        link = _combined(drawing, link, further)
    return Prompts(source, link, scene, further)


def _combined(drawing: Drawing, first: Link, second: Link) -> Link:
    return drawing.add("ConditioningCombine", conditioning_1=first, conditioning_2=second)[0]


def draw_controller(drawing: Drawing, encoder: Encoder, prompts: Prompts, size: tuple[int, int]) -> tuple[Edit, int]:
    """A controller and how many rows its groups have."""
    edit = _draw_one_target(drawing, encoder, prompts, size)
    targets = drawing.one([1, 1, 1, 2, 2, 3])
    for _ in range(targets - 1):
        other = _draw_one_target(drawing, encoder, prompts, size)
        combined = drawing.add("P2PCombine", first=edit.link, second=other.link)[0]
        common = tuple(word for word in edit.targets if word in other.targets)
        edit = Edit(
            combined, edit.sources, common, edit.swaps and other.swaps, edit.blends_words or other.blends_words,
            edit.has_blend or other.has_blend,
        )  # fmt: skip
    if targets > 1 and edit.targets:
        edit = _with_more(drawing, edit, size)
    return edit, 1 + targets


def _draw_one_target(drawing: Drawing, encoder: Encoder, prompts: Prompts, size: tuple[int, int]) -> Edit:
    source = prompts.source
    if drawing.maybe(0.2):
        edit = _alone(drawing, prompts)
        return _with_more(drawing, edit, size)
    target_scene = draw_target(drawing, prompts.scene)
    target = draw_text(drawing, target_scene)
    link = encoder.encode(drawing, target.text)
    if drawing.maybe(0.08):
        other = encoder.encode(drawing, source.text)
        both = {"conditioning_to": link, "conditioning_from": other}
        link = drawing.add("ConditioningAverage", **both, conditioning_to_strength=drawing.number(0.2, 1))[0]
    if prompts.further is not None:
        link = _combined(drawing, link, prompts.further)
    controller = _following(drawing, prompts.link, link, target)
    swaps = bool(set(target.words) - set(source.words))
    return _with_more(drawing, Edit(controller, tuple(source.phrases()), tuple(target.phrases()), swaps), size)


def _alone(drawing: Drawing, prompts: Prompts) -> Edit:
    phrases = tuple(prompts.source.phrases())
    add = _reweighted if drawing.maybe(0.5) else _moved
    return Edit(add(drawing, phrases, conditioning=prompts.link), phrases, phrases, swaps=False)


def _following(drawing: Drawing, source: Link, target_link: Link, target: Text) -> Link:
    cross, self_window = drawing.window(), drawing.window()
    lines = []
    if drawing.maybe(0.4):
        for phrase in drawing.some(target.phrases(), 2):
            start, end = drawing.window()
            lines.append(drawing.one([f"{phrase}: {start}-{end}", f'"{phrase}": {end}']))
    return drawing.add(
        drawing.one(["P2PReplaceController", "P2PRefineController"]),
        source=source, target=target_link, cross_start=cross[0], cross_end=cross[1],
        self_start=self_window[0], self_end=self_window[1], word_windows=drawing.one(["\n", ", "]).join(lines),
        self_attention=drawing.one([None, "inject", "mutual", "off"]), self_grids=drawing.one([None, *GRIDS]),
    )[0]  # fmt: skip


def _with_more(drawing: Drawing, edit: Edit, size: tuple[int, int]) -> Edit:
    """The edit with a fader, a moved word and a local blend, each or none of them, in any order."""
    adds = [add for add in (_reweighted, _moved, _blended) if drawing.maybe(0.3)]
    drawing.chance.shuffle(adds)
    for add in adds:
        if add is _blended:
            edit = _blended(drawing, edit, size)
        else:
            edit = replace(edit, link=add(drawing, edit.targets, controller=edit.link))
    return edit


def _reweighted(drawing: Drawing, phrases: tuple[str, ...], **chained: Link) -> Link:
    lines = []
    for phrase in drawing.some(phrases, 3):
        start, end = drawing.window()
        window = drawing.one(["", "", f" @ {start}-{end}", f" @ {end}"])
        lines.append(f"{phrase}: {drawing.one([drawing.number(-2, 4), 1, 0, -1, 2])}{window}")
    return drawing.add("P2PReweightController", scales="\n".join(lines), **chained)[0]


def _moved(drawing: Drawing, phrases: tuple[str, ...], **chained: Link) -> Link:
    start, end = drawing.window()
    return drawing.add(
        "P2PMoveController", word=", ".join(drawing.some(phrases, 2)), offset_x=drawing.number(-1, 1),
        offset_y=drawing.one([0.0, drawing.number(-1, 1)]), scale=drawing.one([1.0, drawing.number(0.25, 4)]),
        start=start, end=end, **chained,
    )[0]  # fmt: skip


def _blended(drawing: Drawing, edit: Edit, size: tuple[int, int]) -> Edit:
    mode = drawing.one(["union", "union", "intersection", "instead"]) if drawing.maybe(0.4) else None
    mask = draw_mask(drawing, size) if mode else None
    single = [word for word in edit.targets if " " not in word and "#" not in word]
    named = [] if edit.swaps and drawing.maybe(0.5) else drawing.some(single or edit.targets, 2)
    sources = [word for word in edit.sources if " " not in word and "#" not in word]
    of_source = drawing.some(sources, 1) if drawing.maybe(0.3) else []
    keep = [word for word in single if word in sources and word not in (*named, *of_source)]
    rule = "quantile" if mode == "intersection" else drawing.one(["max", "quantile"])
    threshold = drawing.number(0, 0.2 if mode == "intersection" else 0.7)  # the words' places must meet the mask
    link = drawing.add(
        "P2PLocalBlend", controller=edit.link, target_words=", ".join(named), source_words=", ".join(of_source),
        keep_words=drawing.one(keep) if keep and mode == "union" else "", threshold=threshold,
        threshold_rule=rule, start=drawing.number(0, 0.9), mask=mask, mask_mode=mode,
        grids=drawing.one([None, *GRIDS]),
    )[0]  # fmt: skip
    return replace(edit, link=link, blends_words=edit.blends_words or mode != "instead", has_blend=True)


def draw_mask(drawing: Drawing, size: tuple[int, int]) -> Link:
    """White in a large rectangle; as large as the picture, or of another size."""
    width, height = size if drawing.maybe(0.7) else (96, 80)
    black = drawing.add("SolidMask", value=0.0, width=width, height=height)
    white = drawing.add("SolidMask", value=drawing.one([1.0, 1.0, 0.8]), width=width // 2 + 8, height=height // 2 + 8)
    x, y = drawing.chance.randint(0, width // 3), drawing.chance.randint(0, height // 3)
    return drawing.add("MaskComposite", destination=black[0], source=white[0], x=x, y=y, operation="add")[0]
