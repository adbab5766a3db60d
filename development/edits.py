"""What the demo edits: scenes of the embedded model's vocabulary, and what is done to them.

The lists whose names begin with ``MORE`` are for ``--full``.
"""

from dataclasses import dataclass, replace

from ..mini_sdxl.vocabulary import BACKGROUNDS, COLOURS, OBJECTS, SIZES, caption, object_phrase

ATTRIBUTES = {"object": OBJECTS, "colour": COLOURS, "background": BACKGROUNDS, "size": SIZES}


@dataclass(frozen=True)
class Scene:
    """What a prompt names."""

    object: str
    background: str | None
    colour: str | None = None
    size: str | None = None

    @property
    def prompt(self) -> str:
        """``a photo of a red car on grass``."""
        return caption((object_phrase(self.object, self.colour, self.size),), self.background, photo=True)

    @property
    def phrase(self) -> str:
        """``red car``: the object with its colour."""
        return f"{self.colour} {self.object}" if self.colour else self.object

    def with_weight(self, scale: float) -> str:
        """Return the prompt with the host's own weight on the colour: ``a photo of a (red:2) car on grass``."""
        return replace(self, colour=f"({self.colour}:{scale:g})").prompt


@dataclass(frozen=True)
class Edit:
    """One word swapped, or one word or phrase added: everything but the changed attribute stays."""

    source: Scene
    target: Scene

    @property
    def attribute(self) -> str:
        """Return what changes: ``object``, ``colour``, ``background`` or ``size``."""
        changed = [name for name in ATTRIBUTES if getattr(self.source, name) != getattr(self.target, name)]
        if len(changed) != 1:
            raise ValueError(f"{self.source} and {self.target} differ in {len(changed)} attributes, not in one.")
        return changed[0]

    @property
    def wanted(self) -> int:
        """Return the place of the target's word among the words of its kind."""
        return ATTRIBUTES[self.attribute].index(getattr(self.target, self.attribute))

    @property
    def name(self) -> str:
        """``cat_to_dog``, ``car_red_to_blue``, ``cat_add_red``: fit for a file name."""
        old, new = (getattr(scene, self.attribute) for scene in (self.source, self.target))
        if old is None:
            return file_name(f"{self.source.object} add {new}")
        subject = "" if self.attribute == "object" else f"{self.source.object} "
        return file_name(f"{subject}{old} to {new}")


@dataclass(frozen=True)
class Shift:
    """Where an object is to go: fractions of the picture, right and down are positive, and how people would say it."""

    name: str
    offset: tuple[float, float]
    words: str


def file_name(text: str) -> str:
    """Return the text with underscores for spaces."""
    return text.replace(" ", "_")


EDITS = (
    Edit(Scene("cat", "grass"), Scene("dog", "grass")),
    Edit(Scene("apple", "wood", "red"), Scene("car", "wood", "red")),
    Edit(Scene("star", "night", "yellow"), Scene("house", "night", "yellow")),
    Edit(Scene("fish", "water", "blue"), Scene("sailboat", "water", "blue")),  # one token becomes two
    Edit(Scene("tree", "snow"), Scene("toadstool", "snow")),  # one token becomes three
    Edit(Scene("dog", "sand"), Scene("teddy bear", "sand")),  # one word becomes two: the target prompt is longer
    Edit(Scene("car", "grass", "red"), Scene("car", "grass", "blue")),
    Edit(Scene("umbrella", "sand", "green"), Scene("umbrella", "sand", "purple")),
    Edit(Scene("dog", "grass"), Scene("dog", "snow")),
    Edit(Scene("house", "water", "yellow"), Scene("house", "wood", "yellow")),
)
MORE_EDITS = (
    Edit(Scene("apple", "snow", "green"), Scene("star", "snow", "green")),
    Edit(Scene("umbrella", "wood"), Scene("tree", "wood")),
    Edit(Scene("sailboat", "water", "yellow"), Scene("sailboat", "water", "red")),
    Edit(Scene("toadstool", "grass"), Scene("toadstool", "night")),
)
ADDITIONS = (
    Edit(Scene("cat", "grass"), Scene("cat", "grass", "red")),
    Edit(Scene("tree", "snow"), Scene("tree", "snow", "purple")),
    Edit(Scene("house", None), Scene("house", "night")),  # a phrase: "at night"
    Edit(Scene("dog", "sand"), Scene("dog", "sand", size="huge")),
)
MORE_ADDITIONS = (
    Edit(Scene("fish", "wood"), Scene("fish", "wood", "yellow")),
    Edit(Scene("teddy bear", None), Scene("teddy bear", "snow")),
    Edit(Scene("star", "sand"), Scene("star", "sand", size="small")),
)
FADED = (
    Scene("car", "grass", "red"),
    Scene("umbrella", "snow", "blue"),
    Scene("house", "water", "yellow"),
    Scene("umbrella", "sand", "green"),
)
MORE_FADED = (Scene("tree", "sand", "red"), Scene("fish", "water", "blue"), Scene("star", "night", "purple"))
SCALES = (-1, 0, 2, 3)  # 1 is the source
MOVED = (
    Scene("car", "grass", "red"),
    Scene("cat", "grass"),
    Scene("house", "sand"),
    Scene("umbrella", "sand", "green"),
)
MORE_MOVED = (Scene("apple", "wood", "red"), Scene("star", "night", "yellow"))
SHIFTS = (
    Shift("right", (0.25, 0.0), "on the right"),
    Shift("left", (-0.125, 0.0), "on the left"),
    Shift("up", (0.0, -0.2), "at the top"),
)
PAIRS = ((EDITS[0], Edit(Scene("cat", "grass"), Scene("teddy bear", "grass"))),)
MORE_PAIRS = ((EDITS[6], Edit(Scene("car", "grass", "red"), Scene("house", "grass", "red"))),)
SEEN = (Scene("car", "grass", "red"), Scene("cat", "grass"), Scene("house", "sand"), Scene("star", "night", "yellow"))
MORE_SEEN = (Scene("fish", "water", "blue"), Scene("teddy bear", "snow"), Scene("umbrella", "sand", "green"))
