"""The outputs of the published code (``../shared/golden`` beside the repository), and prompts made from its data alone.

The files hold token numbers but no vocabulary. Which numbers end a word is known from the cases, all of whose words are
plain and lower-case, so every word is given pieces that spell it, cut anywhere.
"""

import json
from functools import cache
from pathlib import Path

import pytest
from core_tokenizers import SPECIAL
from p2p.p2p_core.prompt import Prompt, read_prompt
from p2p.p2p_core.windows import paper_self_window, paper_window
from safetensors.torch import load_file

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"
EDITS = (
    "replace", "replace_per_word", "refine", "refine_per_word", "reweight", "replace_then_reweight",
    "refine_then_reweight", "replace_blend", "refine_blend",
)  # fmt: skip
PAIRS = 20


@cache
def _read(name):
    return json.loads((GOLDEN / name).read_text())


def _skip_where_absent():
    if not GOLDEN.is_dir():
        pytest.skip(f"the golden data is not at {GOLDEN}")


def edit_case(name):
    """One case of edits.json and its tensors."""
    _skip_where_absent()
    case = next(case for case in _read("edits.json") if case["name"] == name)
    return case, load_file(GOLDEN / f"edit_{name}.safetensors")


def alignment_cases():
    _skip_where_absent()
    return _read("alignment.json")


def prompts_of_edit(case) -> list[Prompt]:
    """In edits.json every word is one token."""
    return [
        golden_prompt(text, ids, [[place + 1] for place in range(len(text.split()))])
        for text, ids in zip(case["prompts"], case["token_ids"], strict=True)
    ]


def prompts_of_pair(case) -> tuple[Prompt, Prompt]:
    source, target = (golden_prompt(case[side], case[f"{side}_ids"], case[f"{side}_word_tokens"]) for side in SIDES)
    return source, target


SIDES = ("source", "target")


def golden_prompt(text, ids, word_tokens) -> Prompt:
    """A prompt from its token numbers and the token positions of its space-separated words."""
    pieces = {}
    for word, places in zip(text.split(), word_tokens, strict=True):
        for index, place in enumerate(places):
            last = index == len(places) - 1
            pieces[ids[place]] = word[index:] + "</w>" if last else word[index]
    stream = [[(token, 1.0) for token in [*ids, *[49407] * (77 - len(ids))]]]
    return read_prompt(text, {"l": stream}, {"l": pieces.__getitem__}, {"l": SPECIAL["l"]})


def paper_windows(case, target):
    """(cross window, self window, per-word windows of one target) of a case."""
    cross, steps = case["cross"], case["steps"]
    per_word = cross if isinstance(cross, dict) else {"default_": cross}
    words = [word.text for word in target.words]
    return (
        paper_window(_bounds(per_word["default_"]), steps),
        paper_self_window(_bounds(case["self_"]), steps),
        tuple((word, paper_window(_bounds(bounds), steps)) for word, bounds in per_word.items() if word in words),
    )


def _bounds(bounds):
    return tuple(bounds) if isinstance(bounds, list) else bounds
