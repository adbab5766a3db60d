"""``dev.py bench``: measures, and leaves the results, the page and its plots in one folder."""

import argparse
import datetime
import json
import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

FORMAT = 1
PARTS = ("counted", "timed", "records")


def main(arguments: list[str]) -> int:
    """Measure what is asked for; results so far are written after every entry."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--comfyui", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args(arguments)
    from .host_process import load_host

    load_host(options.comfyui, options.cpu)
    logging.getLogger().setLevel(logging.WARNING)
    with torch.inference_mode():
        _measure(options)
    return 0


def _measure(options: argparse.Namespace) -> None:
    """Only after the host is loaded can what measures be imported."""
    from comfy.model_management import get_torch_device

    from . import machine

    device = torch.device("cpu") if options.cpu else get_torch_device()
    results = {
        "format": FORMAT,
        "name": machine.short_name(device),
        "machine": machine.kind(device),
        "comfyui": _version(),
        "torch": torch.__version__,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "timed": [],
        "counted": [],
        "records": [],
        "notes": [],
    }
    folder = options.output / results["name"]
    folder.mkdir(parents=True, exist_ok=True)
    _keep_other_parts(results, folder, options.only)
    for part, entry in _entries(device, options.only):
        results[part].append(entry)
        _write(results, folder)
        print(_line(part, entry), flush=True)
    print(f"Results, page and plots: {folder}")


def _keep_other_parts(results: dict, folder: Path, parts: Iterable[str]) -> None:
    """What is there already of the same host and torch and is not measured now stays."""
    from .page import RESULTS, read

    if not (folder / RESULTS).exists():
        return
    before = read(folder / RESULTS)
    if all(before[name] == results[name] for name in ("machine", "comfyui", "torch")):
        results.update({part: before.get(part, []) for part in PARTS if part not in parts})


def _entries(device: torch.device, parts: Iterable[str]) -> Iterator[tuple[str, dict]]:
    from .measure import counted_entries, timed_entries
    from .plans import counted_plans, timed_plans
    from .recorded import sizes

    if "timed" in parts:
        for plan in timed_plans(device):
            yield from (("timed", entry) for entry in timed_entries(plan, device))
    if "counted" in parts:
        for counted in counted_plans():
            yield from (("counted", entry) for entry in counted_entries(*counted))
    if "records" in parts:
        yield from (("records", entry) for entry in sizes())


def _write(results: dict, folder: Path) -> None:
    from .page import RESULTS, write

    (folder / RESULTS).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write(results, folder)


def _line(part: str, entry: dict) -> str:
    if part == "records":
        return f"record, {entry['options']}, {entry['precision']}: {entry['mib_per_step']:.1f} MiB per step"
    what = f"{entry['model']} {entry['width']}×{entry['height']} {entry['method']}: {entry['variant']}"
    if part == "timed":
        low, high = entry["ratio_quartiles"]
        return f"{what}: {entry['ratio']:.3f} ({low:.3f}–{high:.3f}) of plain's time"
    return (
        f"{what}: {entry['launches_ratio']:.3f} of plain's launches, {entry['flops_ratio']:.4f} of its arithmetic, "
        f"{entry['peak_mib_above_plain']:+.1f} MiB at the peak"
    )


def _version() -> str:
    import comfyui_version

    return comfyui_version.__version__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
