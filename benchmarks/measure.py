"""The entries of the results, measured one after the other."""

from collections.abc import Iterator, Sequence

import torch

from .counted import Counter, Size
from .edits import CASES, Case, plain, plain_target
from .explicit import progress_of_steps, with_explicit_maps
from .explicit_memory import needed_bytes, sites_of
from .models import Architecture, loaded
from .own_time import own_share
from .plans import TimedPlan
from .recorded import ready
from .running import SCHEDULER
from .timed import compare

RECORDED, ALONE = "edit from a record", "target alone"  # the bound of the first
STORE = ", store"  # what the published method's variant is called when it keeps its maps


def counted_entries(
    architecture: Architecture, steps: int, ours: list[tuple[str, Size]], published: list[tuple[str, Size]]
) -> Iterator[dict]:
    """Counts of a full-size model; the published method without its store and with it."""
    counter = Counter(architecture, steps=steps)
    for name, size in ours:
        yield counter.count(name, size)
    for name, size in published:
        for keeps_store in (False, True):

            def patched(model, clip, case: Case = CASES[name], keeps_store: bool = keeps_store):
                return published_model(model, clip, case, steps, keeps_store)

            named = name + STORE * keeps_store
            yield counter.count_other(named, "published", CASES[name], size, patched)


def timed_entries(plan: TimedPlan, device: torch.device) -> Iterator[dict]:
    """Times and peaks on a model with weights."""
    model, clip = loaded(plan.architecture, plan.dtype, device)
    for names in _together(plan.ours):
        case = CASES[names[0]]
        base = plain(case, model, clip, plan.size.width, plan.size.height)
        ours = [
            ready(CASES[name], model, clip, plan.size.width, plan.size.height, plan.steps, "memory") for name in names
        ]
        alone = [plain_target(case, model, clip, plan.size.width, plan.size.height)] if case.is_recorded else []
        ratios = compare(base, [*ours, *alone], plan.steps, plan.pairs, device)
        for name, sampled, ratio in zip(names, ours, ratios, strict=False):
            yield _timed(plan, name, "ours", CASES[name], ratio, own_share(sampled, plan.steps, device), device)
        if alone:
            yield _timed(plan, names[0].replace(RECORDED, ALONE), "plain", case, ratios[-1], None, device)
    for name in plan.published:
        case = CASES[name]
        base = plain(case, model, clip, plan.size.width, plan.size.height)
        for keeps_store in (False, True):
            if _does_not_fit(model, plan, case, keeps_store, device):
                continue
            other = published_model(model, clip, case, plan.steps, keeps_store)
            sampled = type(base)(other, base.positive, base.negative, base.latent)
            (ratio,) = compare(base, [sampled], plan.steps, plan.pairs, device)
            yield _timed(plan, name + STORE * keeps_store, "published", case, ratio, None, device)


def _together(names: Sequence[str]) -> list[list[str]]:
    """Cases whose times are of the same rounds: those from a record of as many pictures, and their bound."""
    groups: dict[object, list[str]] = {}
    for name in names:
        case = CASES[name]
        groups.setdefault(case.pictures if case.is_recorded else name, []).append(name)
    return [*groups.values()]


def published_model(model, clip, case: Case, steps: int, keeps_store: bool):
    """The model with the published method's maps, for plain rows."""
    edits = case.controller(clip).entries[0].controller.edits
    return with_explicit_maps(model, edits, progress_of_steps(model, steps, SCHEDULER), keeps_store)


def _does_not_fit(model, plan: TimedPlan, case: Case, keeps_store: bool, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    sites = sites_of(model.model.diffusion_model, plan.size.height // 8, plan.size.width // 8, 77)
    free, _ = torch.cuda.mem_get_info(device)
    return needed_bytes(sites, case.rows, plan.dtype, keeps_store) > 0.9 * free


def _timed(plan: TimedPlan, name: str, method: str, case: Case, ratio, share: float | None, device) -> dict:
    return {
        "model": plan.architecture.name,
        "width": plan.size.width,
        "height": plan.size.height,
        "dtype": str(plan.dtype).removeprefix("torch."),
        "device": device.type,
        "variant": name,
        "method": method,
        "targets": case.targets,
        "rows": case.rows,
        "steps": plan.steps,
        "pairs": plan.pairs,
        "ratio": ratio.median,
        "ratio_quartiles": list(ratio.quartiles),
        "seconds_per_step_plain": ratio.plain_seconds,
        "own_share": share,
        "peak_mib_above_plain": ratio.peak_mib,
        "peak_of": "allocator" if device.type == "cuda" else "resident set",
    }
