"""Makes the animation of the README: a word swapped, a word turned up and down, and a word moved.

Every frame is a run of the real nodes on the embedded model with the templates' seed: none is picked.

.venv/bin/python docs/make_animation.py
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import real_runs
from drawing import ACCENT, INK, LINE, PAPER, QUIET, enlarged, font
from pictures_of_edits import BEAR, CAT, DOG, RED_CAR, pair
from PIL import Image, ImageDraw

FILE = real_runs.ROOT / "docs" / "word_swap.webp"
MOST_BYTES = 1_500_000
WIDTH, SIDE, GAP = 720, 330, 20
TOP, BOTTOM = 62, 54
SCALES = [number / 4 for number in range(-4, 13)]
OFFSETS = [number / 20 for number in range(-6, 7)]


@dataclass(frozen=True)
class Frame:
    """What is seen for a while.

    Attributes:
        prompt: with the word that is edited between bars: ``a photo of a |cat| on grass``.
        slider: its name, smallest, largest, neutral and present value; None where nothing is turned.
    """

    source: Image.Image
    edited: Image.Image
    prompt: str
    what: str
    milliseconds: int
    slider: tuple[str, float, float, float, float] | None = None


def frames(runs: real_runs.RealRuns) -> Iterator[Frame]:
    """The three edits one after the other."""
    cat, dog = pair(runs, runs.replace(CAT, DOG))
    bear = pair(runs, runs.replace(CAT, BEAR))[1]
    for picture, word in ((cat, "cat"), (dog, "dog"), (bear, "teddy bear")):
        yield Frame(cat, picture, f"a photo of a |{word}| on grass", "swap a word", 1000)
    car, made = None, []
    for scale in SCALES:
        car, edited = pair(runs, runs.reweight(RED_CAR, f"red: {scale:g}"))
        made.append((scale, edited))
    yield from turned(car, made, "a photo of a |red| car on grass", "turn a word up or down", ("red", -1, 3, 1))
    made = [(offset, pair(runs, runs.move(RED_CAR, "red car", offset))[1]) for offset in OFFSETS]
    yield from turned(car, made, "a photo of a |red car| on grass", "move a word", ("offset_x", -0.3, 0.3, 0))


def turned(source, made, prompt: str, what: str, slider: tuple[str, float, float, float]) -> Iterator[Frame]:
    """A frame per value; the first and the last stay longer."""
    for number, (value, edited) in enumerate(made):
        long = number in (0, len(made) - 1)
        yield Frame(source, edited, prompt, what, 600 if long else 130, (*slider, value))


def drawn(frame: Frame) -> Image.Image:
    """The frame as a picture."""
    paper = Image.new("RGB", (WIDTH, TOP + SIDE + BOTTOM), PAPER)
    draw = ImageDraw.Draw(paper)
    _prompt(draw, frame.prompt)
    for left, picture, caption in ((GAP, frame.source, "source"), (WIDTH - GAP - SIDE, frame.edited, frame.what)):
        paper.paste(enlarged(picture, SIDE), (left, TOP))
        middle = left + SIDE // 2
        if caption == "source" or frame.slider is None:
            draw.text((middle, TOP + SIDE + 12), caption, fill=QUIET, font=font(20), anchor="ma")
    if frame.slider is not None:
        _slider(draw, frame.slider, WIDTH - GAP - SIDE, TOP + SIDE + 27)
    return paper


def _prompt(draw: ImageDraw.ImageDraw, text: str) -> None:
    letters = font(30)
    left = (WIDTH - letters.getlength(text.replace("|", ""))) / 2
    for number, part in enumerate(text.split("|")):
        draw.text((left, 12), part, fill=ACCENT if number == 1 else INK, font=letters, anchor="la")
        end = left + letters.getlength(part)
        if number == 1:
            draw.line([(left, 50), (end, 50)], fill=ACCENT, width=3)
        left = end


def _slider(draw: ImageDraw.ImageDraw, slider: tuple[str, float, float, float, float], left: int, middle: int) -> None:
    name, smallest, largest, neutral, value = slider
    draw.text((left, middle), f"{name}:", fill=INK, font=font(20), anchor="lm")
    draw.text((left + SIDE, middle), f"{value:.2f}", fill=ACCENT, font=font(20), anchor="rm")
    begin, end = left + 96, left + SIDE - 60

    def place(number: float) -> float:
        return begin + (end - begin) * (number - smallest) / (largest - smallest)

    draw.line([(begin, middle), (end, middle)], fill=LINE, width=4)
    draw.line([(place(neutral), middle - 9), (place(neutral), middle + 9)], fill=QUIET, width=2)
    draw.ellipse((place(value) - 9, middle - 9, place(value) + 9, middle + 9), fill=ACCENT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    real_runs.comfyui_argument(parser)
    made = list(frames(real_runs.started(parser.parse_args().comfyui)))
    first, *others = map(drawn, made)
    durations = [frame.milliseconds for frame in made]
    for quality in (88, 80, 70, 60):
        first.save(FILE, save_all=True, append_images=others, duration=durations, loop=0, quality=quality, method=6)
        if FILE.stat().st_size <= MOST_BYTES:
            break
    else:
        raise SystemExit(f"{FILE.name} does not fit into {MOST_BYTES} bytes.")
    print(f"{FILE.name}: {len(made)} frames, {sum(durations) / 1000:.1f} s, {FILE.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
