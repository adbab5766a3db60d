"""What the fuzzing feeds, from a seeded random: texts that nobody would type, and texts that somebody nearly typed."""

import json
import re
from pathlib import Path

from core_cases import WORDS
from core_tokenizers import ToyTokenizer, embedding

CASES = json.loads((Path(__file__).resolve().parents[2] / "grammar_cases.json").read_text(encoding="utf-8"))
CORPUS = [case["text"] for case in CASES["reading"]]

# Letters that grow or split when their case changes, digits that are no ASCII, white space that only some know, marks,
# pictograms of several code points, contractions, symbols.
HARD = [
    "\0", "\t", "\x0b", "\x1c", "\x85", "\xa0", "\xad", "\u0345", "\u200b", "\u200d", "\u200e", "\u2028", "\u202e",
    "\u3000", "\ufeff", "\ufffd", "\U0010ffff", "İ", "ı", "ß", "ẞ", "ŉ", "ǰ", "ͺ", "ﬁ", "ſ", "Ǆ", "Σ", "ς", "²", "½",
    "٤", "０", "𝟘", "Ⅷ", "é", "e\u0301", "हिन्दी", "ไทย", "日本語", "한국", "עברית", "👩\u200d🚀", "❤️", "☃", "☃!",
    "☃,☃", "'s", "s", "'ll", "t", "n't", "_", "`", "$", "^", "…", "–", "−", "“", "”", "«", "，", "：", "．", "＃",
    "<b>", "&amp;", "\\", "\\(", "{", "}", "%s", "{0}",
]  # fmt: skip
SYNTAX = [":", ",", "\n", "\r\n", "#", "@", "-", "+", ".", " ", '"', "'", "(", ")", "embedding:", "#2", "@ 0.5"]
NUMBERS = [
    "0", "1", "0.4", ".5", "1.", "-1", "+2.5", "1e5", "1E-3", "nan", "inf", "-inf", "0x1", "1_0", "100", "100.1",
    "-100", "00", "0-0.4", "0.2 - 0.8", "1-0", "0.5-", "-0.5", "--1", "0.30000000000000004", "9" * 40, "9" * 5000,
    "0." + "0" * 400 + "1",
]  # fmt: skip
QUOTES = "\"'`“”„‟‘’‚‛«»‹›「」『』"
WORDS_OF_PHRASES = [*WORDS, "night", "embedding:style", "embedding:mood", "dog's", "teddy-bear", "Café", "20"]
SURROGATE = "\ud800"  # half a character: JSON can carry it, no encoding can

EMBEDDINGS = {"style": 3, "mood": 1, "long": 14}  # name: vectors; the last is longer than a short chunk


def pick_some(random, pool, most):
    return random.choices(pool, k=random.randint(0, most))


def soup(random, most=12):
    """Anything after anything."""
    pool = random.choice([HARD, SYNTAX + NUMBERS, HARD + SYNTAX + NUMBERS + WORDS, [*HARD, SURROGATE]])
    return "".join(pick_some(random, pool, most))


def phrase(random):
    words = random.choices(WORDS_OF_PHRASES if random.random() < 0.8 else HARD, k=random.randint(1, 3))
    occurrence = random.choice(["", "", "", "#1", "#2", " # 03", "#٣", "#²", "#0", "#" + "9" * 30, "#" + "9" * 5000])
    return random.choice([" ", " ", "-", ""]).join(words) + occurrence


def entry(random):
    """An entry of word windows or scales that is right, or nearly."""
    shape = random.choice(["window", "scale", "scale in a window", "anything"])
    start, end = sorted([random.random(), random.random()])
    value = {
        "window": random.choice([f"{start:.2f}-{end:.2f}", f"{end:.3f}", f"{start} - {end}"]),
        "scale": random.choice([f"{random.uniform(-3, 3):.3g}", f"{random.uniform(-101, 101)}"]),
        "scale in a window": f"{random.uniform(-3, 3):+.1f}{random.choice([' @ ', '@'])}{start:.2f}-{end:.2f}",
        "anything": random.choice(NUMBERS) + random.choice(["", "@", " @ "]) + random.choice(["", *NUMBERS]),
    }[shape]
    return phrase(random) + random.choice([":", ": ", ": ", ": ", " : ", " "]) + value


def entries(random):
    return random.choice([",", "\n", "\r\n", ", "]).join(entry(random) for _ in range(random.choice([1, 1, 2])))


def mutated(random, text, pool):
    """The text with a few pieces taken out, put in, doubled or swapped."""
    for _ in range(random.randint(0, 3)):
        first, last = sorted(random.choices(range(len(text) + 1), k=2))
        last = min(last, first + 8)
        piece = text[first:last]
        changed = random.choice(["", piece * 2, piece[::-1], random.choice(pool), piece.swapcase()])
        text = text[:first] + changed + text[last:]
    return text


def input_text(random):
    """What a text input of a node may hold."""
    kind = random.random()
    if kind < 0.2:
        return soup(random)
    if kind < 0.6:
        return entries(random)
    return mutated(random, random.choice(CORPUS), SYNTAX + NUMBERS + HARD)


def phrase_of(random, text):
    """A few words that stand side by side in a prompt, or one of them again."""
    words = text.split() or [""]
    first = random.randrange(len(words))
    found = random.choice([" ", " ", "-", "  "]).join(words[first : first + random.choice([1, 1, 1, 2, 3])])
    return random.choice([found, found, found.upper(), f'"{found}",']) + random.choice(
        ["", "", "#1", "#2", " # 3", "#0"]
    )


def tokenizer(random):
    embeddings = {
        stream: {name: embedding(count, stream, seed) for seed, (name, count) in enumerate(EMBEDDINGS.items())}
        for stream in "gl"
    }
    return ToyTokenizer(chunk_length=random.choice([9, 12, 12, 77]), embeddings=embeddings)


def prompt_text(random):
    """A prompt: words, weights, embeddings there and missing, hard characters; empty to several chunks long."""
    most = random.choice([0, 3, 5, 8, 8, 12, 30])
    bits = pick_some(random, WORDS, most)
    for _ in range(random.choice([0, 0, 1, 3])):
        place = random.randint(0, len(bits))
        bits.insert(place, random.choice([
            random.choice(HARD), f"({random.choice(WORDS)}:1.3)", f"embedding:{random.choice([*EMBEDDINGS, 'gone'])}",
            "(embedding:style:0.8)", "dog#2", "16:9", "don't", "teddy-bear", "Photorealistic!!!", "((cat))", "'",
        ]))  # fmt: skip
    return random.choice([" ", " ", " ", ", ", ""]).join(bits)


def changed_prompt_text(random, text):
    """What somebody makes of a prompt: a few words swapped, added, removed, moved; or something else altogether."""
    if random.random() < 0.2:
        return prompt_text(random)
    words = re.split(" ", text)
    for _ in range(random.choice([0, 1, 1, 2, 5])):
        place = random.randint(0, len(words))
        count = random.choice([0, 1, 1, 2])
        moved = words[place : place + count]
        new = random.choice(
            [[], [random.choice(WORDS)], [prompt_text(random)], moved[::-1], moved * 2, [w.upper() for w in moved]]
        )
        words[place : place + count] = new
    return " ".join(words)


def appended_keys(random):
    """The keys of tokens that another node appended to the source and to the target: mostly none."""
    count = random.choice([0, 0, 0, 3])
    keys = random.choices(["first", "second", "third"], k=count)
    return keys, random.choice([keys, keys, keys[1:], keys[::-1], ["other"]]) if count else []
