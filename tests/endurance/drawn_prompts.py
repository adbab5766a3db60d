"""Random prompts, their edits as text, and the conditionings made of them."""

from dataclasses import dataclass

from .drawing import Drawing, Link, Text

OBJECTS = ("apple", "cat", "dog", "car", "house", "tree", "fish", "star", "umbrella", "toadstool", "teddy bear")
OTHER_OBJECTS = ("zebra", "Eiffel tower", "naïve café", "sailboat")  # words that the mini model never saw
COLOURS = ("red", "green", "blue", "yellow", "purple")
BACKGROUNDS = ("grass", "sand", "snow", "water", "wood")
ADDED = ("small", "fluffy", "old", "shiny", "rusty")
FILLER = ("very", "detailed", "sharp", "bright", "calm", "soft")


@dataclass(frozen=True)
class Scene:
    """The parts of a prompt; ``begin`` and ``end`` are words around them."""

    begin: tuple[str, ...]
    things: tuple[tuple[str, ...], ...]
    background: str
    end: tuple[str, ...] = ()

    def words(self) -> tuple[str, ...]:
        words = list(self.begin)
        for number, thing in enumerate(self.things):
            words += [*(("and",) if number else ()), "a", *thing]
        return (*words, "on", self.background, *self.end)


def draw_scene(drawing: Drawing) -> Scene:
    things = tuple(_draw_thing(drawing) for _ in range(drawing.one([1, 1, 1, 2])))
    begin = drawing.one([(), ("a", "photo", "of"), ("a", "picture", "with")])
    filler = tuple(drawing.chance.choices(FILLER, k=90)) if drawing.maybe(0.05) else ()  # longer than CLIP's 77 tokens
    return Scene(begin, things, drawing.one(BACKGROUNDS), filler)


def _draw_thing(drawing: Drawing) -> tuple[str, ...]:
    colour = (drawing.one(COLOURS),) if drawing.maybe(0.4) else ()
    name = drawing.one(OTHER_OBJECTS if drawing.maybe(0.1) else OBJECTS)
    return (*colour, *name.split())


def draw_target(drawing: Drawing, scene: Scene) -> Scene:
    """A scene that differs from the source's: swapped, added, removed, or altogether another one."""
    first, *others = scene.things
    kind = drawing.one(["object", "object", "colour", "background", "added", "tail", "removed", "other", "same"])
    if kind == "object":
        return _with_things(scene, (*first[:-1], drawing.one([o for o in OBJECTS if o not in first])), others)
    if kind == "colour":
        return _with_things(scene, (drawing.one(COLOURS), first[-1]), others)
    if kind == "background":
        return Scene(scene.begin, scene.things, drawing.one(BACKGROUNDS), scene.end)
    if kind == "added":
        return _with_things(scene, (drawing.one(ADDED), *first), others)
    if kind == "tail":
        return Scene(scene.begin, scene.things, scene.background, ("at", "night", *scene.end))
    if kind == "removed":
        return Scene((), scene.things[:1], scene.background)
    return scene if kind == "same" else draw_scene(drawing)


def _with_things(scene: Scene, first: tuple[str, ...], others: list) -> Scene:
    split = tuple(word for part in first for word in part.split())
    return Scene(scene.begin, (split, *others), scene.background, scene.end)


def draw_text(drawing: Drawing, scene: Scene) -> Text:
    """The scene as a person might write it: with weights, commas, capitals."""
    words = scene.words()
    written = list(words)
    if drawing.maybe(0.2):
        place = drawing.chance.randrange(len(written))
        written[place] = f"({written[place]}:{drawing.number(0.5, 1.5)})"
    if drawing.maybe(0.15):
        written[drawing.chance.randrange(len(written))] += ","
    text = " ".join(written)
    return Text(words, text.upper() if drawing.maybe(0.05) else text)


