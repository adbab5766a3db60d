"""The word swaps the demo shows: two scenes that differ in one thing."""

from dataclasses import dataclass

from ..mini_sdxl.vocabulary import BACKGROUNDS, COLOURS, OBJECTS, caption, object_phrase

ATTRIBUTES = {"object": OBJECTS, "colour": COLOURS, "background": BACKGROUNDS}


@dataclass(frozen=True)
class Scene:
    """What a prompt names."""

    object: str
    background: str
    colour: str | None = None

    @property
    def prompt(self) -> str:
        """``a photo of a red car on grass``."""
        return caption((object_phrase(self.object, self.colour),), self.background, photo=True)


@dataclass(frozen=True)
class Edit:
    """One swap: everything but the changed attribute stays."""

    source: Scene
    target: Scene

    @property
    def attribute(self) -> str:
        """Return what changes: ``object``, ``colour`` or ``background``."""
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
        """``cat_to_dog``, ``car_red_to_blue``: fit for a file name."""
        old, new = (getattr(scene, self.attribute) for scene in (self.source, self.target))
        subject = "" if self.attribute == "object" else f"{self.source.object}_"
        return f"{subject}{old}_to_{new}".replace(" ", "_")


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
