"""The plots of a results page, each for light and for dark pages, as SVG that is the same for the same results."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from .page_entries import (
    HEADLINE,
    METHODS,
    OURS,
    PLAIN,
    PUBLISHED,
    Entry,
    by_method,
    by_subject,
    headline_memory,
    memory_source,
    size,
    title,
)

_RC = {
    "svg.hashsalt": "results",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_LEAST = 1.0  # MiB at the left end of a logarithmic axis: what is less stands there, under its own figure


@dataclass(frozen=True)
class Theme:
    """Colours: of text, of what is beside the point, and of the methods."""

    text: str
    muted: str
    faint: str
    methods: Mapping[str, str]


LIGHT = Theme("#1f2328", "#59636e", "#d8dee4", {OURS: "#1a66d6", PLAIN: "#59636e", PUBLISHED: "#b8500c"})
DARK = Theme("#e6edf3", "#9aa4af", "#343b44", {OURS: "#77aaff", PLAIN: "#9aa4af", PUBLISHED: "#f2a25c"})
THEMES = {"": LIGHT, "-dark": DARK}


def plots(results: Mapping) -> dict[str, str]:
    """SVG by file name, twice each plot that the results have figures for."""
    drawn = {}
    for name, draw in _PLOTS.items():
        for suffix, theme in THEMES.items():
            with matplotlib.rc_context({**_RC, "text.color": theme.text, "axes.labelcolor": theme.text}):
                figure = draw(results, theme)
                if figure is not None:
                    drawn[f"{name}{suffix}.svg"] = _svg(figure)
    return drawn


def time_per_step(results: Mapping, theme: Theme) -> Figure | None:
    """Every variant's ratio to plain sampling with its quartiles, a panel for every subject."""
    subjects = by_subject(results["timed"])
    if not subjects:
        return None
    columns = min(len(subjects), 2)
    rows = [subjects[first : first + columns] for first in range(0, len(subjects), columns)]
    heights = [0.27 * max(map(_lines, row)) + 0.9 for row in rows]
    figure = Figure(figsize=(3 + 4.6 * columns, sum(heights)), layout="constrained")
    for axes, entries in _panels(figure, heights, columns, subjects):
        _dots(axes, entries, theme, _ratio, lambda entry: f"{entry['ratio']:.2f}", "ratio_quartiles")
        axes.axvline(1, color=theme.muted, linewidth=1, zorder=0)
        axes.set_title(f"{title(entries[0])}, {entries[0]['device']}", fontsize=9.5, loc="left", color=theme.text)
        axes.set_xlabel("time per step, 1.00 = plain sampling of the same pictures", color=theme.muted)
        _ratio_axis(axes, entries)
    return figure


def peak_memory(results: Mapping, theme: Theme) -> Figure | None:
    """What every variant takes above plain sampling, ours and the published method's, in one subject."""
    entries = headline_memory(results)
    if not entries:
        return None
    figure = Figure(figsize=(7.6, 0.27 * _lines(entries) + 0.9), layout="constrained")
    axes = figure.subplots()
    _dots(axes, entries, theme, _mib, lambda entry: _amount(entry["peak_mib_above_plain"]))
    axes.set_xscale("log", base=4)
    axes.set_xlim(_LEAST * 0.8, 6 * max(max(map(_mib, entries)), 16))
    _memory_ticks(axes.xaxis)
    axes.set_title(f"{title(entries[0])}, {memory_source(entries[0])}", fontsize=9.5, loc="left")
    axes.set_xlabel("peak memory above plain sampling of the same pictures (logarithmic)", color=theme.muted)
    return figure


