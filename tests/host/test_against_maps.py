"""Whole sampling runs against the same runs with explicit maps at every attention layer (invariant 3)."""

import pytest

from .graph import applied, empty_latent, for_any_model, relative, replace_controller, sample
from .oracle import with_explicit_maps

LONG = " and ".join(["a wide green field under a blue sky with a lot of white clouds"] * 6)

CASES = {
    "swap": ("a photo of a cat on grass", "a photo of a dog on grass", {}),
    "longer word": ("a photo of a cat on grass", "a photo of a teddybear on grass", {}),
    "longer target": ("a cat", "a small black cat on green grass at night", {}),
    "shorter target": ("a small black cat on green grass at night", "a dog", {}),
    "weights": ("a (red:1.4) cat on grass", "a (blue:0.7) dog on grass", {}),
    "word window": ("a cat on grass", "a dog on grass", {"word_windows": "dog: 0.2-0.5"}),
    "two chunks": (f"a cat and {LONG}", f"a dog and {LONG}", {}),
    "other chunk counts": ("a cat", f"a dog and {LONG}", {}),
    "other chunk counts back": (f"a cat and {LONG}", "a dog", {"word_windows": "dog: 0-0.3"}),
    "late": ("a cat on grass", "a dog on grass", {"cross_start": 0.3, "cross_end": 1.0, "self_start": 0.2}),
}


@pytest.mark.parametrize(("source", "target", "settings"), CASES.values(), ids=CASES)
def test_invariant_3_sampling_equals_explicit_maps(tiny, source, target, settings):
    model, clip, _ = tiny
    controller = replace_controller(clip, source, target, **settings)
    latent = empty_latent(width=96, height=128, batch=2)
    patched, *inputs = applied(model, clip, controller, latent)
    edits = controller.entries[0].controller.edits
    expected = sample(with_explicit_maps(model, edits, largest_self_grid=4), *inputs)
    plain = sample(model, *for_any_model(*inputs))
    found = sample(patched, *inputs)
    assert relative(found, expected) < 1e-5
    assert relative(plain, expected) > 20 * relative(found, expected)
