"""What a demo leaves behind: ``report.json`` (written last), ``report.md``, ``report.html`` and a table to print."""

import base64
import html
import io
import json
from pathlib import Path

from PIL import Image

COLUMNS = {
    "target seen": ("success", "{:.0%}"),
    "mask IoU": ("mask_iou", "{:.2f}"),
    "centre, px": ("centroid_px", "{:.1f}"),
    "background, dB": ("background_psnr", "{:.1f}"),
    "seconds": ("seconds", "{:.1f}"),
}
FILES = ("report.json", "report.md", "report.html")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse } th, td { padding: .3rem .8rem; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child { text-align: left } img { max-width: 100% }
"""


def remove_old(folder: Path) -> None:
    """Take away the report of an earlier run, which must not be mistaken for this one's."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def write(folder: Path, report: dict) -> None:
    """Write the report in its three forms; report.json comes last, so where it is everything is."""
    (folder / "report.md").write_text(as_markdown(report), encoding="utf-8")
    (folder / "report.html").write_text(as_html(report, folder), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def rows(report: dict) -> list[list[str]]:
    """Return the table: a heading, a row per edit, and the means. Each cell is "without → with" Prompt-to-Prompt."""
    heading = ["without → with P2P", *COLUMNS]
    groups = [(edit["name"], edit) for edit in report["edits"]]
    groups += [("mean of all", report["mean"]), ("mean of object swaps", report["object_swaps"])]
    return [heading] + [[name, *(_cell(result, *column) for column in COLUMNS.values())] for name, result in groups]


def _cell(result: dict, measure: str, form: str) -> str:
    values = [result[f"{measure}_{arm}"] for arm in ("plain", "p2p")]
    if None in values:
        return "–"
    return " → ".join(form.format(value) for value in values)


def as_text(report: dict) -> str:
    """Return the table for a terminal."""
    table = rows(report)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells))
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


def as_markdown(report: dict) -> str:
    """Return the report with its pictures beside it."""
    heading, *body = rows(report)
    lines = ["# Prompt-to-Prompt: word swaps", "", *(f"* {note}" for note in _notes(report)), ""]
    lines += [_markdown_row(heading), _markdown_row(["---"] + ["---:"] * (len(heading) - 1))]
    lines += [_markdown_row(row) for row in body]
    for edit in report["edits"]:
        lines += ["", f"## {edit['name']}", "", f"“{edit['source']}” → “{edit['target']}”", ""]
        lines += [f"![{edit['name']}]({edit['images'][0]})"]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def as_html(report: dict, folder: Path) -> str:
    """Return one page that holds its pictures itself."""
    heading, *body = rows(report)
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Prompt-to-Prompt: word swaps</title>"]
    parts += [f"<style>{STYLE}</style><h1>Prompt-to-Prompt: word swaps</h1>"]
    parts += [f"<p>{html.escape(note)}</p>" for note in _notes(report)]
    parts += ["<table>", _html_row(heading, "th"), *(_html_row(row, "td") for row in body), "</table>"]
    for edit in report["edits"]:
        prompts = html.escape(f"“{edit['source']}” → “{edit['target']}”")
        picture = _inline(folder / edit["images"][0])
        parts += [f"<h2>{html.escape(edit['name'])}</h2><p>{prompts}</p><img alt='{prompts}' src='{picture}'>"]
    return "\n".join(parts) + "</html>\n"


def _html_row(cells: list[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _inline(file: Path) -> str:
    """Return the picture as a data address, as JPEG to keep the page small."""
    data = io.BytesIO()
    Image.open(file).convert("RGB").save(data, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def _notes(report: dict) -> list[str]:
    """Return what a reader must know to read the figures."""
    windows = report["windows"]
    notes = [
        f"{report['model']} in ComfyUI {report['host']} on {report['device']}, {report['steps']} steps, "
        f"cross window {windows['cross_start']}–{windows['cross_end']}, "
        f"self window {windows['self_start']}–{windows['self_end']}, the seeds not chosen. "
        "Each figure: without → with Prompt-to-Prompt, from the same noise.",
        "Seconds: time in the sampling node; without is the sum of the source's and the target's own plain runs, "
        "with is the one run that gives both.",
        f"The source pictures of the Prompt-to-Prompt runs differ from the plain ones by at most "
        f"{report['source_difference']:.0f}/255 in any pixel.",
    ]
    if report["mean"]["success_p2p"] is not None:
        notes.append("Centre distances leave out pictures in which the judge sees no object.")
    else:
        notes.append("Pictures of this model are not judged: the judge knows only the mini model's.")
    return notes
