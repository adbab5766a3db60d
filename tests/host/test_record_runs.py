"""Edits from a record are those of the batch whatever stands around them, and nothing of them stays behind."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace

import comfy.model_management
import comfy.samplers
import comfy_extras.nodes_custom_sampler as custom
import comfy_extras.nodes_easycache as caches
import folder_paths
import pytest
import torch
from p2p.nodes._host.capturing import Capture
from p2p.nodes._host.run import Run
from p2p.nodes.apply import P2PApply
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.record import P2PRecord
from p2p.nodes.record_files import P2PLoadRecord, P2PSaveRecord
from p2p.nodes.replace import P2PReplaceController
from p2p.p2p_core.errors import P2PError

import nodes as host_nodes

from .beside.adapters import ImagePrompt, with_image_prompt
from .beside.controls import hint, tiny_controlnet
from .graph import SOURCE, TARGET, applied, empty_latent, outputs, plain_text, relative, sample, text
from .kinds import LEFT_HALF, blended, combined, following, refined
from .test_record import EXACT
from .tiny_models import sdxl_shaped
from .tiny_sdxl import tiny_sdxl

SAMPLERS = comfy.samplers.KSampler.SAMPLERS
CHOOSES_ITS_STEPS = {"dpm_adaptive"}  # by the pictures of the whole batch
LONG = ", with soft light and a wide view over the hills, the fields, the woods and the river" * 5


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("small")


@pytest.fixture(scope="module")
def smallest():
    with torch.inference_mode():
        return sdxl_shaped("smallest")


def unchanged(thing):
    return thing


def three_steps(model, positive, negative, latent) -> torch.Tensor:
    return sample(model, positive, negative, latent, steps=3)


def by(sampler: str, **settings) -> Callable:
    return lambda *inputs: sample(*inputs, **{"sampler": sampler, "steps": 3, **settings})


def replaced(source: list, target: list, **settings):
    bounds = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": ""}
    return outputs(P2PReplaceController, source=source, target=target, **{**bounds, **settings})[0]


@dataclass(frozen=True)
class Graph:
    """What a user has around the two samplers.

    Attributes:
        on_model: before P2P Record and before P2P Apply.
        on_source: on the conditioning that the recorded sampler and the controller get.
        on_positive: on the positive of both samplers.
        run: the sampler.
    """

    on_model: Callable = unchanged
    on_source: Callable = unchanged
    on_positive: Callable = unchanged
    run: Callable = three_steps
    latent: Callable = lambda: empty_latent(64, 64)
    prompts: tuple[str, str] = (SOURCE, TARGET)

    def controller(self, clip, **settings):
        source, target = self.prompts
        return replaced(self.on_source(text(clip, source)), text(clip, target), **settings)

    def record(self, setup, **settings):
        """(record, the latent of the source)."""
        model, clip, _ = setup
        patched, record = outputs(P2PRecord, model=self.on_model(model), **{**EXACT, "self_grids": "all", **settings})
        positive = self.on_positive(self.on_source(text(clip, self.prompts[0])))
        return record, self.run(patched, positive, plain_text(clip, ""), self.latent())

    def both(self, setup, controller) -> torch.Tensor:
        """Source and targets in one batch."""
        model, clip, _ = setup
        patched, positive, negative, rows = applied(self.on_model(model), clip, controller, self.latent())
        return self.run(patched, self.on_positive(positive), negative, rows)

    def replay(self, setup, controller, record, source, on_patched=unchanged) -> torch.Tensor:
        model, clip, _ = setup
        inputs = {"controller": controller, "negative": plain_text(clip, ""), "latent": {"samples": source}}
        made = outputs(P2PApply, model=self.on_model(model), record=record, **inputs)
        return self.run(on_patched(made[0]), self.on_positive(made[1]), *made[2:])

    def expect(self, setup, controller=None, limit: float = 1e-5) -> None:
        """The replayed targets are those of the batch, and no plain pictures of their prompt."""
        controller = self.controller(setup[1]) if controller is None else controller
        record, source = self.record(setup)
        both = self.both(setup, controller).unflatten(0, (-1, controller.rows))
        assert relative(both[:, 0], source) < 1e-5
        made = self.replay(setup, controller, record, source).unflatten(0, (-1, controller.rows - 1))
        assert relative(both[:, 1:], both[:, :1].expand_as(both[:, 1:])) > 20 * limit
        assert relative(made, both[:, 1:]) < limit


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in CHOOSES_ITS_STEPS])
def test_every_sampler(smallest, sampler):
    """Two targets of one record: one is free, one is tied to the recorded latents by a local blend."""
    first = following(smallest[1])
    controller = combined(first, blended(first, mask=LEFT_HALF, mask_mode="instead"))
    Graph(run=by(sampler)).expect(smallest, controller)


@pytest.mark.parametrize("sampler", ["euler", "heun", "uni_pc", "dpmpp_2m_sde", "lcm"])
def test_local_blend_by_words(smallest, sampler):
    graph, free = Graph(run=by(sampler, steps=4)), following(smallest[1])
    tied = blended(free, threshold=0.95)
    assert relative(graph.both(smallest, tied)[1:], graph.both(smallest, free)[1:]) > 1e-3  # its mask leaves things out
    graph.expect(smallest, tied)


def test_a_sampler_that_chooses_its_steps_is_refused(smallest):
    """Its error is of the batch, which is another one without the source: steps that nobody recorded."""
    with pytest.raises(P2PError, match="dpm_adaptive chooses its steps by the pictures"):
        Graph(run=by("dpm_adaptive")).record(smallest)


def cached(node) -> Callable:
    """A node that skips steps whose result changes little."""
    settings = {"reuse_threshold": 0.6, "start_percent": 0.1, "end_percent": 0.95, "verbose": False}
    return lambda model: outputs(node, model=model, **settings)[0]


@pytest.mark.parametrize("node", [caches.EasyCacheNode, caches.LazyCacheNode])
def test_nodes_that_skip_steps(smallest, node):
    Graph(on_model=cached(node), run=by("euler", steps=8)).expect(smallest)


def test_steps_that_only_the_record_skipped_are_refused(smallest):
    graph = Graph(on_model=cached(caches.LazyCacheNode), run=by("euler", steps=8))
    made = graph.record(smallest)
    with pytest.raises(P2PError, match="Record and edit both with the nodes that skip steps, such as EasyCache"):
        replace(graph, on_model=unchanged).replay(smallest, graph.controller(smallest[1]), *made)


def drawn() -> dict:
    """An encoded picture."""
    return {"samples": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3))}


def masked() -> dict:
    mask = torch.zeros(1, 64, 64)
    mask[:, 16:48, 8:40] = 1
    return {**drawn(), "noise_mask": mask}


def in_two_samplers(model, positive, negative, latent):
    """The last part of a schedule, from a latent with noise left."""
    return sample(model, positive, negative, latent, steps=6, start_step=2, last_step=5, force_full_denoise=False)


def by_guider(make: Callable) -> Callable:
    def run(model, positive, negative, latent):
        (sigmas,) = outputs(custom.BasicScheduler, model=model, scheduler="karras", steps=4, denoise=1.0)
        (sampler,) = outputs(custom.KSamplerSelect, sampler_name="dpmpp_2m")
        (noise,) = outputs(custom.RandomNoise, noise_seed=1)
        guider = make(model, positive, negative)
        inputs = {"noise": noise, "guider": guider, "sampler": sampler, "sigmas": sigmas, "latent_image": latent}
        return outputs(custom.SamplerCustomAdvanced, **inputs)[0]["samples"]

    return run


def basic(model, positive, negative):
    return outputs(custom.BasicGuider, model=model, conditioning=positive)[0]


def with_cfg(model, positive, negative):
    return outputs(custom.CFGGuider, model=model, positive=positive, negative=negative, cfg=5.0)[0]


def dual(model, positive, negative):
    conds = {"cond1": positive, "cond2": negative, "negative": negative, "style": "regular"}
    return outputs(custom.DualCFGGuider, model=model, cfg_conds=3.0, cfg_cond2_negative=2.0, **conds)[0]


RUNS = {
    "cfg 1": Graph(run=by("euler", cfg=1.0)),
    "a schedule with steps at one level": Graph(run=by("euler", steps=20, scheduler="beta")),
    "img2img": Graph(run=by("euler_ancestral", denoise=0.6), latent=drawn),
    "inpaint": Graph(run=by("dpmpp_2m", denoise=0.8), latent=masked),
    "part of a schedule": Graph(run=in_two_samplers, latent=drawn),
    "no noise added": Graph(run=by("euler", disable_noise=True, denoise=0.5), latent=drawn),
    "basic guider": Graph(run=by_guider(basic)),
    "cfg guider": Graph(run=by_guider(with_cfg)),
    "dual cfg guider": Graph(run=by_guider(dual)),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_runs_of_every_shape(smallest, name):
    RUNS[name].expect(smallest)


def in_area(conditioning):
    return host_nodes.ConditioningSetArea().append(conditioning, 32, 48, 16, 8, 0.8)[0]


def in_mask(conditioning):
    mask = torch.zeros(1, 8, 8)
    mask[:, 2:6, 1:5] = 1
    return host_nodes.ConditioningSetMask().append(conditioning, mask, "default", 0.7)[0]


def in_range(conditioning):
    return host_nodes.ConditioningSetTimestepRange().set_range(conditioning, 0.2, 0.7)[0]


@pytest.mark.parametrize("place", [in_area, in_mask, in_range])
def test_prompts_for_a_part_of_picture_or_run(small, place):
    background = plain_text(small[1], "a wide green field")
    Graph(on_source=place, on_positive=lambda positive: [*positive, *background]).expect(small)


def test_two_prompts_in_one_conditioning(small):
    """Each of them is edited, as ConditioningCombine before the controller does."""
    other = text(small[1], "a cat under a tree")
    clip = small[1]
    targets = [*text(clip, TARGET), *text(clip, "a dog under a tree")]
    graph = Graph(on_source=lambda conditioning: [*conditioning, *other])
    graph.expect(small, replaced(graph.on_source(text(clip, SOURCE)), targets))


@pytest.mark.parametrize(("more", "still_more"), [(LONG, LONG), ("", LONG), (LONG, "")])
def test_long_prompts(small, more, still_more):
    Graph(prompts=(SOURCE + more, TARGET + still_more)).expect(small)


def test_a_controlnet(small):
    control = tiny_controlnet(7)

    def controlled(conditioning):
        inputs = (conditioning, plain_text(small[1], ""), control, hint(1), 0.5, 0.0, 0.6)
        return host_nodes.ControlNetApplyAdvanced().apply_controlnet(*inputs)[0]

    Graph(on_positive=controlled).expect(small)
    Graph(on_source=controlled).expect(small)


def test_a_picture_as_prompt(small):
    adapter = ImagePrompt(small[0], 5)
    Graph(on_model=lambda model: with_image_prompt(model, adapter)).expect(small)


def test_several_targets_and_pictures(small):
    controller = combined(combined(following(small[1]), refined(small[1])), blended(following(small[1])))
    Graph(latent=lambda: {**empty_latent(64, 96, 2), "batch_index": [0, 1]}).expect(small, controller)


def test_a_store_sees_the_targets_as_in_the_batch(small):
    graph, controller = Graph(), Graph().controller(small[1])
    settings = {"words": "", "prompt": "positive", "largest_grid": "medium", "start": 0.0, "end": 1.0}
    stores = []

    def watched(model):
        watching, store = outputs(P2PAttentionStore, model=model, **settings, keep_steps=True, self_maps=True)
        stores.append(store)
        return watching

    replace(graph, run=lambda model, *inputs: graph.run(watched(model), *inputs)).both(small, controller)
    graph.replay(small, controller, *graph.record(small), on_patched=watched)
    (source, target), (replayed,) = (store.record.rows for store in stores)
    assert replayed.words == target.words
    assert relative(replayed.maps.float(), target.maps.float()) < 1e-3  # kept in half precision
    assert relative(source.maps.float()[:, : len(target.maps[0])], target.maps.float()) > 1e-2


def test_recording_a_run_that_is_an_edit_itself(smallest):
    """Its source is recorded, without its targets."""
    graph, (model, clip, _) = Graph(), smallest
    controller = graph.controller(clip)
    patched, record = outputs(P2PRecord, model=model, **EXACT)
    edited = graph.run(*applied(patched, clip, refined(clip), empty_latent(64, 64)))
    made = graph.replay(smallest, controller, record, edited[:1])
    assert relative(made, graph.both(smallest, controller)[1:]) < 1e-5


def test_one_record_for_two_applies(smallest):
    graph, clip = Graph(), smallest[1]
    record, source = graph.record(smallest)
    for controller in (combined(following(clip), refined(clip)), refined(clip), combined(refined(clip), refined(clip))):
        made = graph.replay(smallest, controller, record, source)
        assert relative(made, graph.both(smallest, controller)[1:]) < 1e-5


@pytest.mark.parametrize("settings", [{}, {"precision": "int8"}, {"keep": "key words", "words": "cat"}])
def test_a_loaded_record_is_the_saved_one_to_the_bit(smallest, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    graph, controller = Graph(latent=masked), blended(following(smallest[1], self_grids="all"))
    record, source = graph.record(smallest, **settings)
    made = graph.replay(smallest, controller, record, source)
    outputs(P2PSaveRecord, record=record, latent={"samples": source})
    (file,) = tmp_path.rglob("*.safetensors")
    loaded, latent = outputs(P2PLoadRecord, file=f"{file.relative_to(tmp_path).as_posix()} [output]")
    assert torch.equal(latent["samples"], source)
    assert torch.equal(graph.replay(smallest, controller, loaded, source), made)
    loaded.replace(None)


def test_half_precision():
    """Of the model: the arithmetic of rows may differ by the size of their batch."""
    with torch.inference_mode():
        setup = tiny_sdxl(torch.float16)
    Graph().expect(setup, limit=2e-3)


def test_recording_changes_nothing(smallest):
    model, clip, _ = smallest
    inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent(64, 64))
    for run in (by("dpmpp_2m_sde"), by("heun"), by_guider(with_cfg)):
        assert torch.equal(Graph(run=run).record(smallest)[1], run(model, *inputs))


STATE = (Run, Capture)


def alive() -> tuple[list, int]:
    """State of runs, and how many tensors there are."""
    gc.collect()
    types = [type(thing) for thing in gc.get_objects()]  # asking an object for its class wakes torch's deprecated ones
    return [kind for kind in types if kind in STATE], sum(issubclass(kind, torch.Tensor) for kind in types)


def test_nothing_gathers_over_edits(smallest):
    graph, clip = Graph(), smallest[1]
    record, source = graph.record(smallest)
    controller = blended(following(clip))
    for _ in range(2):
        graph.replay(smallest, controller, record, source)
    states, before = alive()
    for _ in range(20):
        graph.replay(smallest, controller, record, source)
    assert states == []
    assert alive() == ([], before)


@pytest.mark.parametrize("failure", [RuntimeError, comfy.model_management.InterruptProcessingException])
def test_a_run_that_stops_leaves_an_empty_record(smallest, failure):
    """Also when the record held another run before."""
    graph, (model, clip, _) = Graph(), smallest
    patched, record = outputs(P2PRecord, model=model, **EXACT)
    inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent(64, 64))
    source = graph.run(patched, *inputs)
    kept = record.record.storage
    stopping, calls = patched.clone(), []

    def stop(function, call):
        calls.append(1)
        if len(calls) == 2:
            raise failure("stopped on purpose")
        return function(call["input"], call["timestep"], **call["c"])

    stopping.set_model_unet_function_wrapper(stop)
    with pytest.raises(failure):
        graph.run(stopping, *inputs)
    assert kept.nbytes == 0
    assert alive()[0] == []
    with pytest.raises(P2PError, match="The record is empty"):
        graph.replay(smallest, graph.controller(clip), record, source)
    assert torch.equal(graph.run(patched, *inputs), source)
    assert record.recorded().storage.nbytes > 0


def test_local_blend_within_a_noise_mask(smallest):
    """Two masks of which neither lies within the other."""
    controller = blended(following(smallest[1]), mask=LEFT_HALF, mask_mode="instead")
    RUNS["inpaint"].expect(smallest, controller)
