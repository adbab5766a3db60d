"""What a demo leaves behind: ``report.json`` (written last), ``report.md``, ``report.html`` and tables to print."""

import base64
import html
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from . import demo_guidance, sections
from .attention import START
from .sections import SECTIONS

TITLE = "Prompt-to-Prompt: what the demo measured"
FILES = ("report.json", "report.md", "report.html")
JPEG_QUALITY = 80
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .15rem .7rem; border-bottom: 1px solid #ddd }
td, th { text-align: right } th:first-child, td:first-child { text-align: left } img { max-width: 100% }
details { margin: .4rem 0 } summary { cursor: pointer }
"""


@dataclass(frozen=True)
class Sheet:
    """A contact sheet of the report, and what is on it."""

    title: str
    caption: str
    file: str


@dataclass(frozen=True)
class Chapter:
    """A heading with notes, tables and sheets. Long tables, of every edit, are not printed."""

    title: str
    notes: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    long_tables: list[list[list[str]]] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)


def remove_old(folder: Path) -> None:
    """Take away the report of an earlier run, which must not be mistaken for this one's."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def write(folder: Path, report: dict) -> None:
    """Write the report in its three forms; report.json comes last, so where it is everything is."""
    (folder / "report.md").write_text(as_markdown(report), encoding="utf-8")
    (folder / "report.html").write_text(as_html(report, folder), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def chapters(report: dict) -> Iterator[Chapter]:
    """Return a chapter per kind of edit that was run, one of the maps, and one of the expectations."""
    for kind, section in SECTIONS.items():
        if kind in report["sections"]:
            yield _chapter(kind, report, section.title, section.note)
    if report["maps"]:
        yield _maps_chapter(report)
    if report["record"]:
        yield _record_chapter(report["record"])
    if report["adjusted"]:
        yield _adjusted_chapter(report["adjusted"])
    if any(report["guidance"].values()):
        yield _guidance_chapter(report["guidance"])
    if report["goals"]:
        yield Chapter("Expected and reached", tables=[sections.goal_rows(report)])


def _chapter(kind: str, report: dict, title: str, note: str) -> Chapter:
    entries = [entry for entry in report["edits"] if kind in entry["kinds"]]
    tables = [sections.mean_rows(kind, report)]
    if kind == "reweight" and report["judged"]:
        tables.append(sections.curve_rows(report))
    notes = [note] if note else []
    if kind == "blend":
        notes.append(f"Settings: {_listed(report['blend'])}.")
        return Chapter(title, notes, tables, [sections.edit_rows(kind, report)])  # its sheets are the swaps'
    return Chapter(title, notes, tables, [sections.edit_rows(kind, report)], _sheets(entries))


def _sheets(entries: list[dict]) -> list[Sheet]:
    """Return the sheets to show: of edits that share a strip, that one."""
    shown: dict[str, Sheet] = {}
    for entry in entries:
        if entry["strip"]:
            shown.setdefault(
                entry["strip"], Sheet(entry["strip"].removesuffix(".png"), entry["source"], entry["strip"])
            )
        else:
            caption = f"“{entry['source']}” → “{entry['target']}”"
            shown[entry["name"]] = Sheet(entry["name"], caption, entry["images"][0])
    return list(shown.values())


def _maps_chapter(report: dict) -> Chapter:
    notes = [
        "The part of a noun's attention that lies inside the judge's outline of its object, in parts of the outline's "
        f"share of the picture: 1 says nothing. Mean over heads and layers, progress {START:g} to 1, positive prompt. "
        "A heat map shows a map with its smallest value taken off."
    ]
    sheets = [
        Sheet(entry["name"], f"{entry['word']}: “{entry['source']}”", entry["images"][0]) for entry in report["maps"]
    ]
    return Chapter("Maps: where a noun looks", notes, [sections.map_rows(report)], [], sheets)


def _guidance_chapter(made: dict) -> Chapter:
    notes = [
        "Two objects: P2P Attention Guidance with the objective be present, beside the same prompt without it. Both "
        "are there where the judge sees at least 2 % of the picture of each; in its colour means that it sees no other "
        "in more of it.",
        "A place: the objective be here, beside the prompt alone and beside P2P Move a Word, which is told the way "
        "from where the object is on the mean without it. At the place means that the object is seen and its centre "
        "lies within a tenth of the picture's width. Seconds of the move are of the source's pictures too.",
    ]
    sheets = [
        Sheet(entry["name"], f"“{entry['title']}”", entry["images"][0]) for kind in made.values() for entry in kind
    ]
    return Chapter("Guidance: attention as it is asked for", notes, demo_guidance.tables(made), [], sheets)


def _record_chapter(entry: dict) -> Chapter:
    notes = [
        "The source is sampled and recorded once (P2P Record, fp16, in memory); every edit then samples its own "
        "picture only. A pair samples the source again with every edit. Seconds are of the sampling nodes; likeness "
        "is between the two ways, of the worst picture."
    ]
    sheets = [
        Sheet("from the record", f"“{entry['source']}”, recorded once", entry["images"][0]),
        Sheet("as pairs", "The same edits, each with its source in the batch", entry["images"][1]),
    ]
    return Chapter("One picture, eight edits", notes, [sections.record_rows(entry)], [], sheets)


def _adjusted_chapter(entries: list[dict]) -> Chapter:
    notes = [
        "The word is moved in the record (P2P Adjust: Move a Word), and the same prompt is sampled again from it. "
        "Moved is how far the object's centre went the asked way, as a part of the asked distance."
    ]
    sheets = [Sheet(entry["source"], "Moved in the record", entry["images"][0]) for entry in entries]
    return Chapter("Record, move, run again", notes, [sections.adjusted_rows(entries)], [], sheets)


def as_text(report: dict) -> str:
    """Return the tables for a terminal: means, curve, maps and expectations."""
    return "\n\n".join(
        "\n".join([chapter.title, *(_text_table(table) for table in chapter.tables if len(table) > 1)])
        for chapter in chapters(report)
    )


def _text_table(table: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    left = _left_columns(table)
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells))
    lines.insert(1, "  " + "-" * (len(lines[0]) - 2))
    return "\n".join(lines)


