"""The demo: every edit through a running ComfyUI, as pictures, figures and a report.

Each edit is run beside what people do instead, from the same noise: the new prompt with the same seed, and a change of
prompts while sampling. Seeds are counted up from 1, none is left out.
"""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from . import attention, demo_guidance, edits, goals, graphs, pictures, records, report
from .client import Client
from .edits import Scene
from .errors import UserError
from .graphs import Batch, Settings
from .measuring import difference, means, measure
from .studio import Shot, Studio
from .trials import Trial, all_trials

FIRST_SEED = 1
ROWS_PER_RUN = 8
LARGEST_SOURCE_DIFFERENCE = 2
WARM_UP_STEPS = 2
KINDS = ("replace", "blend", "refine", "reweight", "move", "together", "maps", "record", "adjust", "guidance")


def main(arguments: list[str]) -> int:
    """Run the demo against the server at ``--url`` and return the exit code."""
    parser = argparse.ArgumentParser(prog="demo")
    parser.add_argument("--url", required=True)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--checkpoint", help="file name of a checkpoint the server knows")
    parser.add_argument("--full", action="store_true", help="more scenes")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, help="kinds of edits")
    options = parser.parse_args(arguments)
    report.remove_old(options.output)
    settings = Settings(options.steps, options.checkpoint)
    batches = plan(options.seeds, ROWS_PER_RUN if settings.checkpoint is None else 1)
    trials = [trial for trial in all_trials(options.full) if set(trial.kinds) & set(options.only)]
    scenes = edits.SEEN + (edits.MORE_SEEN if options.full else ()) if "maps" in options.only else ()
    guided = demo_guidance.ALL if "guidance" in options.only else demo_guidance.NOTHING
    result = asyncio.run(run(options.url, options.output, settings, batches, trials, scenes, guided, options.only))
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


async def run(
    url: str,
    folder: Path,
    settings: Settings,
    batches: list[Batch],
    trials: Sequence[Trial],
    scenes: Sequence[Scene],
    guided: demo_guidance.Guided,
    kinds: Sequence[str],
) -> dict:
    """Run every trial, write the results and return the report."""
    judge = load_judge() if settings.checkpoint is None else None
    async with Client(url) as client:
        await check_nodes(client)
        await warm_up(client, settings, batches[0])
        studio = Studio(client, settings, batches, judge)
        made = await run_trials(studio, trials, folder, labels(batches))
        seen = [await run_maps(studio, scene, folder, labels(batches)) for scene in scenes]
        each = [Studio(client, settings, [batch], judge) for batch in batches]
        recorded = await run_records(each, folder, labels(batches), kinds)
        placed = await demo_guidance.run(studio, folder, labels(batches), guided)
        stats = await client.get_json("/system_stats")
    described = {
        "host": stats["system"]["comfyui_version"],
        "model": settings.checkpoint or "mini SDXL",
        "judged": judge is not None,
        "device": stats["devices"][0]["name"],
        "steps": settings.steps,
        "pictures": sum(batch.rows for batch in batches),
        "windows": graphs.windows(),
        "blend": graphs.settings_of("local_blend", "P2PLocalBlend"),
    }
    result = {**described, **summary(made, seen), **recorded, "guidance": placed}
    result["goals"] = goals.goals(result) if judge else []  # they are the embedded model's
    report.write(folder, result)
    return result


