"""Texts that nobody means and somebody sends: endless, nested, invisible, broken, of every script, and markup."""

from itertools import product

MARKUP = "<img src=x onerror=window.p2pFired=1> <script>window.p2pFired=1</script> javascript:alert(1)"
LETTERS = "bcdfghklmnprstvw"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


def distinct_words(number: int, first: int = 0) -> str:
    """Words of two digits and letters, which CLIP cuts into few tokens; no two are the same."""
    made = ("".join(letters) for letters in product("cdhmpst", "aeiou", LETTERS, "aeiou", LETTERS))
    chosen = list(made)[first : first + number]
    assert len(chosen) == number
    return " ".join(chosen)


def common_words(number: int, words: str) -> str:
    """The words again and again, each of one token."""
    once = words.split()
    return " ".join(once[place % len(once)] for place in range(number))


TEXTS = {
    "nothing": "",
    "white space": " \t\n\u3000" * 1000,
    "a megabyte": common_words(200_000, "a red cat on grass"),
    "10,000 words": common_words(10_000, "a red cat on grass at night with rain"),
    "5,000 different words": distinct_words(5000),
    "a word of a million letters": "x" * 1_000_000,
    "a word of 50,000 letters": "qz" * 25_000,
    "50,000 digits": "7" * 50_000,
    "50,000 commas": "," * 50_000,
    "100,000 brackets": "(" * 100_000,
    "50,000 closing brackets": ")" * 50_000,
    "weights 1,000 deep": "(" * 1000 + "cat" + ":1.1)" * 1000,
    "weights 100 deep": "(" * 100 + "cat" + ":1.1)" * 100,
    "a long text in brackets 1,000 deep": "(" * 1000 + "cat " * 20_000 + ")" * 1000,
    "10,000 weighted words": "(cat:1.1) " * 10_000,
    "weights that are no numbers": "(cat:nan) (dog:inf) (fox:1e999) (owl:) (:1)",
    "combining marks": "a" + "\u0301" * 3000,
    "invisible characters": "c\u200ba\u200dt\u2060 \ufeff\u00ad" * 200,
    "half a character": "a \ud83d cat",
    "the other half": "a cat\ude00",
    "right to left": "قطة على العشب בלילה " * 100,
    "overrides of direction": "\u202e\u2066cat\u2069\u202c on grass " * 50,
    "families": FAMILY * 500,
    "Chinese without spaces": "草地上的猫在夜里" * 300,
    "Thai without spaces": "แมวบนหญ้าในเวลากลางคืน" * 100,
    "no character": "a\0cat\0",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f cat",
    "beyond Unicode's planes": "\U0010ffff\ufffe\uffff cat",
    "markup": MARKUP,
    "embeddings that leave their folder": "embedding:../../../../etc/passwd embedding:/etc/passwd embedding:C:\\x cat",
    "10,000 embeddings": "embedding:x " * 8000,
    "an embedding without name": "embedding:",
    "an embedding without name inside": "cat embedding: dog",
    "numbers of words": "cat#999999999999999999999, #, ##, cat#-1",
    "exponents": "cat: 1e308, dog: -1e400",
    "10,000 entries": "cat: 0.5\n" * 10_000,
    "10,000 empty entries": ",\n" * 10_000,
    "1,000 entries": "cat: 0.5\n" * 1000,
    "a long number": "cat: " + "1" * 100_000,
    "a number of points": "cat: " + "1." * 50_000,
    "dashes": "cat: " + "-" * 100_000,
    "signs and windows": "cat: 1" + " @ 0" * 50_000,
    "colons": ":" * 100_000,
    "quotes": '"' * 100_000 + "cat",
}
