"""What a page shows of the entries of a results file: names, order, and which of them stand for the whole."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

Entry = Mapping[str, object]

OURS, PLAIN, PUBLISHED = "ours", "plain", "published"
METHODS = {OURS: "This pack", PLAIN: "Plain sampling", PUBLISHED: "Explicit maps, as published"}
HEADLINE = "replace + self-injection"  # the edit that is compared over sizes: the paper's own
VARIANTS = (
    "replace", "replace + self-injection", "reweight", "refine", "word windows", "move", "local blend",
    "store of 5 words", "all together", "edit from a record", "edit from a record, local blend",
    "edit from a record, 4 pictures", "edit from a record, 8 pictures",
    "target alone", "target alone, 4 pictures", "target alone, 8 pictures", "replace + self-injection, 3 targets",
    "replace + self-injection, 7 targets",
)  # fmt: skip


def subject(entry: Entry) -> tuple:
    """What is sampled, where: entries with the same subject stand in one plot. Counted entries are on no device."""
    return tuple(entry.get(name) for name in ("model", "width", "height", "dtype", "device", "prompt_tokens"))


def size(entry: Entry) -> str:
    width, height = entry["width"], entry["height"]
    return f"{width}²" if width == height else f"{width}×{height}"


def title(entry: Entry) -> str:
    tokens = entry.get("prompt_tokens", 77)
    return f"{entry['model']}, {size(entry)}, {entry['dtype']}" + (f", {tokens} tokens" if tokens != 77 else "")


def by_subject(entries: Iterable[Entry]) -> list[list[Entry]]:
    """One sorted list per subject, in the order in which subjects come first."""
    order: dict[tuple, list[Entry]] = {}
    for entry in entries:
        order.setdefault(subject(entry), []).append(entry)
    return [sorted(group, key=_place) for group in order.values()]


def by_method(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Sorted entries of one subject by method, ours first."""
    return {method: list(group) for method, group in groupby(entries, key=lambda entry: entry["method"])}


def has_cuda(results: Mapping) -> bool:
    return any(str(entry["device"]).startswith("cuda") for entry in results["timed"])


def headline_timed(results: Mapping) -> list[Entry]:
    """The subject whose times stand for all: on CUDA if there is one, the largest picture of the paper's own edit."""
    edited = {subject(entry) for entry in results["timed"] if (entry["method"], entry["variant"]) == (OURS, HEADLINE)}

    def rank(entry: Entry) -> tuple:
        return str(entry["device"]).startswith("cuda"), subject(entry) in edited, _pixels(entry)

    return _headline(results["timed"], rank)


def headline_memory(results: Mapping) -> list[Entry]:
    """The subject whose memory stands for all: an allocator's figures if there are any, else the counted ones."""
    measured = [entry for entry in results["timed"] if entry["peak_of"] == "allocator"]
    usual = [entry for entry in results["counted"] if entry["prompt_tokens"] == 77]
    return _headline(measured or usual or results["timed"], lambda entry: (entry["model"] == "SDXL", _is_1024(entry)))


def memory_source(entry: Entry) -> str:
    """How the memory of an entry is known, in two words."""
    if "peak_of" not in entry:
        return "counted"
    return "measured by the allocator" if entry["peak_of"] == "allocator" else "resident set"


def _headline(entries: Sequence[Entry], rank) -> list[Entry]:
    return max(by_subject(entries), key=lambda group: rank(group[0]), default=[])


def _is_1024(entry: Entry) -> bool:
    return (entry["width"], entry["height"]) == (1024, 1024)


def _pixels(entry: Entry) -> int:
    return entry["width"] * entry["height"]


def _place(entry: Entry) -> tuple:
    variant = entry["variant"]
    known = VARIANTS.index(variant) if variant in VARIANTS else len(VARIANTS)
    return list(METHODS).index(entry["method"]), known