def scaling_with_targets(results: Mapping, theme: Theme) -> Figure | None:
    """Time of n targets over the time of one, beside the number of pictures over two."""
    lines = [line for entries in by_subject(results["timed"]) if len(line := _target_times(entries)) > 1]
    if not lines:
        return None
    figure = Figure(figsize=(7.6, 3.4), layout="constrained")
    axes = figure.subplots()
    most = max(max(line) for line in lines)
    axes.plot([1, most], [1, (most + 1) / 2], color=theme.muted, linewidth=1, dashes=(4, 3))
    middle = (1 + most) / 2
    axes.annotate("(n + 1) / 2", (middle, (middle + 1) / 2), (12, -14), textcoords="offset points", color=theme.muted)
    for number, line in enumerate(lines):
        axes.plot(list(line), list(line.values()), color=theme.methods[OURS], marker="o", markersize=6, linewidth=1.5)
        if number == 0:
            for targets, times in line.items():
                _label(axes, f"{times:.2f}", targets, times, theme.methods[OURS], (8, -12))
    axes.set_xticks(sorted({targets for line in lines for targets in line}))
    axes.set_xlim(0.5, most * 1.22)
    axes.set_ylim(0.5, max((most + 1) / 2, *(max(line.values()) for line in lines)) + 0.4)
    axes.set_xlabel("targets of one source", color=theme.muted)
    axes.set_title("time per step, 1.00 = one source and one target", fontsize=9.5, loc="left")
    _quiet(axes, theme)
    return figure


def memory_and_resolution(results: Mapping, theme: Theme) -> Figure | None:
    """Memory above plain of the paper's own edit over sizes, ours and published."""
    chosen = headline_memory(results)
    everywhere = results["counted" if chosen and "peak_of" not in chosen[0] else "timed"]
    entries = [entry for entry in everywhere if _is_compared(entry) and entry["model"] == chosen[0]["model"]]
    sizes = sorted({(e["width"] * e["height"], size(e)) for e in entries})
    if len(sizes) < 2:
        return None
    places = {name: place for place, (_, name) in enumerate(sizes)}
    figure = Figure(figsize=(7.6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.set_yscale("log", base=4)
    for (method, variant), line in _by_variant(entries).items():
        line = sorted(line, key=lambda entry: places[size(entry)])
        at, amounts = [places[size(entry)] for entry in line], [_mib(entry) for entry in line]
        colour = theme.methods[method]
        axes.plot(at, amounts, color=colour, marker="o", markersize=6, linewidth=1.5)
        for place, amount, entry in zip(at, amounts, line, strict=True):
            side, offset = ("right", (-5, 5)) if place == 0 else ("center", (0, 8))
            _label(axes, _amount(entry["peak_mib_above_plain"]), place, amount, colour, offset, side)
        name = METHODS[method] + variant.removeprefix(HEADLINE)
        _label(axes, name, at[-1], amounts[-1], colour, (24, -3))
    axes.set_xticks(list(places.values()), list(places))
    axes.set_xlim(-0.5, len(places) + 0.35)
    axes.set_ylim(_LEAST * 0.6, 5 * max(map(_mib, entries)))
    _memory_ticks(axes.yaxis)
    heading = f"peak memory above plain sampling, {chosen[0]['model']}, {HEADLINE}, {memory_source(chosen[0])}"
    axes.set_title(heading, fontsize=9.5, loc="left")
    _quiet(axes, theme)
    return figure


_PLOTS: Mapping[str, Callable[[Mapping, Theme], Figure | None]] = {
    "time": time_per_step,
    "memory": peak_memory,
    "targets": scaling_with_targets,
    "resolution": memory_and_resolution,
}


def _lines(entries: Sequence[Entry]) -> int:
    """Variants and a heading over every method's."""
    return len(entries) + len(by_method(entries))


def _panels(figure: Figure, heights: Sequence[float], columns: int, subjects: Sequence):
    panels = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights).flatten()
    for unused in panels[len(subjects) :]:
        unused.set_axis_off()
    return zip(panels, subjects, strict=False)


def _dots(axes: Axes, entries: Sequence[Entry], theme: Theme, value: Callable, text: Callable, bars: str = "") -> None:
    """A line for every variant under the heading of its method: a dot, its quartiles and its figure."""
    ticks: list[tuple[str, str]] = []
    for method, group in by_method(entries).items():
        colour = theme.methods[method]
        ticks.append((METHODS[method], colour))
        for entry in group:
            line = len(ticks)
            end = value(entry)
            if bars:
                low, high = entry[bars]
                end = max(end, high)
                axes.plot([low, high], [line, line], color=colour, linewidth=5, alpha=0.4, solid_capstyle="butt")
            axes.plot(value(entry), line, "o", color=colour, markersize=4.5 if bars else 6)
            _label(axes, text(entry), end, line, colour, (8, -3.5))
            ticks.append((str(entry["variant"]), theme.text))
    axes.set_yticks(range(len(ticks)), [name for name, _ in ticks])
    axes.set_ylim(len(ticks) - 0.4, -0.7)
    _quiet(axes, theme)
    headings = METHODS.values()
    for label, (name, colour) in zip(axes.get_yticklabels(), ticks, strict=True):
        label.set_color(colour)
        label.set_fontweight("bold" if name in headings else "normal")
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


def _ratio_axis(axes: Axes, entries: Sequence[Entry]) -> None:
    """From below the fastest to past the slowest, with room for figures; logarithmic where that is far."""
    low = min(1, *(entry["ratio_quartiles"][0] for entry in entries))
    high = max(1.05, *(entry["ratio_quartiles"][1] for entry in entries))
    if high > 2.5:
        axes.set_xscale("log")
        ticks = [tick for tick in (0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 32, 64) if low * 0.9 <= tick <= high * 1.3]
        axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(low * 0.88, high * (high / low) ** 0.18)
    else:
        axes.set_xlim(low - 0.08 * (high - low), high + 0.18 * (high - low))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2f}×")


