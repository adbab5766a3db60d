"""Guidance that is to match a record: its maps are those that the recorded run had, however they were kept."""

import folder_paths
import pytest
import torch
from p2p.nodes._host import guiding
from p2p.nodes.adjust_mask import P2PAdjustMask
from p2p.nodes.adjust_move import P2PAdjustMove
from p2p.nodes.apply import P2PApply
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.record import P2PRecord
from p2p.nodes.record_files import P2PLoadRecord, P2PSaveRecord
from p2p.p2p_core.drawn_maps import DrawnMask
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.placement import Placement, centre_of, place, places_of
from p2p.p2p_core.record_files import SUFFIX, save_record
from p2p.p2p_core.reference_attention import StayLike

import nodes as host_nodes

from .beside.weights import save_lora
from .graph import empty_latent, outputs, plain_text, relative, replace_controller, sample, text
from .guided import PROMPT, counted_gradients, guided, run
from .test_guidance_refusals import filled, refused
from .test_record import EXACT
from .tiny_models import sdxl_shaped

STAY = {"objective": "stay like this", "words": "cat"}
CHANGED = "a red car and a yellow cat on grass"


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("small")


def recorded(small, prompt=PROMPT, latent=None, sampling=None, **settings):
    """(record, what the recorded sampler made)."""
    model, clip, _ = small
    patched, record = outputs(P2PRecord, model=model, **{**EXACT, **settings})
    return record, run(patched, clip, prompt, latent, **(sampling or {}))


@pytest.fixture(scope="module")
def made(small):
    """The record of a plain run."""
    with torch.inference_mode():
        return recorded(small)[0]


@pytest.fixture
def references(monkeypatch):
    """A list that gets the maps that every run is to match."""
    found, make = [], guiding.stay_like_record

    def noting(*args):
        found.append(make(*args))
        return found[-1]

    monkeypatch.setattr(guiding, "stay_like_record", noting)
    return found


def stayed(small, record, prompt=CHANGED, latent=None, sampling=None, **settings):
    """What a run makes that is to stay like the record."""
    model, clip, _ = small
    return run(guided(model, record=record, **{**STAY, **settings}), clip, prompt, latent, **(sampling or {}))


def watched(small, words="", grids="coarse", latent=None, sampling=None):
    """The maps of a plain run, as the attention store has them."""
    model, clip, _ = small
    settings = {"words": "", "prompt": "positive", "largest_grid": grids, "start": 0.0, "end": 1.0}
    patched, store = outputs(P2PAttentionStore, model=model, keep_steps=True, **settings)
    made = run(patched, clip, PROMPT, latent, **(sampling or {}))
    return StayLike(store, tuple(words.split(", "))).for_run(len(made))


@pytest.mark.parametrize("grids", ["coarse", "all"])
@pytest.mark.parametrize("size", [(128, 128), (64, 160)])
def test_its_maps_are_those_that_the_run_had(small, references, grids, size):
    record, _ = recorded(small, latent=empty_latent(*size))
    stayed(small, record, latent=empty_latent(*size), words="cat, red car", largest_grid=grids)
    seen = watched(small, "cat, red car", grids, empty_latent(*size))
    assert references[0].progress == pytest.approx(seen.progress, abs=1e-3)
    for step in range(len(seen.progress)):
        assert relative(references[0].maps[step], seen.maps[step]) < 1e-3


KEPT = {
    "fp16": ({"precision": "fp16"}, 1e-2),
    "int8": ({"precision": "int8"}, 3e-2),
    "in a file": ({"keep_in": "file"}, 1e-3),
    "key words": ({"keep": "key words", "words": "grass, cat"}, 1e-3),
    "key words at half the resolution": ({"keep": "key words", "words": "cat", "resolution": "half"}, 0.5),
}


@pytest.mark.parametrize("kept", KEPT)
def test_however_a_record_is_kept(small, references, kept):
    settings, tolerance = KEPT[kept]
    stayed(small, recorded(small, **settings)[0])
    seen = watched(small, "cat")
    assert all(relative(references[0].maps[step], seen.maps[step]) < tolerance for step in range(len(seen.progress)))


@pytest.mark.parametrize("sampler", ["heun", "uni_pc", "dpm_fast"])
def test_a_sampler_with_calls_of_its_own(small, references, sampler):
    """Where a step is called more than once at a level, what counts is its own call, as for the attention store."""
    sampling = {"sampler": sampler, "steps": 5}
    record, _ = recorded(small, sampling=sampling)
    same = stayed(small, record, PROMPT, sampling=sampling)
    other = stayed(small, record, PROMPT, sampling={**sampling, "seed": 2})
    plain = [run(*small[:2], PROMPT, **sampling, seed=seed) for seed in (1, 2)]
    assert float((same - plain[0]).norm()) < 0.05 * float((other - plain[1]).norm())
    assert list(references[0].progress) == sorted(references[0].progress)