def _left_columns(table: list[list[str]]) -> int:
    """Return how many columns are names: those without a heading, after the first, are names too."""
    return 2 if table[0][1] == "" else 1


def as_markdown(report: dict) -> str:
    """Return the report with its pictures beside it."""
    lines = [f"# {TITLE}", "", *(f"* {note}" for note in _notes(report))]
    for chapter in chapters(report):
        lines += ["", f"## {chapter.title}"]
        for note in chapter.notes:
            lines += ["", note]
        for table in [*chapter.tables, *chapter.long_tables]:
            lines += ["", *_markdown_table(table)]
        for sheet in chapter.sheets:
            lines += ["", f"### {sheet.title}", "", sheet.caption, "", f"![{sheet.title}]({sheet.file})"]
    return "\n".join(lines) + "\n"


def _markdown_table(table: list[list[str]]) -> list[str]:
    left = _left_columns(table)
    rule = ["---"] * left + ["---:"] * (len(table[0]) - left)
    return ["| " + " | ".join(row) + " |" for row in [table[0], rule, *table[1:]]]


def as_html(report: dict, folder: Path) -> str:
    """Return one page that holds its pictures itself."""
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{TITLE}</title>"]
    parts += [f"<style>{STYLE}</style><h1>{TITLE}</h1>"]
    parts += [f"<p>{html.escape(note)}</p>" for note in _notes(report)]
    for chapter in chapters(report):
        parts += [f"<h2>{html.escape(chapter.title)}</h2>"]
        parts += [f"<p>{html.escape(note)}</p>" for note in chapter.notes]
        parts += [_html_table(table) for table in chapter.tables]
        parts += [
            f"<details><summary>every edit</summary>{_html_table(table)}</details>" for table in chapter.long_tables
        ]
        for sheet in chapter.sheets:
            title, caption = html.escape(sheet.title), html.escape(sheet.caption)
            parts += [f"<h3>{title}</h3><p>{caption}</p><img alt='{caption}' src='{_inline(folder / sheet.file)}'>"]
    return "\n".join(parts) + "</html>\n"


def _html_table(table: list[list[str]]) -> str:
    rows = [_html_row(table[0], "th"), *(_html_row(row, "td") for row in table[1:])]
    return "<table>" + "".join(rows) + "</table>"


def _html_row(cells: list[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _inline(file: Path) -> str:
    """Return the picture as a data address, as JPEG to keep the page small."""
    data = io.BytesIO()
    Image.open(file).convert("RGB").save(data, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def _listed(settings: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items() if value != "")


def _notes(report: dict) -> list[str]:
    """Return what a reader must know to read the figures."""
    windows = report["windows"]
    notes = [
        f"{report['model']} in ComfyUI {report['host']} on {report['device']}, {report['steps']} steps, "
        f"{report['pictures']} pictures of every edit, the seeds not chosen; cross window "
        f"{windows['cross_start']}–{windows['cross_end']}, self window {windows['self_start']}–{windows['self_end']}.",
        "From the same noise, beside Prompt-to-Prompt: the new prompt with the same seed, and the source prompt until "
        "0.3 of sampling, then the new one.",
        f"The source pictures of all runs differ from those of stock nodes by at most "
        f"{report['source_difference']:.0f}/255 in any pixel.",
    ]
    if not report["judged"]:
        return [*notes, "Pictures of this model are not judged: the judge knows only the mini model's."]
    return [*notes, *sections.COLUMN_NOTES]
