"""Runs that are watched by a store, and the maps of the same run with explicit attention."""

import math
from dataclasses import dataclass, field

import torch
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.move import P2PMoveController
from p2p.nodes.reweight import P2PReweightController

from .graph import SOURCE, applied, empty_latent, outputs, plain_text, replace_controller, sample, text
from .oracle import NEGATIVE, POSITIVE, ExplicitMaps, with_explicit_maps

LONG = " and ".join(["a wide green field under a blue sky with a lot of white clouds"] * 6)


def with_store(model, words="", prompt="positive", largest_grid="medium", start=0.0, end=1.0, keep_steps=False):
    """(model, store)."""
    return outputs(
        P2PAttentionStore, model=model, words=words, prompt=prompt, largest_grid=largest_grid, start=start, end=end,
        keep_steps=keep_steps,
    )  # fmt: skip


def record_of(model, inputs, settings, **sampling):
    patched, store = with_store(model, **settings)
    sample(patched, *inputs, **sampling)
    return store.record


def fader(clip):
    scales = "cat: -1.5\ngrass: 2 @ 0.3-1"
    return outputs(P2PReweightController, scales=scales, conditioning=text(clip, SOURCE))[0]


def moved(clip):
    settings = {"offset_x": 0.25, "offset_y": -0.1, "scale": 1.3, "start": 0.0, "end": 0.6}
    return outputs(P2PMoveController, word="cat", conditioning=text(clip, SOURCE), **settings)[0]


def two_chunks(clip):
    return replace_controller(clip, f"a cat and {LONG}", f"a dog and {LONG}")


def other_chunk_counts(clip):
    return replace_controller(clip, "a cat", f"a dog and {LONG}", word_windows="dog: 0-0.3")


def teddy(clip):
    return replace_controller(clip, "a dog and a dog", "a teddybear and a dog")


@dataclass(frozen=True)
class Case:
    """A run that is watched."""

    edit: object = None
    store: dict = field(default_factory=dict)
    batch: int = 1
    width: int = 96
    negative: str | None = None
    sampling: dict = field(default_factory=dict)


def inputs_of(case: Case, model, clip):
    """(edits, P2P's model, what the sampler gets besides)."""
    latent = empty_latent(width=case.width, height=128, batch=case.batch)
    negative = plain_text(clip, "") if case.negative is None else text(clip, case.negative)
    if case.edit is None or isinstance(case.edit, str):
        return (), model, (text(clip, case.edit or SOURCE), negative, latent)
    controller = case.edit(clip)
    patched, positive, _, latent = applied(model, clip, controller, latent)
    return controller.entries[0].controller.edits, patched, (positive, negative, latent)


def explicit_run(model, edits, inputs, **sampling) -> ExplicitMaps:
    maps = ExplicitMaps()
    sample(with_explicit_maps(model, edits, see=maps.add), *inputs, **sampling)
    return maps


def expected_map(case: Case, edits, row_maps, label, maps: ExplicitMaps, inputs, sigmas) -> torch.Tensor:
    prompts = [edits[0].source, *(edit.target for edit in edits)] if edits else [inputs[0][0][1]["p2p_prompt"]]
    is_edit = bool(edits) and row_maps.side == "positive"
    if row_maps.side == "negative":
        prompts = [inputs[1][0][1]["p2p_prompt"]]
    prompt = prompts[row_maps.row % len(prompts)]
    latent = (16, case.width // 8)
    divisor = {"coarse": 4, "medium": 2, "all": 1}[case.store.get("largest_grid", "medium")]
    return maps.mean(
        prompt.find(label),
        row_maps.row,
        tuple(math.ceil(side / divisor) for side in latent),
        prompt.token_count,
        POSITIVE if row_maps.side == "positive" else NEGATIVE,
        sigmas,
        len(prompts) if is_edit else None,
    )


def assert_record(case: Case, record, edits, maps, inputs, model) -> None:
    """Every recorded map is the explicit one, up to the rounding of float16."""
    sampling = model.get_model_object("model_sampling")
    start, end = case.store.get("start", 0.0), case.store.get("end", 1.0)
    high, low = (float(sampling.percent_to_sigma(bound)) for bound in (start, end))
    recorded = [sigma for sigma in maps.sigmas if (end == 1 or sigma > low) and (start == 0 or sigma <= high)]
    steps = [[sigma] for sigma in recorded] if case.store.get("keep_steps") else [recorded]
    assert record.rows
    for row in record.rows:
        assert row.maps.dtype == torch.float16
        assert row.maps.device.type == "cpu"
        assert row.maps.shape[:2] == (len(steps), len(row.words))
        for number, sigmas in enumerate(steps):
            for word, label in enumerate(row.words):
                expected = expected_map(case, edits, row, label, maps, inputs, sigmas)
                found = row.maps[number, word].float()
                assert found.shape == expected.shape
                # float16 rounds by 4.9e-4; measured beyond that: 4e-7.
                assert ((found - expected).abs() <= 5e-4 * expected.abs() + 1e-6).all(), (row.role, label)
