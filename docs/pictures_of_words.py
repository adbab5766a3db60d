"""Pictures of words and tokens, and of what the embedded model draws."""

from drawing import ACCENT, INK, LINE, PAPER, QUIET, WIDTH, Tile, arrow, box, font, sheet
from pictures_of_edits import plain
from PIL import Image, ImageDraw
from real_runs import RealRuns

PROMPT = "a photo of a red toadstool on grass"
TINTS = {"red": "#f8d4d4", "toadstool": "#cfe4f7", "grass": "#d5efcf"}
BLANK = "#eeeeee"


def tokens_of(runs: RealRuns, text: str) -> list[str]:
    """The tokens of a prompt as the tokenizer writes them, from the start to the end mark."""
    pairs = runs.clip.tokenize(text)["l"][0]
    names = runs.clip.tokenizer.clip_l.inv_vocab
    pieces = [names[token] for token, *_ in pairs]
    return pieces[: pieces.index("<|endoftext|>") + 1]


def text_encode(runs: RealRuns) -> Image.Image:
    """Words above, the tokens that they own below."""
    paper = Image.new("RGB", (WIDTH, 210), PAPER)
    draw = ImageDraw.Draw(paper)
    draw.text((10, 14), "words", fill=QUIET, font=font(18), anchor="lt")
    draw.text((10, 132), "tokens", fill=QUIET, font=font(18), anchor="lt")
    places = _tokens(draw, runs, 150, named=True)
    _words(draw, runs, places, 40, 150)
    return paper


def tag_prompt(runs: RealRuns) -> Image.Image:
    """A row of unnamed tokens, and the same row once its words are known."""
    paper = Image.new("RGB", (WIDTH, 350), PAPER)
    draw = ImageDraw.Draw(paper)
    draw.text((10, 8), "conditioning of another text encoder: rows of numbers", fill=INK, font=font(18), anchor="lt")
    _tokens(draw, runs, 36, named=False)
    arrow(draw, (WIDTH // 2, 96), (WIDTH // 2, 136), ACCENT)
    draw.text(
        (WIDTH // 2 + 24, 116),
        "P2P Tag Prompt: its text says which word is where",
        fill=ACCENT,
        font=font(18),
        anchor="lm",
    )
    places = _tokens(draw, runs, 286, named=True)
    _words(draw, runs, places, 176, 286)
    draw.text((10, 148), "the same conditioning, with words", fill=INK, font=font(18), anchor="lt")
    return paper


def _tokens(draw: ImageDraw.ImageDraw, runs: RealRuns, top: int, named: bool) -> list[tuple[float, float]]:
    """A box per token; returns where each begins and ends."""
    pieces = [
        piece.removesuffix("</w>").replace("<|startoftext|>", "start").replace("<|endoftext|>", "end")
        for piece in tokens_of(runs, PROMPT)
    ]
    widths = [max(font(17).getlength(piece) + 18, 48) for piece in pieces]
    gap = (WIDTH - 20 - sum(widths)) / (len(widths) - 1)
    colours = {place: TINTS.get(word.text, BLANK) for word in _read(runs).words for place in word.positions}
    places, left = [], 10.0
    for number, (piece, width) in enumerate(zip(pieces, widths, strict=True)):
        fill = colours.get(number, "#ffffff") if named else "#ffffff"
        ink = INK if number in colours else QUIET
        box(draw, (left, top, left + width, top + 44), piece if named else "?", 17, fill, ink)
        places.append((left, left + width))
        left += width + gap
    return places


def _words(draw: ImageDraw.ImageDraw, runs: RealRuns, places: list[tuple[float, float]], top: int, tokens: int) -> None:
    """A box per word over its tokens, with lines down to them."""
    for word in _read(runs).words:
        begins, ends = places[word.positions[0]][0], places[word.positions[-1]][1]
        middle, half = (begins + ends) / 2, max(font(19).getlength(word.text) / 2 + 10, 20)
        for position in word.positions:
            draw.line([(middle, top + 42), (sum(places[position]) / 2, tokens)], fill=LINE, width=2)
        box(draw, (middle - half, top, middle + half, top + 42), word.text, 19, TINTS.get(word.text, BLANK))


def _read(runs: RealRuns):
    return runs.prompt(PROMPT)[0][1]["p2p_prompt"]


def mini(runs: RealRuns) -> Image.Image:
    """Its twelve objects, and its six backgrounds twice."""
    import importlib

    words = importlib.import_module("p2p.mini_sdxl.vocabulary")
    tiles = []
    for number, name in enumerate(words.OBJECTS):
        colour = None if number % 2 else words.COLOURS[(number // 2) % len(words.COLOURS)]
        background = words.BACKGROUNDS[number % len(words.BACKGROUNDS)]
        prompt = words.caption((words.object_phrase(name, colour),), background, photo=True)
        caption = " ".join(part for part in (colour, name) if part)
        tiles.append(Tile(plain(runs, prompt), caption, words.background_phrase(background)))
    return sheet([tiles[:6], tiles[6:]])


PICTURES = {"P2PTextEncode": text_encode, "P2PTagPrompt": tag_prompt, "P2PMiniSDXL": mini}