@pytest.mark.parametrize("settings", [{}, {"keep": "key words", "words": "cat"}])
def test_the_recorded_run_stays_what_it_was(small, settings):
    """There is nothing to change of it; other seeds and other prompts are changed."""
    model, clip, _ = small
    record, same = recorded(small, **settings)
    other = run(model, clip, seed=2)
    moved = float((stayed(small, record, PROMPT, sampling={"seed": 2}) - other).norm())
    assert float((stayed(small, record, PROMPT) - same).norm()) < 0.05 * moved
    assert relative(stayed(small, record), run(model, clip, CHANGED)) > 1e-3


def test_a_run_of_other_steps_takes_the_maps_between(small, made, references):
    stayed(small, made, sampling={"steps": 7, "scheduler": "karras"})
    reference = references[0]
    assert len(reference.progress) == 4
    between = (reference.progress[1] + reference.progress[2]) / 2
    assert torch.allclose(reference.at(between), (reference.maps[1] + reference.maps[2]) / 2, atol=1e-6)


def test_scale_0_is_the_plain_run_to_the_bit_and_reads_nothing(small, made, references, monkeypatch):
    model, clip, _ = small
    with counted_gradients(monkeypatch) as taken:
        assert torch.equal(stayed(small, made, scale=0.0), run(model, clip, CHANGED))
    assert taken == references == []


def test_a_moved_word_is_to_be_where_it_was_moved(small, made, references):
    moved = outputs(P2PAdjustMove, record=made, word="cat", offset_x=0.25, offset_y=-0.125, scale=1.5)[0]
    stayed(small, made, words="cat, car")
    result = stayed(small, moved, words="cat, car")
    plain, changed = (reference.maps[0][0].flatten(1) for reference in references)
    grid, placement = (4, 4), Placement(0.25, -0.125, 1.5)
    wanted = place(plain[:1, :, None], places_of(grid, placement, centre_of(plain[:1], grid)))[..., 0]
    assert torch.allclose(changed[:1], wanted, atol=1e-6)
    assert torch.allclose(changed[1], plain[1], atol=1e-6)
    assert relative(result, stayed(small, made, words="cat, car")) > 1e-3


def test_a_drawn_word_is_to_be_where_it_was_drawn(small, references):
    record, _ = recorded(small, keep="key words", words="cat")
    mask = torch.zeros(1, 64, 64)
    mask[:, :32, :32] = 1
    stayed(small, outputs(P2PAdjustMask, record=record, mask=mask, word="cat", strength=0.6)[0])
    drawn = DrawnMask(mask[0]).on((4, 4)).unflatten(0, (4, 4))
    assert torch.allclose(references[0].maps[0][0, 0], 0.6 * drawn, atol=1e-6)


def test_every_picture_has_its_own(small, references):
    record, _ = recorded(small, latent=empty_latent(batch=2))
    stayed(small, record, latent=empty_latent(batch=2))
    assert references[0].maps[0].shape == (2, 1, 4, 4)
    first, _ = recorded(small)
    stayed(small, first)
    assert relative(references[0].maps[0][:1], references[1].maps[0]) < 1e-4
    assert relative(references[0].maps[0][1:], references[1].maps[0]) > 1e-3


@pytest.mark.parametrize("pictures", [1, 2])
def test_source_and_targets_of_an_edit(small, references, pictures):
    """Rows of a picture match its record; with the source from the same record too."""
    model, clip, _ = small
    record, source = recorded(small, latent=empty_latent(batch=pictures))
    controller = replace_controller(clip, PROMPT, CHANGED)
    inputs = {"model": guided(model, record=record, **STAY), "controller": controller, "negative": plain_text(clip, "")}
    in_batch = sample(*outputs(P2PApply, latent=empty_latent(batch=pictures), **inputs))
    alone = sample(*outputs(P2PApply, latent={"samples": source}, record=record, **inputs))
    assert len(references[0].maps[0]) == (1 if pictures == 1 else 4)
    assert len(references[1].maps[0]) == pictures
    assert relative(in_batch[1::2], alone) < 1e-3


