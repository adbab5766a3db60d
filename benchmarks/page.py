"""Renders results to a page with plots and tables, and keeps the table of the project's README.

write(results, folder)         folder/README.md and its plots
with_table(readme, results)    the README's text with the table between its markers
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .page_entries import (
    METHODS,
    OURS,
    Entry,
    by_subject,
    has_cuda,
    headline_memory,
    headline_timed,
    memory_source,
    size,
    title,
)
from .page_plots import plots

FORMAT = 1
RESULTS = "results.json"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_CAPTIONS = {
    "time": "Time per step against plain sampling of the same pictures in the same batch. A dot is the median of "
    "paired ratios, the bar its quartiles.",
    "memory": "Peak memory above plain sampling.",
    "targets": "What more targets of one source cost: n targets and their source are n + 1 pictures, a pair is two.",
    "resolution": "Memory above plain sampling as the picture grows.",
}
_COUNTED = (
    "The counted figures come from the host's own sampler with the network on torch's `meta` device, where every "
    "operation makes the shape of its result and nothing else. They are exact counts of what a device would be asked "
    "for; no time was measured there."
)
_NO_CUDA = "There was no CUDA device in this run: the goals of time on CUDA were **not measured**."


def read(path: Path) -> dict:
    """A results file.

    Raises:
        ValueError: it is of another format.
    """
    results = json.loads(path.read_text(encoding="utf-8"))
    if results.get("format") != FORMAT:
        raise ValueError(f"{path} has format {results.get('format')}: this page shows format {FORMAT}.")
    return results


def write(results: Mapping, folder: Path) -> None:
    """The page and its plots; plots of an earlier page are taken away."""
    for old in folder.glob("*.svg"):
        old.unlink()
    drawn = plots(results)
    for name, svg in drawn.items():
        (folder / name).write_text(svg, encoding="utf-8")
    (folder / "README.md").write_text(page(results, drawn), encoding="utf-8")


def page(results: Mapping, drawn: Iterable[str]) -> str:
    """The text of the page, with those of the plots that were drawn."""
    versions = f"ComfyUI {results['comfyui']}, torch {results['torch']}, {results['date']}"
    parts = [f"# What Prompt-to-Prompt costs: {results['name']}", f"{results['machine']}, {versions}.", table(results)]
    for name, caption in _CAPTIONS.items():
        if f"{name}.svg" in drawn:
            parts.append(_picture(name, caption))
    if results["timed"]:
        parts += ["## Timed", *(_titled(entries, _timed_row, _TIMED) for entries in by_subject(results["timed"]))]
    if results["counted"]:
        counted = by_subject(results["counted"])
        parts += ["## Counted", _COUNTED, *(_titled(entries, _counted_row, _COUNTED_HEADINGS) for entries in counted)]
    if results.get("records"):
        parts += ["## What a record takes", *_record_sizes(results["records"])]
    if results["notes"]:
        parts += ["## Notes", "\n".join(f"- {note}" for note in results["notes"])]
    return "\n\n".join(parts) + "\n"


def _record_sizes(entries: Sequence[Entry]) -> list[str]:
    first, precisions = entries[0], list(dict.fromkeys(entry["precision"] for entry in entries))
    lines = [f"| | {' | '.join(precisions)} |", f"| --- |{' ---: |' * len(precisions)}"]
    found = {(entry["options"], entry["precision"]): f"{entry['mib_per_step']:.1f} MiB" for entry in entries}
    for options in dict.fromkeys(entry["options"] for entry in entries):
        lines.append(f"| {options} | {' | '.join(found.get((options, precision), '–') for precision in precisions)} |")
    return [f"Per step and picture, {first['model']} at {size(first)}, without the latents.", "\n".join(lines)]


def table(results: Mapping) -> str:
    """Ours, plain sampling and the published method in one table, and what it does not show."""
    times, memory = headline_timed(results), headline_memory(results)
    lines = ["| | time per step | peak memory |", "| --- | ---: | ---: |"]
    plain = f"{_mib(memory[0]['peak_mib_plain'])} in all" if memory and "peak_mib_plain" in memory[0] else "0"
    lines.append(f"| plain sampling of the same pictures | 1.00 | {plain} |")
    cells = {_key(entry): [f"{entry['ratio']:.2f}", "–"] for entry in times}
    for entry in memory:
        cells.setdefault(_key(entry), ["–", "–"])[1] = f"{_signed(entry['peak_mib_above_plain'])}"
    for method, name in METHODS.items():
        lines += [
            f"| {name}: {variant} | {time} | {amount} |"
            for (of, variant), (time, amount) in cells.items()
            if of == method
        ]
    return "\n\n".join(["\n".join(lines), *_below_table(results, times, memory)])


def with_table(readme: str, results: Mapping) -> str:
    """The README with the table of these results between its markers.

    Raises:
        ValueError: the README has no place for it.
    """
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        raise ValueError(f"The README needs {BEGIN} and {END}, once each.")
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    link = f"[All figures and plots](benchmarks/results/{results['name']}/README.md)."
    return f"{before}{BEGIN}\n{table(results)}\n\n{link}\n{END}{after}"


def _below_table(results: Mapping, times: Sequence[Entry], memory: Sequence[Entry]) -> list[str]:
    lines = []
    if times:
        lines.append(f"Time: {title(times[0])}, {results['machine']}, ratio to plain sampling.")
    if memory:
        lines.append(f"Memory above plain sampling: {title(memory[0])}, {memory_source(memory[0])}.")
    if not has_cuda(results):
        lines.append(_NO_CUDA)
    return lines


def _picture(name: str, caption: str) -> str:
    return (
        f'<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="{name}-dark.svg">\n'
        f'  <img src="{name}.svg" alt="{caption}">\n</picture>\n\n{caption}'
    )


_TIMED = (
    "", "targets", "time per step, ratio to plain", "quartiles", "pairs", "plain, s per step", "share in this pack",
    "memory above plain",
)  # fmt: skip
_COUNTED_HEADINGS = (
    "", "targets", "arithmetic", "launches", "allocations", "operations per step", "launches per step",
    "allocations per step", "allocated per step", "device reads per step", "memory above plain", "plain",
)  # fmt: skip


def _timed_row(entry: Entry) -> list[str]:
    low, high = entry["ratio_quartiles"]
    share = entry["own_share"]
    return [
        str(entry["targets"]), f"{entry['ratio']:.3f}", f"{low:.3f}–{high:.3f}", str(entry["pairs"]),
        f"{entry['seconds_per_step_plain']:.3g}", "–" if share is None else f"{share:.1%}",
        f"{_signed(entry['peak_mib_above_plain'])} ({entry['peak_of']})",
    ]  # fmt: skip


def _counted_row(entry: Entry) -> list[str]:
    ratios = [f"{entry[name]:.3f}" for name in ("flops_ratio", "launches_ratio", "allocations_ratio")]
    counts = [f"{entry[f'{name}_per_step']:,.0f}" for name in ("operations", "launches", "allocations")]
    allocated, reads = _mib(entry["allocated_mib_per_step"]), f"{entry['device_reads_per_step']:g}"
    peaks = [_signed(entry["peak_mib_above_plain"]), _mib(entry["peak_mib_plain"])]
    return [str(entry["targets"]), *ratios, *counts, allocated, reads, *peaks]


def _titled(entries: Sequence[Entry], row, headings: Sequence[str]) -> str:
    where = f", {entries[0]['device']}" if "device" in entries[0] else ""
    lines = [f"### {title(entries[0])}{where}", "", _line(headings), _line(["---", *["---:"] * (len(headings) - 1)])]
    lines += [_line([_name(entry), *row(entry)]) for entry in entries]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _key(entry: Entry) -> tuple:
    return entry["method"], entry["variant"]


def _name(entry: Entry) -> str:
    return str(entry["variant"]) if entry["method"] == OURS else f"{METHODS[entry['method']]}: {entry['variant']}"


def _mib(amount: float) -> str:
    if abs(amount) >= 1024:
        return f"{amount / 1024:,.1f} GiB"
    return f"{amount:,.1f} MiB" if abs(amount) < 100 else f"{amount:,.0f} MiB"


def _signed(amount: float) -> str:
    return f"+{_mib(amount)}" if amount >= 0 else f"−{_mib(-amount)}"
