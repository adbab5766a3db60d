"""The demo: word swaps through a running ComfyUI, as pictures, figures and a report.

Every edit is run in three arms from the same noise: the source prompt and the target prompt with stock nodes, and both
together with Prompt-to-Prompt. Seeds are counted up from 1, none is left out.
"""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy
from PIL import Image

from . import graphs, report
from .client import Client
from .edits import EDITS, Edit
from .errors import UserError
from .graphs import Batch, Settings
from .measuring import Pictures, means, measure
from .sheets import Column, contact_sheet

FIRST_SEED = 1
ROWS_PER_RUN = 8
LARGEST_SOURCE_DIFFERENCE = 2
WARM_UP_STEPS = 2


def main(arguments: list[str]) -> int:
    """Run the demo against the server at ``--url`` and return the exit code."""
    parser = argparse.ArgumentParser(prog="demo")
    parser.add_argument("--url", required=True)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--checkpoint", help="file name of a checkpoint the server knows")
    options = parser.parse_args(arguments)
    report.remove_old(options.output)
    settings = Settings(options.steps, options.checkpoint)
    batches = plan(options.seeds, ROWS_PER_RUN if settings.checkpoint is None else 1)
    result = asyncio.run(run(options.url, options.output, settings, batches))
    print(f"\n{report.as_text(result)}\n")
    if settings.checkpoint is None and result["source_difference"] > LARGEST_SOURCE_DIFFERENCE:
        raise UserError(
            f"FAILED: Prompt-to-Prompt changed a source picture by {result['source_difference']:.0f}/255, but it must "
            f"leave it as it is (at most {LARGEST_SOURCE_DIFFERENCE}/255). The results are in {options.output}."
        )
    print(options.output)
    return 0


def plan(count: int, rows_per_run: int) -> list[Batch]:
    """Return the runs that give this many pictures: seeds counted up, each with up to so many rows."""
    starts = range(0, count, rows_per_run)
    return [Batch(FIRST_SEED + run, min(rows_per_run, count - start)) for run, start in enumerate(starts)]


async def run(url: str, folder: Path, settings: Settings, batches: list[Batch]) -> dict:
    """Run every edit, write the results and return the report."""
    judge = load_judge() if settings.checkpoint is None else None
    async with Client(url) as client:
        await check_nodes(client)
        await warm_up(client, settings, batches[0])
        edits = [await run_edit(client, edit, folder, settings, batches, judge) for edit in EDITS]
        stats = await client.get_json("/system_stats")
    result = {
        "host": stats["system"]["comfyui_version"],
        "model": settings.checkpoint or "mini SDXL",
        "device": stats["devices"][0]["name"],
        "steps": settings.steps,
        "windows": graphs.windows(),
        "source_difference": max(edit["source_difference"] for edit in edits),
        "edits": edits,
        "mean": means(edits),
        "object_swaps": means([edit for edit in edits if edit["attribute"] == "object"]),
    }
    report.write(folder, result)
    return result


def load_judge() -> Callable:
    """Return the referee of the mini model's pictures."""
    from ..mini_sdxl.judge import load_judge as load

    return load()


async def check_nodes(client: Client) -> None:
    """Say so when the server does not know the nodes of the pack."""
    for node in graphs.load("word_swap").values():
        if not await client.get_json(f"/object_info/{node['class_type']}"):
            raise UserError(f"ComfyUI does not know the node {node['class_type']}: the pack was not loaded.")


async def warm_up(client: Client, settings: Settings, batch: Batch) -> None:
    """Load the model and touch both paths, so that no arm pays for what comes first."""
    few_steps = Settings(WARM_UP_STEPS, settings.checkpoint)
    source, target = EDITS[0].source.prompt, EDITS[0].target.prompt
    await client.run(graphs.plain_graph(source, batch, few_steps), "warm-up, plain")
    await client.run(graphs.word_swap_graph(source, target, batch, few_steps), "warm-up, Prompt-to-Prompt")


async def run_edit(
    client: Client, edit: Edit, folder: Path, settings: Settings, batches: list[Batch], judge: Callable | None
) -> dict:
    """Run the three arms of one edit, save the pictures and return its entry of the report."""
    pictures = await sample(client, edit, settings, batches)
    return {
        "name": edit.name,
        "source": edit.source.prompt,
        "target": edit.target.prompt,
        "attribute": edit.attribute,
        "seeds": sum(batch.rows for batch in batches),
        **measure(edit, pictures, judge),
        "images": save(edit, pictures, labels(batches), folder),
    }


async def sample(client: Client, edit: Edit, settings: Settings, batches: list[Batch]) -> Pictures:
    """Return the pictures of the three arms."""
    source, target = edit.source.prompt, edit.target.prompt
    arms = {
        "source": lambda batch: graphs.plain_graph(source, batch, settings),
        "target": lambda batch: graphs.plain_graph(target, batch, settings),
        "target with P2P": lambda batch: graphs.word_swap_graph(source, target, batch, settings),
    }
    shown: dict[str, list[numpy.ndarray]] = {}
    seconds: dict[str, float] = {}
    for arm, graph in arms.items():
        results = [await client.run(graph(batch), f"{edit.name}: {arm}") for batch in batches]
        shown[arm] = [picture for result in results for picture in result.pictures]
        seconds[arm] = sum(result.seconds for result in results)
    both = shown["target with P2P"]
    times = {"plain": seconds["source"] + seconds["target"], "p2p": seconds["target with P2P"]}
    return Pictures(shown["source"], shown["target"], both[1::2], both[0::2], times)


def labels(batches: list[Batch]) -> list[str]:
    """Return the name of every row: its seed, and its place in the batch where that has several."""
    return [
        f"seed {batch.seed}" + (f", no. {row + 1}" if batch.rows > 1 else "")
        for batch in batches
        for row in range(batch.rows)
    ]


def save(edit: Edit, pictures: Pictures, rows: list[str], folder: Path) -> list[str]:
    """Write the sheet and the single pictures; return their names, the sheet first."""
    columns = [
        Column("source", edit.source.prompt, pictures.source),
        Column("target without P2P, same seed", edit.target.prompt, pictures.plain),
        Column("target with P2P", edit.target.prompt, pictures.p2p),
    ]
    names = [f"{edit.name}.png"]
    contact_sheet(columns, rows).save(folder / names[0])
    (folder / edit.name).mkdir(exist_ok=True)
    for arm, images in (("source", pictures.source), ("plain", pictures.plain), ("p2p", pictures.p2p)):
        for row, image in enumerate(images):
            names.append(f"{edit.name}/{row + 1:02}_{arm}.png")
            Image.fromarray(image).save(folder / names[-1])
    return names
