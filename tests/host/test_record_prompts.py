"""Prompts beside the one that is edited, and what else is set on conditionings, as a record knows them."""

from collections.abc import Callable

import comfy_extras.nodes_freelunch as freelunch
import comfy_extras.nodes_hooks as hooks
import comfy_extras.nodes_model_advanced as advanced
import comfy_extras.nodes_pag as pag
import pytest
import torch
from p2p.nodes.record import P2PRecord
from p2p.p2p_core.errors import P2PError

import nodes as host_nodes

from .beside.adapters import ImagePrompt, with_image_prompt
from .beside.weights import save_lora
from .graph import SOURCE, TARGET, applied, empty_latent, outputs, plain_text, relative, text
from .test_record import EXACT
from .test_record_refusals import refuse
from .test_record_runs import Graph, by, in_area, replaced
from .tiny_models import sdxl_shaped

EDITED = "different is the settings of what other nodes do to the model"


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("smallest")


@pytest.fixture(scope="module")
def made(small):
    """(record, source) with nothing around the sampler."""
    with torch.inference_mode():
        return Graph().record(small)


def beside(*conditionings, first: bool = False) -> Graph:
    """With further prompts beside the one that is edited, as ConditioningCombine puts them."""
    more = [entry for conditioning in conditionings for entry in conditioning]
    return Graph(on_positive=lambda positive: [*more, *positive] if first else [*positive, *more])


def equal(graph: Graph, small, record: Graph | None = None) -> None:
    """The replayed target is that of the batch."""
    controller = graph.controller(small[1])
    made = graph.replay(small, controller, *(record or graph).record(small))
    both = graph.both(small, controller)
    assert relative(made, both[1:]) < 1e-5
    assert relative(both[1:], both[:1]) > 1e-3


class TestPromptsBesideTheEdit:
    @pytest.mark.parametrize("first", [False, True])
    @pytest.mark.parametrize("place", [list, in_area])
    @pytest.mark.parametrize("encoded", [text, plain_text])
    def test_one_that_is_the_same_for_all_pictures(self, small, encoded, place, first):
        """With words that are known, or without."""
        equal(beside(place(encoded(small[1], "a wide green field")), first=first), small)

    def test_two_of_one_text(self, small):
        one = text(small[1], SOURCE)
        equal(beside(in_area(one), text(small[1], "a wide green field")), small)

    def test_one_that_the_record_lacks(self, small, made):
        field = text(small[1], "a wide green field")
        refuse(small, made, beside(field), "different are the prompts that are not edited")
        refuse(small, beside(field).record(small), Graph(), "different are the prompts that are not edited")

    def test_another_one(self, small):
        field, sea = (text(small[1], prompt) for prompt in ("a wide green field", "the sea"))
        sentence = "different are the prompts that are not edited"
        refuse(small, beside(field).record(small), beside(sea), sentence)
        refuse(small, beside(field).record(small), beside(in_area(field)), "what the prompts are set to")

    def test_beside_an_edit_that_is_recorded(self, small):
        """It was added after P2P Apply, so that it is no source of anything."""
        graph, (model, clip, _) = beside(text(small[1], "a wide green field")), small
        patched, record = outputs(P2PRecord, model=model, **EXACT)
        patched, positive, negative, latent = applied(patched, clip, graph.controller(clip), empty_latent(64, 64))
        edited = graph.run(patched, graph.on_positive(positive), negative, latent)
        assert [one["text"] for one in record.recorded().facts["prompts"]] == [SOURCE]
        made = graph.replay(small, graph.controller(clip), record, edited[:1])
        assert relative(made, edited[1:]) < 1e-5

    def test_a_source_of_two_prompts_of_which_one_is_edited(self, small):
        """Both were recorded, and the other stands beside P2P Apply now."""
        field = text(small[1], "a wide green field")
        recorded = Graph(on_source=lambda conditioning: [*field, *conditioning])
        equal(beside(field), small, recorded)


