"""What cannot work beside an edit is refused in the first model call at the latest, before anything is drawn."""

import comfy.context_windows as windows
import comfy.hooks
import pytest
from p2p.p2p_core.errors import P2PError

from ..graph import applied, empty_latent, plain_text
from .adapters import with_attention_couple
from .check import three_steps
from .edits import EDIT_NAMES, EDITS

every_edit = pytest.mark.parametrize("edit", EDITS, ids=EDIT_NAMES)


@every_edit
@pytest.mark.parametrize("order", ["before", "after"])
def test_attention_couple(small, edit, order):
    """It repeats the rows of a prompt for several texts and overwrites the values of an edit."""
    model, clip = small[:2]
    other = plain_text(clip, "a wide green field")[0][0]
    if order == "before":
        model = with_attention_couple(model, other)
    patched, *inputs = applied(model, clip, edit.controller(clip), empty_latent(64, 64))
    if order == "after":
        patched = with_attention_couple(patched, other)
    with pytest.raises(P2PError, match="another node changes the batch inside the model"):
        three_steps(patched, *inputs)


@every_edit
def test_attention_couple_through_a_hook(small, edit):
    """As prompts with regions install it: on their conditioning."""
    model, clip = small[:2]
    couple = with_attention_couple(model, plain_text(clip, "a wide green field")[0][0])
    patches = couple.model_options["transformer_options"]["patches"]
    hooks = comfy.hooks.HookGroup()
    hooks.add(comfy.hooks.TransformerOptionsHook({"patches": patches}))
    patched, positive, negative, latent = applied(model, clip, edit.controller(clip), empty_latent(64, 64))
    hooked = comfy.hooks.set_hooks_for_conditioning(positive, hooks)
    with pytest.raises(P2PError, match="another node changes the batch inside the model"):
        three_steps(patched, hooked, negative, latent)


def windowed(model, length: int):
    patched = model.clone()
    patched.model_options["context_handler"] = windows.IndexListContextHandler(
        context_schedule=windows.get_matching_context_schedule("standard_static"),
        fuse_method=windows.get_matching_fuse_method("pyramid"),
        context_length=length,
        context_overlap=1,
        context_stride=1,
        closed_loop=False,
        dim=0,
    )
    windows.create_prepare_sampling_wrapper(patched)
    return patched


def test_context_windows_that_cut_the_batch(small):
    model, clip = small[:2]
    patched, *inputs = applied(windowed(model, 2), clip, EDITS[0].controller(clip), empty_latent(64, 64, 2))
    with pytest.raises(P2PError, match=r"cut the batch of 4 in pieces of 2.*take the context windows off"):
        three_steps(patched, *inputs)


def test_context_windows_that_hold_the_batch(small):
    model, clip = small[:2]
    patched, *inputs = applied(windowed(model, 4), clip, EDITS[0].controller(clip), empty_latent(64, 64, 2))
    assert three_steps(patched, *inputs).shape[0] == 4
