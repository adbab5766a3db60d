"""Which prompt a ControlNet reads for the edited rows."""

import pytest
import torch
from p2p.nodes.apply import P2PApply

import nodes as host_nodes

from .beside.controls import hint, tiny_controlnet
from .graph import empty_latent, outputs, plain_text, relative, replace_controller, sample


@pytest.fixture(scope="module")
def control():
    return tiny_controlnet(7)


def run(tiny, control, monkeypatch, **inputs):
    """(latents, the texts that the ControlNet was given for the positive rows)."""
    model, clip, _ = tiny
    negative = plain_text(clip, "")
    patched, positive, negative, latent = outputs(
        P2PApply,
        model=model,
        controller=replace_controller(clip),
        negative=negative,
        latent=empty_latent(batch=2),
        **inputs,
    )
    seen = []
    forward = control.control_model.forward
    monkeypatch.setattr(
        control.control_model,
        "forward",
        lambda *args, context, **named: seen.append(context) or forward(*args, context=context, **named),
    )
    both = host_nodes.ControlNetApplyAdvanced().apply_controlnet(positive, negative, control, hint(1), 0.7, 0.0, 1.0)
    samples = sample(patched, *both, latent, steps=2)
    return samples, seen[0][-4:]  # the negative's rows come first


def test_every_row_reads_its_own_prompt_unless_asked_otherwise(tiny, control, monkeypatch):
    _, texts = run(tiny, control, monkeypatch)
    assert not torch.equal(texts[0], texts[1])
    assert torch.equal(texts[0], texts[2])


def test_with_source_all_rows_read_the_source(tiny, control, monkeypatch):
    own, own_texts = run(tiny, control, monkeypatch)
    monkeypatch.undo()
    shared, texts = run(tiny, control, monkeypatch, controlnet_prompt="source")
    assert all(torch.equal(text, own_texts[0]) for text in texts)
    assert relative(shared[0::2], own[0::2]) < 1e-6
    assert relative(shared[1::2], own[1::2]) > 1e-3
