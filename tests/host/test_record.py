"""Edits from a record are those that source and targets make in one batch."""

import pytest
from p2p.nodes.apply import P2PApply
from p2p.nodes.record import P2PRecord

from .graph import (
    SOURCE,
    applied,
    empty_latent,
    outputs,
    plain_text,
    relative,
    replace_controller,
    sample,
    text,
)
from .kinds import KINDS

EXACT = {
    "keep": "everything", "words": "", "cross_grids": "all", "self_grids": "coarse", "start": 0.0, "end": 1.0,
    "resolution": "full", "precision": "fp32", "keep_in": "memory", "budget": 8192,
}  # fmt: skip


def recorded(model, clip, latent=None, negative="", settings=None, **sampling):
    """(record, the source's latent)."""
    patched, record = outputs(P2PRecord, model=model, **{**EXACT, **(settings or {})})
    started = latent or empty_latent()
    made = sample(patched, text(clip, SOURCE), plain_text(clip, negative), started, **sampling)
    return record, made


def replayed(model, clip, controller, record, source, negative="", **sampling):
    patched, positive, negative, latent = outputs(
        P2PApply,
        model=model,
        controller=controller,
        negative=plain_text(clip, negative),
        latent={"samples": source},
        record=record,
    )
    return sample(patched, positive, negative, latent, **sampling)


def in_batch(model, clip, controller, latent=None, **sampling):
    patched, positive, negative, rows = applied(model, clip, controller, latent)
    return sample(patched, positive, negative, rows, **sampling)


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpmpp_2m", "dpmpp_2m_sde", "euler_ancestral", "uni_pc", "lcm"])
def test_a_replayed_edit_is_that_of_the_batch(tiny, sampler):
    model, clip, _ = tiny
    controller = replace_controller(clip)
    record, source = recorded(model, clip, sampler=sampler)
    both = in_batch(model, clip, controller, sampler=sampler)
    assert relative(both[:1], source) < 1e-5
    made = replayed(model, clip, controller, record, source, sampler=sampler)
    assert made.shape == source.shape
    assert relative(both[1:], source) > 1e-2
    assert relative(made, both[1:]) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_edit(tiny, kind):
    model, clip, _ = tiny
    controller = KINDS[kind](clip)
    record, source = recorded(model, clip, settings={"self_grids": "all"})
    both = in_batch(model, clip, controller)
    made = replayed(model, clip, controller, record, source)
    assert made.shape[0] == controller.rows - 1
    assert relative(made, both[1:]) < 1e-5


@pytest.mark.parametrize("kind", ["replace", "refine", "blend", "combine"])
def test_several_pictures_of_any_shape(tiny, kind):
    model, clip, _ = tiny
    controller = KINDS[kind](clip)
    latent = {**empty_latent(136, 72, 2), "batch_index": [0, 1]}  # each its own noise, as P2P Apply gives it
    record, source = recorded(model, clip, latent)
    both = in_batch(model, clip, controller, latent).unflatten(0, (2, -1))
    assert relative(both[:, 0], source) < 1e-5
    made = replayed(model, clip, controller, record, source)
    assert relative(made, both[:, 1:].flatten(0, 1)) < 1e-5


WORDS = {"keep": "key words", "words": "cat"}


@pytest.mark.parametrize("resolution", ["full", "half"])
def test_key_words_alone(tiny, resolution):
    """As the batch with the windows of all other tokens closed."""
    model, clip, _ = tiny
    record, source = recorded(model, clip, settings={**WORDS, "resolution": resolution})
    made = replayed(model, clip, replace_controller(clip, self_end=0.0), record, source)
    same = replace_controller(clip, self_end=0.0, word_windows="dog: 0-0.8", cross_end=0.0)
    both = in_batch(model, clip, same)
    assert relative(made, both[1:]) < (1e-5 if resolution == "full" else 0.1)
    assert relative(made, both[1:]) > (0 if resolution == "full" else 1e-5)
