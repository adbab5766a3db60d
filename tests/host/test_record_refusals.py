"""A record that does not fit is refused before the first model call, with what differs."""

from collections.abc import Callable
from dataclasses import replace

import comfy_extras.nodes_custom_sampler as custom
import pytest
import torch
from p2p.nodes.record import P2PRecord
from p2p.p2p_core.errors import P2PError

import nodes as host_nodes

from .beside.adapters import ImagePrompt, with_image_prompt
from .beside.controls import hint, tiny_controlnet
from .beside.weights import save_lora
from .graph import SOURCE, TARGET, outputs, plain_text, text
from .test_record import EXACT
from .test_record_runs import Graph, by, in_area, in_mask, in_range, masked, replaced
from .tiny_models import sdxl_shaped


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("small")


@pytest.fixture(scope="module")
def made(small):
    """(record, source) with nothing around the sampler."""
    with torch.inference_mode():
        return Graph().record(small)


def refuse(setup, made, graph: Graph, sentence: str, replay: Callable | None = None) -> None:
    """Replaying in this graph says so, and the network is not called once."""
    calls: list = []

    def run(*inputs):
        handle = setup[0].model.diffusion_model.register_forward_pre_hook(lambda *call: calls.append(call))
        try:
            return graph.run(*inputs)
        finally:
            handle.remove()

    observed = replace(graph, run=run)
    with pytest.raises(P2PError) as caught:
        (replay or observed.replay)(setup, graph.controller(setup[1]), *made)
    assert sentence in str(caught.value)
    assert calls == []


SAMPLINGS = {
    "the seed (1 recorded, 2 here)": by("euler", seed=2),
    "is the noise levels (steps, scheduler, denoise or the part of the schedule).": by("euler", steps=5),
    "is the noise levels": by("euler", scheduler="karras"),
    "are the noise levels (steps, scheduler, denoise or the part of the schedule) and the seed": by(
        "euler", steps=4, seed=2
    ),
    "the sampler (sample_euler recorded, sample_heun here)": by("heun"),
    "the guidance (cfg) (cfg 5 recorded, cfg 6 here)": by("euler", cfg=6.0),
    "whether noise is added": by("euler", disable_noise=True),
}


@pytest.mark.parametrize("sentence", SAMPLINGS)
def test_another_sampling(small, made, sentence):
    refuse(small, made, Graph(run=SAMPLINGS[sentence]), sentence)


def test_another_setting_of_the_sampler(small):
    def solved(solver):
        def run(model, positive, negative, latent):
            settings = {"solver_type": solver, "eta": 1.0, "s_noise": 1.0, "noise_device": "cpu"}
            (sampler,) = outputs(custom.SamplerDPMPP_2M_SDE, **settings)
            (sigmas,) = outputs(custom.BasicScheduler, model=model, scheduler="normal", steps=3, denoise=1.0)
            conds = {"positive": positive, "negative": negative, "sampler": sampler, "sigmas": sigmas}
            inputs = {"model": model, "add_noise": True, "noise_seed": 1, "cfg": 5.0, "latent_image": latent, **conds}
            return outputs(custom.SamplerCustom, **inputs)[0]["samples"]

        return run

    made = Graph(run=solved("midpoint")).record(small)
    refuse(small, made, Graph(run=solved("heun")), "different is the sampler's settings (")


def test_another_negative_prompt(small, made):
    def other(model, positive, negative, latent):
        return by("euler")(model, positive, plain_text(small[1], "a house"), latent)

    refuse(small, made, Graph(run=other), "different is the negative prompt")


def test_another_prompt(small, made):
    graph = Graph(prompts=("a photo of a fox on grass", "a photo of a dog on grass"))
    refuse(small, made, graph, f'The record is of the prompt "{SOURCE}"')


def test_another_encoding_of_the_prompt(small, made):
    def skipped(conditioning):
        return [[1.01 * cond, extras] for cond, extras in conditioning]

    refuse(small, made, Graph(on_source=skipped), "The record is of another encoding")