@dataclass(frozen=True)
class Encoder:
    """How all prompts of one graph are encoded, so that source and targets get the same sizes and additions.

    Attributes:
        kind: of the node that encodes.
        range_end: of the timestep range that is set on every prompt; None for none.
        appended: a conditioning that is concatenated to every prompt; None for none.
    """

    clip: Link
    kind: str
    sizes: dict[str, int]
    range_end: float | None
    appended: Link | None

    def encode(self, drawing: Drawing, text: str) -> Link:
        made = self._encoded(drawing, text)
        if self.appended is not None:
            made = drawing.add("ConditioningConcat", conditioning_to=made, conditioning_from=self.appended)[0]
        if self.range_end is not None:
            made = drawing.add("ConditioningSetTimestepRange", conditioning=made, start=0.0, end=self.range_end)[0]
        return made

    def _encoded(self, drawing: Drawing, text: str) -> Link:
        if self.kind == "P2PTextEncode":
            return drawing.add("P2PTextEncode", clip=self.clip, text=text, **self.sizes)[0]
        if self.kind == "CLIPTextEncodeSDXL":
            sizes = {"width": 128, "height": 128, "crop_w": 0, "crop_h": 0, "target_width": 128, "target_height": 128}
            plain = drawing.add("CLIPTextEncodeSDXL", clip=self.clip, text_g=text, text_l=text, **sizes)
        else:
            plain = drawing.add("CLIPTextEncode", clip=self.clip, text=text)
        return drawing.add("P2PTagPrompt", clip=self.clip, text=text, conditioning=plain[0])[0]


def draw_encoder(drawing: Drawing, clip: Link) -> Encoder:
    if drawing.maybe(0.1):
        clip = drawing.add("CLIPSetLastLayer", clip=clip, stop_at_clip_layer=drawing.one([-1, -2]))[0]
    names = ("width", "height", "crop_w", "crop_h", "target_width", "target_height")
    sizes = dict.fromkeys(names, 0)
    if drawing.maybe(0.15):
        sizes |= {"width": 8 * drawing.chance.randint(8, 128), "crop_w": drawing.chance.randint(0, 64)}
    kind = drawing.one(["P2PTextEncode"] * 4 + ["CLIPTextEncode", "CLIPTextEncodeSDXL"])
    appended = drawing.add("CLIPTextEncode", clip=clip, text="a photo")[0] if drawing.maybe(0.08) else None
    return Encoder(clip, kind, sizes, drawing.number(0.9, 1.0) if drawing.maybe(0.08) else None, appended)


@dataclass(frozen=True)
class Negative:
    """The negative conditioning, and the words of it that can be recorded."""

    link: Link
    words: tuple[str, ...] = ()


def draw_negative(drawing: Drawing, clip: Link) -> Negative:
    def plain(text: str) -> Link:
        return drawing.add("CLIPTextEncode", clip=clip, text=text)[0]

    kind = drawing.one(["empty", "empty", "text", "words", "concat", "average", "combine", "zero"])
    if kind == "words":
        words = ("blurry", "ugly", "picture")
        return Negative(drawing.add("P2PTextEncode", clip=clip, text=" ".join(words))[0], words)
    if kind == "concat":
        both = {"conditioning_to": plain("blurry"), "conditioning_from": plain("ugly")}
        return Negative(drawing.add("ConditioningConcat", **both)[0])
    if kind == "average":
        both = {"conditioning_to": plain("blurry"), "conditioning_from": plain("ugly")}
        return Negative(drawing.add("ConditioningAverage", **both, conditioning_to_strength=0.3)[0])
    if kind == "combine":
        both = {"conditioning_1": plain("blurry"), "conditioning_2": plain("ugly")}
        return Negative(drawing.add("ConditioningCombine", **both)[0])
    if kind == "zero":
        return Negative(drawing.add("ConditioningZeroOut", conditioning=plain("anything"))[0])
    return Negative(plain("" if kind == "empty" else "blurry, low contrast"))
