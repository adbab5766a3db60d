"""An edit through stock sampling, on random weights."""

import pytest
import torch
from p2p.p2p_core.errors import P2PError

from .graph import (
    SOURCE,
    TARGET,
    applied,
    empty_latent,
    plain_text,
    relative,
    replace_controller,
    rows_of,
    sample,
    text,
)


def two_rows(latent=None):
    """A latent of a source and a target row with the same noise, as P2P Apply makes it."""
    latent = latent or empty_latent()
    return {"samples": latent["samples"].repeat_interleave(2, 0), "batch_index": [0, 0]}


def test_the_edit_changes_the_target_and_only_the_target(tiny):
    model, clip, _ = tiny
    edited = sample(*applied(model, clip, replace_controller(clip)))
    plain = sample(model, rows_of(text(clip, SOURCE), text(clip, TARGET)), plain_text(clip, ""), two_rows())
    assert torch.equal(edited[0], plain[0])
    assert relative(edited[1], plain[1]) > 1e-3


def test_the_edited_target_is_nearer_to_the_source(tiny):
    model, clip, _ = tiny
    edited = sample(*applied(model, clip, replace_controller(clip, cross_end=1.0, self_end=1.0)))
    plain = sample(model, rows_of(text(clip, SOURCE), text(clip, TARGET)), plain_text(clip, ""), two_rows())
    assert (edited[1] - edited[0]).norm() < (plain[1] - plain[0]).norm()


@pytest.mark.parametrize(
    ("name", "source", "target", "settings"),
    [
        ("same prompts", SOURCE, SOURCE, {}),
        ("empty windows", SOURCE, TARGET, {"cross_end": 0.0, "self_end": 0.0}),
    ],
)
def test_invariant_1_an_identity_is_bit_equal_to_the_unpatched_model(tiny, name, source, target, settings):
    model, clip, _ = tiny
    edited = sample(*applied(model, clip, replace_controller(clip, source, target, **settings)))
    plain = sample(model, rows_of(text(clip, source), text(clip, target)), plain_text(clip, ""), two_rows())
    assert torch.equal(edited, plain)


def test_two_terms_leave_the_source_alone(tiny):
    model, clip, _ = tiny
    controller = replace_controller(clip, word_windows="dog: 0-0.4")
    edited = sample(*applied(model, clip, controller))
    plain = sample(model, rows_of(text(clip, SOURCE), text(clip, TARGET)), plain_text(clip, ""), two_rows())
    assert torch.equal(edited[0], plain[0])
    one_term = sample(*applied(model, clip, replace_controller(clip)))
    assert not torch.equal(edited[1], one_term[1])  # how much: test_against_maps, "word window"


def test_a_model_without_its_positive_is_refused(tiny):
    model, clip, _ = tiny
    patched, _, negative, latent = applied(model, clip, replace_controller(clip))
    with pytest.raises(P2PError, match="connect the positive output"):
        sample(patched, plain_text(clip, SOURCE), negative, latent)


def test_a_latent_of_another_size_is_refused(tiny):
    model, clip, _ = tiny
    patched, positive, negative, _ = applied(model, clip, replace_controller(clip))
    with pytest.raises(P2PError, match="connect the latent output"):
        sample(patched, positive, negative, empty_latent(batch=3))