def test_another_number_of_prompts(small, made):
    clip = small[1]
    sources = [*text(clip, SOURCE), *text(clip, "a cat under a tree")]
    targets = [*text(clip, TARGET), *text(clip, "a dog under a tree")]
    with pytest.raises(P2PError, match="The record is of 1 prompt, the source of the controller has 2"):
        Graph().replay(small, replaced(sources, targets), *made)


@pytest.mark.parametrize("place", [in_area, in_mask, in_range])
@pytest.mark.parametrize("side", ["on_source", "on_positive"])
def test_a_prompt_for_another_part(small, made, place, side):
    background = plain_text(small[1], "a wide green field")
    refuse(small, made, Graph(**{side: place}), "different is what the prompts are set to")
    beside = Graph(on_positive=lambda positive: [*positive, *background])
    refuse(small, made, beside, "are the prompts that are not edited and what the prompts are set to")


def test_another_lora(small, made, tmp_path):
    name = save_lora(tmp_path, "first.safetensors", *small[:2], 1)

    def loaded(strength):
        return lambda model: host_nodes.LoraLoaderModelOnly().load_lora_model_only(model, name, strength)[0]

    refuse(small, made, Graph(on_model=loaded(1.0)), "different is the LoRAs")
    with_lora = Graph(on_model=loaded(1.0)).record(small)
    refuse(small, with_lora, Graph(on_model=loaded(0.7)), "different is the LoRAs")
    refuse(small, with_lora, Graph(), "different is the LoRAs")


def test_another_checkpoint(small, made):
    other = sdxl_shaped("small")
    with torch.inference_mode():
        other[0].model.diffusion_model.out[2].weight.mul_(1.01)
    refuse(other, made, Graph(), "different is the checkpoint")


def controlled(clip, control, seed=1, strength=0.5):
    def on_positive(conditioning):
        inputs = (conditioning, plain_text(clip, ""), control, hint(seed), strength, 0.0, 0.6)
        return host_nodes.ControlNetApplyAdvanced().apply_controlnet(*inputs)[0]

    return Graph(on_positive=on_positive)


def test_another_controlnet(small, made):
    clip = small[1]
    first, second = (tiny_controlnet(seed) for seed in (7, 8))
    own = controlled(clip, first).record(small)
    refuse(small, made, controlled(clip, first), "different is the ControlNet")
    refuse(small, own, Graph(), "different is the ControlNet")
    refuse(small, own, controlled(clip, first, seed=2), "different is the ControlNet")
    refuse(small, own, controlled(clip, first, strength=0.4), "different is the ControlNet")
    refuse(small, own, controlled(clip, second), "different is the ControlNet")


def test_another_node_s_patch(small, made):
    adapter = ImagePrompt(small[0], 5)
    graph = Graph(on_model=lambda model: with_image_prompt(model, adapter))
    refuse(small, made, graph, "different is what other nodes do to the model")


def test_another_latent(small, made):
    """Also the denoised output of a custom sampler, and a latent of another size."""
    record, source = made
    for latent in (source + 1e-3, torch.zeros(1, 4, 8, 12)):
        refuse(small, (record, latent), Graph(), "The record is not of the run that made this latent")


def test_another_noise_mask_in_the_run(small):
    made = Graph(latent=masked, run=by("euler", denoise=0.8)).record(small)
    painted = torch.ones(1, 64, 64)

    def other(model, positive, negative, latent):
        assert "noise_mask" in latent  # it comes from the record
        return by("euler", denoise=0.8)(model, positive, negative, {**latent, "noise_mask": painted})

    refuse(small, made, Graph(run=other), "different is the noise mask")


def test_a_record_that_no_run_filled(small):
    _, record = outputs(P2PRecord, model=small[0], **EXACT)
    refuse(small, (record, torch.zeros(1, 4, 8, 8)), Graph(), "The record is empty: connect the model output")


def test_recording_what_comes_from_a_record(small, made):
    graph = Graph()

    def recording(*inputs):
        return graph.replay(*inputs, on_patched=lambda model: outputs(P2PRecord, model=model, **EXACT)[0])

    refuse(small, made, graph, "cannot record a run whose source comes from a record", recording)