def _memory_ticks(axis) -> None:
    axis.set_major_formatter(lambda value, _: _amount(value) if value > _LEAST else f"≤ {_amount(_LEAST)}")
    axis.set_minor_locator(NullLocator())


def _target_times(entries: Sequence[Entry]) -> dict[int, float]:
    """Time of the paper's own edit by number of targets, over the time of one."""
    times = {
        entry["targets"]: entry["ratio"] * entry["seconds_per_step_plain"]
        for entry in entries
        if entry["method"] == OURS and entry["variant"].startswith(HEADLINE)
    }
    return {targets: times[targets] / times[1] for targets in sorted(times)} if 1 in times else {}


def _is_compared(entry: Entry) -> bool:
    variant, targets = str(entry["variant"]), entry["targets"]
    if not variant.startswith(HEADLINE) or targets != 1 or entry.get("prompt_tokens", 77) != 77:
        return False
    return entry["method"] == PUBLISHED or variant == HEADLINE


def _by_variant(entries: Sequence[Entry]) -> dict[tuple, list[Entry]]:
    groups: dict[tuple, list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry["method"], entry["variant"]), []).append(entry)
    return groups


def _ratio(entry: Entry) -> float:
    return entry["ratio"]


def _mib(entry: Entry) -> float:
    return max(entry["peak_mib_above_plain"], _LEAST)


def _amount(mib: float) -> str:
    """A memory, short: 0.3 MiB, 12 MiB, 10.1 GiB."""
    if abs(mib) >= 1024:
        return f"{mib / 1024:.3g} GiB"
    return f"{mib:.0f} MiB" if abs(mib) >= 10 else f"{mib:.1f} MiB".replace(".0 ", " ").replace("-0 ", "0 ")


def _label(axes: Axes, text: str, x: float, y: float, colour: str, offset: tuple, ha: str = "left") -> None:
    axes.annotate(text, (x, y), offset, textcoords="offset points", color=colour, ha=ha, fontsize=9)


def _quiet(axes: Axes, theme: Theme) -> None:
    axes.set_facecolor("none")
    axes.grid(color=theme.faint, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.muted, length=0)
    for spine in axes.spines.values():
        spine.set_color(theme.faint)


def _svg(figure: Figure) -> str:
    figure.patch.set_alpha(0)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