class TestAppendedTokens:
    def appended(self, small, prompt: str) -> Graph:
        more = plain_text(small[1], prompt)
        return Graph(on_source=lambda conditioning: host_nodes.ConditioningConcat().concat(conditioning, more)[0])

    def test_they_are_part_of_the_prompt(self, small):
        graph = self.appended(small, "with soft light")
        equal(graph, small)
        refuse(small, graph.record(small), Graph(), "The record is of another encoding")
        refuse(small, graph.record(small), self.appended(small, "at night"), "The record is of another encoding")

    def test_key_words_are_found_before_them(self, small):
        graph = self.appended(small, "with soft light")
        words = {"cross_start": 0.0, "cross_end": 0.0, "self_start": 0.0, "self_end": 0.0, "word_windows": "dog: 0-0.8"}
        controller = graph.controller(small[1], **words)
        record, source = graph.record(small, keep="key words", words="cat")
        made = graph.replay(small, controller, record, source)
        assert relative(made, graph.both(small, controller)[1:]) < 1e-5

    def test_appended_after_p2p_apply(self, small, made):
        """To one row; the host cannot append to several."""
        more = plain_text(small[1], "with soft light")
        graph = Graph(on_positive=lambda positive: host_nodes.ConditioningConcat().concat(positive, more)[0])
        controller = Graph().controller(small[1])
        with pytest.raises(P2PError, match="had 77 tokens and reached the sampler with 154"):
            graph.replay(small, controller, *made)


@pytest.fixture(scope="module")
def lora(small, tmp_path_factory) -> Callable:
    """A function (file, strength, keyframes of (strength, start)) → hooks, which are others every time."""
    folder = tmp_path_factory.mktemp("loras")
    names = {seed: save_lora(folder, f"{seed}.safetensors", *small[:2], seed) for seed in (1, 2)}

    def make(seed=1, strength=1.0, keyframes=(), strength_clip=0.0):
        (group,) = hooks.CreateHookLora().create_hook(names[seed], strength, strength_clip)
        frames = None
        for own, start in keyframes:
            (frames,) = hooks.CreateHookKeyframe().create_hook_keyframe(own, start, frames)
        return hooks.SetHookKeyframes().set_hook_keyframes(group, frames)[0]

    return make


def hooked(group) -> Graph:
    """Set on the prompt before P2P Apply and before the sampler of the source."""
    return Graph(on_source=lambda conditioning: hooks.SetModelHooksOnCond().attach_hook(conditioning, group)[0])


SENTENCE = "different is the hooks set on the prompts (LoRAs and their keyframes)"


class TestHooks:
    def test_the_same_lora_loaded_again(self, small, lora):
        frames = ((0.2, 0.0), (1.0, 0.5))
        equal(hooked(lora(keyframes=frames)), small, hooked(lora(keyframes=frames)))

    def test_another_one_or_none(self, small, made, lora):
        own = hooked(lora()).record(small)
        assert relative(own[1], made[1]) > 1e-3
        refuse(small, own, Graph(), SENTENCE)
        refuse(small, made, hooked(lora()), SENTENCE)
        refuse(small, own, hooked(lora(seed=2)), SENTENCE)
        refuse(small, own, hooked(lora(strength=0.7)), SENTENCE)
        refuse(small, own, hooked(lora(keyframes=((0.5, 0.0),))), SENTENCE)

    def test_two_in_another_order(self, small, lora):
        def both(*seeds):
            return hooks.CombineHooks().combine_hooks(*(lora(seed) for seed in seeds))[0]

        equal(hooked(both(1, 2)), small, hooked(both(2, 1)))

    def test_one_that_does_nothing_to_the_model(self, small, made, lora):
        graph = hooked(lora(strength=0.0, strength_clip=1.0))
        assert relative(graph.replay(small, graph.controller(small[1]), *made), made[1]) > 1e-3

    def test_on_the_text_encoder_alone(self, small, made, lora):
        group = lora(strength=0.0, strength_clip=1.0)
        (clip,) = hooks.SetClipHooks().apply_hooks(small[1], False, False, group)
        controller = replaced(text(clip, SOURCE), text(clip, TARGET))
        with pytest.raises(P2PError, match="The record is of another encoding"):
            Graph().replay(small, controller, *made)

    def test_nothing_of_them_stays(self, small, lora):
        facts = hooked(lora()).record(small)[0].recorded().facts
        (said,) = facts["hooks"]
        assert isinstance(said, str) and len(said) < 200