def summary(made: list[dict], seen: list[dict]) -> dict:
    """Return what the report says of the entries of all trials and maps; each kind that was run has a section."""
    swaps = [entry for entry in made if "replace" in entry["kinds"]]
    by_kind = {kind: [entry for entry in made if kind in entry["kinds"]] for kind in KINDS}
    sections = {
        kind: {"names": [entry["name"] for entry in entries], "mean": means(entries)}
        for kind, entries in by_kind.items()
        if entries
    }
    return {
        "source_difference": max((entry["source_difference"] for entry in [*made, *seen]), default=0.0),
        "edits": made,
        "mean": means(swaps),
        "object_swaps": means([entry for entry in swaps if entry["attribute"] == "object"]),
        "sections": sections,
        "curve": goals.curve(by_kind["reweight"]),
        "maps": seen,
        "maps_mean": attention.means(seen),
    }


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
    """Load the model and touch every path, so that no arm pays for what comes first."""
    few_steps = Settings(WARM_UP_STEPS, settings.checkpoint)
    source, target = edits.EDITS[0].source.prompt, edits.EDITS[0].target.prompt
    await client.run(graphs.plain_graph(source, batch, few_steps), "warm-up, plain")
    await client.run(graphs.switching_graph(source, target, batch, few_steps), "warm-up, switching")
    await client.run(graphs.blend_graph(source, target, batch, few_steps), "warm-up, Prompt-to-Prompt")


async def run_trials(studio: Studio, trials: Sequence[Trial], folder: Path, rows: list[str]) -> list[dict]:
    """Run the trials in their order; return their entries of the report."""
    made = []
    strips = pictures.Strips(folder, rows)
    for number, trial in enumerate(trials):
        if number and trial.source != trials[number - 1].source:
            studio.forget()
        source, shots = await shots_of(studio, trial)
        strips.add(trial, source, shots["p2p"])
        entry = await entry_of(studio, trial, source, shots)
        entry["images"] = pictures.save(trial, source, shots, rows, folder)
        entry["strip"] = strips.name_of(trial)
        made.append(entry)
    strips.save()
    studio.forget()
    return made


async def shots_of(studio: Studio, trial: Trial) -> tuple[Shot, dict[str, Shot]]:
    """Return the pictures of the source prompt, and of every arm."""
    source = await studio.shot(trial.original, f"{trial.name}: source")
    return source, {arm.key: await studio.shot(arm.take, f"{trial.name}: {arm.key}") for arm in trial.arms}


async def entry_of(studio: Studio, trial: Trial, source: Shot, shots: dict[str, Shot]) -> dict:
    """Return what the report says of one trial, without its pictures."""
    seconds = {arm.key: await studio.seconds(arm.timed, f"{trial.name}: {arm.key}") for arm in trial.arms}
    takes = [arm.take for arm in trial.arms if arm.take.group > 1]
    sources = [await studio.shot(take.first, f"{trial.name}: source") for take in takes]
    return {
        "name": trial.name,
        "kinds": list(trial.kinds),
        "source": trial.source,
        "target": trial.target,
        "attribute": trial.attribute,
        "value": trial.value,
        "seeds": len(source.pictures),
        "source_difference": max(difference(source, shot) for shot in sources),
        **measure(trial, source, shots, seconds),
    }


async def run_maps(studio: Studio, scene: Scene, folder: Path, rows: list[str]) -> dict:
    """Return what the report says of one recording."""
    seen = await attention.look(studio, scene)
    studio.forget()
    name = attention.name_of(scene)
    images = [pictures.save_sheet(folder, name, seen.columns, rows)]
    for column in seen.columns:
        images += pictures.save_singles(folder, name, column.title, column.pictures)
    return {"name": name, "source": scene.prompt, "word": scene.object, **seen.figures, "images": images}


async def run_records(studios: Sequence[Studio], folder: Path, rows: list[str], kinds: Sequence[str]) -> dict:
    """Return what the report says of edits from one record, and of words moved in records."""
    scenes = records.ADJUSTED if "adjust" in kinds else ()
    return {
        "record": await records.one_picture(studios, folder, rows) if "record" in kinds else None,
        "adjusted": [await records.moved_in_record(studios, scene, folder, rows) for scene in scenes],
    }


def labels(batches: list[Batch]) -> list[str]:
    """Return the name of every row: its seed, and its place in the batch where that has several."""
    return [
        f"seed {batch.seed}" + (f", no. {row + 1}" if batch.rows > 1 else "")
        for batch in batches
        for row in range(batch.rows)
    ]
