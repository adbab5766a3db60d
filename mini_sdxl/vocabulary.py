"""The words the embedded model knows, and how they make a caption."""

OBJECTS = (
    "apple",
    "cat",
    "dog",
    "car",
    "house",
    "tree",
    "fish",
    "star",
    "umbrella",
    "toadstool",  # one word, three tokens
    "sailboat",  # one word, two tokens
    "teddy bear",  # two words
)
COLOURS = ("red", "green", "blue", "yellow", "purple")
BACKGROUNDS = ("grass", "sand", "snow", "water", "wood", "night")
SIZES = ("small", "big", "huge")

PREPOSITIONS = {"night": "at"}


def background_phrase(background: str) -> str:
    """``grass`` becomes ``on grass``, ``night`` becomes ``at night``."""
    return f"{PREPOSITIONS.get(background, 'on')} {background}"


def object_phrase(name: str, colour: str | None = None, size: str | None = None) -> str:
    """``an apple``, ``a big red car``."""
    words = " ".join(word for word in (size, colour, name) if word)
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def caption(phrases: tuple[str, ...], background: str | None, photo: bool = False) -> str:
    """``a photo of a red car and a blue cat on grass``."""
    text = " and ".join(phrases)
    if photo:
        text = f"a photo of {text}"
    return f"{text} {background_phrase(background)}" if background else text