def free_u(model, b1):
    return freelunch.FreeU_V2().patch(model, b1, 1.4, 0.9, 0.2)[0]


def perturbed(model, scale):
    return outputs(pag.PerturbedAttentionGuidance, model=model, scale=scale)[0]


def adapted(model, weight):
    return with_image_prompt(model, ImagePrompt(model, 5), weight)


def with_picture(model, seed):
    """A patch whose closure holds what a picture was encoded to."""
    encoded = torch.randn(1, 4, 8, generator=torch.Generator().manual_seed(seed))
    patched = model.clone()

    def look(q, k, v, options):
        return q * (1 + 0.1 * encoded.mean()), k, v

    patched.set_model_attn2_patch(look)
    return patched


def counting(model, _):
    """A patch with state: what it has seen so far. Of an object, every clone of a model would have its own."""
    patched = model.clone()
    seen, last = 0.0, None

    def count(q, k, v, options):
        nonlocal seen, last
        seen, last = seen + 1.0, q.mean(dim=1)
        return q, k, v

    patched.set_model_attn2_patch(count)
    return patched


PATCHES = {
    "FreeU": (free_u, 1.3, 1.5, ".0 1.3 recorded, 1.5 here"),
    "perturbed attention": (perturbed, 3.0, 4.0, "scale 3 recorded, 4 here"),
    "a picture's weight": (adapted, 1.0, 0.5, "weight 1 recorded, 0.5 here"),
    "another picture": (with_picture, 5, 6, "look, encoded)"),
}


class TestPatchesOfOtherNodes:
    @pytest.mark.parametrize("name", PATCHES)
    def test_another_strength(self, small, name):
        patch, first, second, sentence = PATCHES[name]
        (own, other) = (Graph(on_model=lambda model, value=value: patch(model, value)) for value in (first, second))
        record = own.record(small)
        refuse(small, record, other, EDITED)
        refuse(small, record, other, sentence)
        own.replay(small, own.controller(small[1]), *record)  # the same, made anew

    def test_what_the_model_predicts(self, small, made):
        def sampling(kind):
            return Graph(on_model=lambda model: advanced.ModelSamplingDiscrete().patch(model, kind, False)[0])

        Graph().replay(small, Graph().controller(small[1]), *sampling("eps").record(small))
        refuse(small, made, sampling("v_prediction"), "different is what the model predicts (ModelSamplingDiscrete")

    @pytest.mark.parametrize("is_shared", [False, True])
    def test_the_state_of_a_patch_is_no_setting(self, small, is_shared):
        one = counting(small[0], None)
        graph = Graph(on_model=lambda model: one if is_shared else counting(model, None))
        record = graph.record(small)
        for _ in range(2):
            graph.replay(small, graph.controller(small[1]), *record)

    def test_the_mask_of_the_second_picture(self, small):
        """A noise mask for each picture."""
        masks = torch.zeros(2, 64, 64)
        masks[0, :32], masks[1, :, :32] = 1, 1
        latent = {**empty_latent(64, 64, 2), "batch_index": [0, 1], "noise_mask": masks}
        made = Graph(latent=lambda: latent).record(small)

        def other(model, positive, negative, started):
            painted = started["noise_mask"].clone()
            painted[1] = 1
            return by("euler")(model, positive, negative, {**started, "noise_mask": painted})

        refuse(small, made, Graph(run=other), "different is the noise mask")