def test_the_source_of_a_recorded_edit(small, references, made):
    model, clip, _ = small
    patched, record = outputs(P2PRecord, model=model, **EXACT)
    controller = replace_controller(clip, PROMPT, "a red car and a dog on grass")
    inputs = {"controller": controller, "negative": plain_text(clip, ""), "latent": empty_latent()}
    sample(*outputs(P2PApply, model=patched, **inputs))
    stayed(small, record)
    stayed(small, made)
    assert relative(references[0].maps[0], references[1].maps[0]) < 1e-4


def test_a_saved_record(small, references, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    record, source = recorded(small)
    outputs(P2PSaveRecord, record=record, latent={"samples": source})
    (path,) = tmp_path.rglob("*.safetensors")
    loaded, _ = outputs(P2PLoadRecord, file=f"{path.relative_to(tmp_path)} [output]")
    assert torch.equal(stayed(small, loaded), stayed(small, record))


def test_a_word_of_the_second_of_two_prompts(small, references):
    model, clip, _ = small
    patched, record = outputs(P2PRecord, model=model, **EXACT)
    both = host_nodes.ConditioningCombine().combine(text(clip, "a red car on sand"), text(clip, "a blue cat"))[0]
    sample(patched, both, plain_text(clip, ""), empty_latent())
    stayed(small, record, words="cat, car")
    alone, _ = recorded(small, "a blue cat")
    stayed(small, alone)
    assert relative(references[0].maps[0][:, :1], references[1].maps[0]) < 1e-4  # the first step has the same latents
    assert references[0].maps[1].shape == (1, 2, 4, 4)


@pytest.mark.parametrize("text", [None, torch.zeros(1, 8, 64), torch.zeros(2, 77, 64), torch.zeros(1, 77).int()])
def test_a_file_without_what_its_prompt_was_encoded_to(made, text, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    record = made.recorded()
    exact = {name: tensor for name, tensor in record.exact.items() if name != "text/0"}
    path = tmp_path / f"a{SUFFIX}"
    save_record(path, record.facts, exact if text is None else {**exact, "text/0": text}, record.storage)
    with pytest.raises(P2PError, match="is damaged: it lacks what its prompts were encoded to"):
        outputs(P2PLoadRecord, file=f"{path.name} [output]")


class TestRefusals:
    def test_another_checkpoint_or_size(self, small, made):
        other = sdxl_shaped("small")
        with torch.inference_mode():
            other[0].model.diffusion_model.out[2].weight.mul_(1.01)
        refused(*other[:2], "different is the checkpoint", record=made, **STAY)
        large, _ = recorded(small, latent=empty_latent(64, 64))
        refused(*small[:2], "different is the size of the latent", record=large, **STAY)

    def test_another_lora(self, small, made, tmp_path):
        name = save_lora(tmp_path, "one.safetensors", *small[:2], 1)
        model = host_nodes.LoraLoaderModelOnly().load_lora_model_only(small[0], name, 1.0)[0]
        refused(model, small[1], "different is the LoRAs", record=made, **STAY)

    def test_another_number_of_pictures(self, small):
        record, _ = recorded(small, latent=empty_latent(batch=2))
        refused(*small[:2], "is of 2 pictures, but 1 are sampled", record=record, **STAY)

    def test_words_that_the_record_does_not_have(self, small):
        record, _ = recorded(small, "a red car on grass")
        refused(*small[:2], '"cat" is not in the prompt "a red car on grass"', record=record, **STAY)
        words, _ = recorded(small, keep="key words", words="car")
        refused(*small[:2], 'keeps no map of "cat", only of: car', record=words, **STAY)

    def test_what_was_not_kept(self, small):
        early, _ = recorded(small, end=0.3)
        refused(*small[:2], "from 0.00 to 0.00 .* acts at 0.00 to 0.67", record=early, end=0.9, **STAY)
        late, _ = recorded(small, start=0.6)
        refused(*small[:2], "keeps attention from 0.67 to 1.00", record=late, **STAY)
        coarse, _ = recorded(small, cross_grids="coarse")
        refused(*small[:2], "choose a coarser one here", record=coarse, largest_grid="all", **STAY)

    def test_an_empty_record_and_that_of_the_run_itself(self, small):
        model, clip, _ = small
        patched, record = outputs(P2PRecord, model=model, **EXACT)
        refused(model, clip, "The record is empty: connect the model output", record=record, **STAY)
        refused(patched, clip, "has the record of its own run", record=record, **STAY)

    def test_a_record_goes_with_its_objective_only(self, small, made):
        with pytest.raises(P2PError, match="the objective be present does not use"):
            guided(small[0], record=made)
        with pytest.raises(P2PError, match="a reference and a record: disconnect one"):
            guided(small[0], record=made, reference=filled(small), **STAY)
