"""Conditioning that something else than P2P Text Encode alone made: sizes, other encoders, other conditioning nodes.

Whatever stands between the encoder and the controller, the source's row stays the plain run's row bit for bit, and the
target's row is that of explicit maps over the same tokens.
"""

import inspect
import types

import pytest
import torch
from comfy_extras.nodes_clip_sdxl import CLIPTextEncodeSDXL
from p2p.nodes._host.text import PROMPT_KEY, prompt_of
from p2p.nodes._host.versions import node_input
from p2p.nodes.replace import P2PReplaceController
from p2p.nodes.tag_prompt import P2PTagPrompt
from p2p.nodes.text_encode import P2PTextEncode
from p2p.p2p_core.errors import P2PError

import nodes as host_nodes

from .graph import SOURCE, TARGET, applied, empty_latent, for_any_model, outputs, plain_text, relative, sample, text
from .oracle import with_explicit_maps

SIZES = {"width": 768, "height": 512, "crop_w": 16, "crop_h": 8, "target_width": 640, "target_height": 576}
LONG = ", ".join(["a wide green field under a blue sky with a lot of white clouds"] * 6)  # two chunks


def sized(clip, prompt, **sizes):
    return outputs(P2PTextEncode, clip=clip, text=prompt, **sizes)[0]


def sdxl_text(clip, text_g, text_l=None, **sizes):
    return outputs(CLIPTextEncodeSDXL, clip=clip, text_g=text_g, text_l=text_l or text_g, **(sizes or SIZES))[0]


def tag(clip, prompt, conditioning):
    return outputs(P2PTagPrompt, clip=clip, text=prompt, conditioning=conditioning)[0]


def concat(to, added):
    return host_nodes.ConditioningConcat().concat(to, added)[0]


def average(to, added, strength=0.6):
    return host_nodes.ConditioningAverage().addWeighted(to, added, strength)[0]


def zeroed(conditioning):
    return host_nodes.ConditioningZeroOut().zero_out(conditioning)[0]


def together(first, second):
    return host_nodes.ConditioningCombine().combine(first, second)[0]


def between(conditioning, start, end):
    return host_nodes.ConditioningSetTimestepRange().set_range(conditioning, start, end)[0]


def skipping(clip, layer):
    return host_nodes.CLIPSetLastLayer().set_last_layer(clip, layer)[0]


def swap(source, target, **settings):
    windows = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": ""}
    return outputs(P2PReplaceController, source=source, target=target, **{**windows, **settings})[0]


def rows(latents):
    """The rows of the source and of the target of a run with one target."""
    return latents[0::2], latents[1::2]


def plain_and_edited(tiny, source, target, **settings):
    """The controller's batch sampled without and with the edit."""
    model, clip, _ = tiny
    patched, *inputs = applied(model, clip, swap(source, target, **settings), empty_latent(batch=2))
    return sample(model, *for_any_model(*inputs)), sample(patched, *inputs)


def assert_edits_the_target_only(plain, edited):
    (plain_source, plain_target), (source, target) = rows(plain), rows(edited)
    assert torch.equal(source, plain_source)
    assert relative(target, plain_target) > 1e-4


class TestSizes:
    def test_the_same_conditioning_as_the_host_s_encoder(self, tiny):
        ((cond, extras),), ((expected, host_extras),) = (
            sized(tiny[1], SOURCE, **SIZES),
            sdxl_text(tiny[1], SOURCE, **SIZES),
        )
        assert torch.equal(cond, expected)
        assert torch.equal(extras.pop("pooled_output"), host_extras.pop("pooled_output"))
        assert extras.pop(PROMPT_KEY).text == SOURCE
        assert extras == host_extras == SIZES

    @pytest.mark.parametrize("sizes", [{}, dict.fromkeys(SIZES, 0)], ids=["an old workflow", "all left to the model"])
    def test_without_sizes_it_is_the_plain_encoder(self, tiny, sizes):
        ((cond, extras),), ((expected, plain_extras),) = sized(tiny[1], SOURCE, **sizes), plain_text(tiny[1], SOURCE)
        assert torch.equal(cond, expected)
        assert set(extras) == {*plain_extras, PROMPT_KEY}
        assert torch.equal(extras["pooled_output"], plain_extras["pooled_output"])

    def test_a_size_that_is_left_is_left_to_the_model(self, tiny):
        ((_, extras),) = sized(tiny[1], SOURCE, width=768, crop_h=8)
        assert {name: extras[name] for name in SIZES if name in extras} == {"width": 768, "crop_h": 8}

    def test_the_model_gets_them_in_both_rows(self, tiny):
        model, clip, _ = tiny
        empty = plain_text(clip, "")
        expected = torch.cat(
            [sample(model, sdxl_text(clip, prompt), empty, empty_latent()) for prompt in (SOURCE, TARGET)]
        )
        without = sample(model, text(clip, SOURCE), empty, empty_latent())
        assert relative(without, expected[:1]) > 1e-4
        controller = swap(sized(clip, SOURCE, **SIZES), text(clip, TARGET))  # set on the source only
        found = sample(model, *for_any_model(*applied(model, clip, controller)[1:]))
        assert relative(found, expected) < 1e-5

    def test_sizes_that_differ_are_refused(self, tiny):
        model, clip, _ = tiny
        controller = swap(sized(clip, SOURCE, width=768), sized(clip, TARGET, width=1024))
        with pytest.raises(P2PError, match="'width' that differ"):
            applied(model, clip, controller)

    def test_they_are_optional_and_advanced_where_the_host_knows_advanced(self):
        class OldInput:
            def __init__(self, id, optional=False, default=None):
                self.fields = (id, optional, default)

        class NewInput(OldInput):
            def __init__(self, id, optional=False, default=None, advanced=None):
                super().__init__(id, optional, default)
                self.advanced = advanced

        fields = {"optional": True, "advanced": True, "default": 0}
        old, new = (node_input(types.SimpleNamespace(Input=kind), "width", **fields) for kind in (OldInput, NewInput))
        assert old.fields == new.fields == ("width", True, 0)
        assert new.advanced
        schema = {part.id: part for part in P2PTextEncode.GET_SCHEMA().inputs}
        assert all(schema[name].optional and schema[name].default == 0 for name in SIZES)
        knows_advanced = "advanced" in inspect.signature(type(schema["width"])).parameters
        assert all(getattr(schema[name], "advanced", None) is (knows_advanced or None) for name in SIZES)


class TestTagPrompt:
    def test_an_edit_of_the_host_s_encoder_is_that_of_this_pack_s(self, tiny):
        clip = tiny[1]
        tagged = plain_and_edited(tiny, *(tag(clip, prompt, sdxl_text(clip, prompt)) for prompt in (SOURCE, TARGET)))
        encoded = plain_and_edited(tiny, *(sized(clip, prompt, **SIZES) for prompt in (SOURCE, TARGET)))
        assert torch.equal(tagged[1], encoded[1])
        assert_edits_the_target_only(*tagged)

    def test_two_texts(self, tiny):
        clip = tiny[1]
        source, target = (tag(clip, prompt, sdxl_text(clip, prompt, "a photo, sharp")) for prompt in (SOURCE, TARGET))
        assert prompt_of(target[0]).find("dog") == prompt_of(text(clip, TARGET)[0]).find("dog")
        assert_edits_the_target_only(*plain_and_edited(tiny, source, target))

    def test_the_longer_of_two_texts(self, tiny):
        clip = tiny[1]
        conditioning = sdxl_text(clip, f"a dog, {LONG}", "a dog")
        assert prompt_of(tag(clip, f"a dog, {LONG}", conditioning)[0]).token_count == 154
        with pytest.raises(
            P2PError, match=r'makes 77 tokens of "a dog", but the conditioning has 154: .*the longer one'
        ):
            tag(clip, "a dog", conditioning)

    def test_the_conditioning_of_another_pack(self, tiny):
        """Such packs weight tokens their own way; only the number of tokens has to agree."""
        clip = tiny[1]

        def weighted(prompt):
            return [[1.1 * cond, {**extras, "another pack": 1}] for cond, extras in plain_text(clip, prompt)]

        source, target = (tag(clip, prompt, weighted(prompt)) for prompt in (SOURCE, TARGET))
        assert source[0][1]["another pack"] == 1
        assert_edits_the_target_only(*plain_and_edited(tiny, source, target))

    def test_every_entry_gets_the_words_and_nothing_given_is_changed(self, tiny):
        clip = tiny[1]
        given = together(between(plain_text(clip, SOURCE), 0.0, 0.5), between(text(clip, "a bird"), 0.5, 1.0))
        before = [(entry, *entry, dict(entry[1])) for entry in given]
        tagged = tag(clip, SOURCE, given)
        assert [prompt_of(entry).text for entry in tagged] == [SOURCE, SOURCE]
        assert [entry[1]["start_percent"] for entry in tagged] == [0.0, 0.5]
        for entry, (old_entry, cond, extras, content) in zip(given, before, strict=True):
            assert entry is old_entry and entry[0] is cond and entry[1] is extras
            assert extras.keys() == content.keys() and all(extras[key] is content[key] for key in content)
        assert all(new[0] is old[0] and new[1] is not old[1] for new, old in zip(tagged, given, strict=True))

    @pytest.mark.parametrize(("encoded", "told", "counts"), [(SOURCE, LONG, (154, 77)), (LONG, SOURCE, (77, 154))])
    def test_another_number_of_tokens_is_refused(self, tiny, encoded, told, counts):
        message = 'The CLIP makes {} tokens of ".*", but the conditioning has {}: give P2P Tag Prompt'.format(*counts)
        with pytest.raises(P2PError, match=message):
            tag(tiny[1], told, plain_text(tiny[1], encoded))

    def test_a_batch_is_refused(self, tiny):
        ((cond, extras),) = plain_text(tiny[1], SOURCE)
        with pytest.raises(P2PError, match=f'"{SOURCE}" holds several prompts in one batch'):
            tag(tiny[1], SOURCE, [[cond.repeat(2, 1, 1), extras]])


CONDITIONINGS = {
    "concat on both": lambda clip: [concat(text(clip, p), plain_text(clip, "at night")) for p in (SOURCE, TARGET)],
    "concat of other texts": lambda clip: [
        concat(text(clip, SOURCE), plain_text(clip, "on snow")),
        concat(text(clip, TARGET), plain_text(clip, "at night")),
    ],
    "concat on the source": lambda clip: [
        concat(text(clip, SOURCE), plain_text(clip, "at night")),
        text(clip, TARGET),
    ],
    "concat on the target": lambda clip: [
        text(clip, SOURCE),
        concat(text(clip, TARGET), plain_text(clip, "at night")),
    ],
    "concat on the target of the same prompt": lambda clip: [
        text(clip, SOURCE),
        concat(text(clip, SOURCE), plain_text(clip, "at night")),
    ],
    "concat of other texts to the same prompt": lambda clip: [
        concat(text(clip, SOURCE), plain_text(clip, added)) for added in ("on snow", "at night")
    ],
    "concat of other lengths": lambda clip: [
        concat(text(clip, SOURCE), plain_text(clip, LONG)),
        concat(text(clip, TARGET), plain_text(clip, "at night")),
    ],
    "concat twice": lambda clip: [
        concat(concat(text(clip, p), plain_text(clip, "at night")), plain_text(clip, "in the rain"))
        for p in (SOURCE, TARGET)
    ],
    "concat to two chunks": lambda clip: [
        concat(text(clip, p), plain_text(clip, "at night")) for p in (f"a cat, {LONG}", f"a dog, {LONG}")
    ],
    "concat to other chunk counts": lambda clip: [
        concat(text(clip, p), plain_text(clip, "at night")) for p in ("a cat", f"a dog, {LONG}")
    ],
    "average on both": lambda clip: [average(text(clip, p), plain_text(clip, "at night")) for p in (SOURCE, TARGET)],
    "average on the target": lambda clip: [
        text(clip, SOURCE),
        average(text(clip, TARGET), plain_text(clip, "at night")),
    ],
    "average on the target of the same prompt": lambda clip: [
        text(clip, SOURCE),
        average(text(clip, SOURCE), plain_text(clip, "at night")),
    ],
    "average with a longer prompt": lambda clip: [
        average(text(clip, p), plain_text(clip, LONG)) for p in (SOURCE, TARGET)
    ],
    "zeroed target": lambda clip: [text(clip, SOURCE), zeroed(text(clip, TARGET))],
    "zeroed source": lambda clip: [zeroed(text(clip, SOURCE)), text(clip, TARGET)],
    "zeroed target of the same prompt": lambda clip: [text(clip, SOURCE), zeroed(text(clip, SOURCE))],
    "CLIP skip": lambda clip: [text(skipping(clip, -1), p) for p in (SOURCE, TARGET)],
    "CLIP skip on the target": lambda clip: [text(clip, SOURCE), text(skipping(clip, -1), TARGET)],
    "CLIP skip on the target of the same prompt": lambda clip: [text(clip, SOURCE), text(skipping(clip, -1), SOURCE)],
    "timestep range": lambda clip: [between(text(clip, p), 0.0, 1.0) for p in (SOURCE, TARGET)],
}


class TestOtherConditioningNodes:
    @pytest.mark.parametrize("conditionings", CONDITIONINGS.values(), ids=CONDITIONINGS)
    def test_the_edit_is_that_of_explicit_maps(self, tiny, conditionings):
        model, clip, _ = tiny
        controller = swap(*conditionings(clip))
        patched, *inputs = applied(model, clip, controller, empty_latent(width=96, height=128, batch=2))
        edits = controller.entries[0].controller.edits
        expected = sample(with_explicit_maps(model, edits, largest_self_grid=4), *inputs)
        plain, found = sample(model, *for_any_model(*inputs)), sample(patched, *inputs)
        assert relative(found, expected) < 1e-5
        assert relative(plain, expected) > 20 * relative(found, expected)
        assert_edits_the_target_only(plain, found)

    def test_the_same_prompt_and_the_same_conditioning_is_no_edit(self, tiny):
        clip = tiny[1]
        source, target = (average(concat(text(clip, SOURCE), text(clip, "at night")), text(clip, TARGET)) for _ in "ab")
        plain, edited = plain_and_edited(tiny, source, target)
        assert torch.equal(plain, edited)

    def test_the_same_tokens_with_another_pooled_vector_are_an_edit(self, tiny):
        source = text(tiny[1], SOURCE)
        ((cond, extras),) = source
        target = [[cond, {**extras, "pooled_output": text(tiny[1], TARGET)[0][1]["pooled_output"]}]]
        assert_edits_the_target_only(*plain_and_edited(tiny, source, target))

    def test_combined_with_itself_a_prompt_is_edited_as_alone(self, tiny):
        clip = tiny[1]
        source, target = text(clip, SOURCE), text(clip, TARGET)
        alone, both = (
            plain_and_edited(tiny, *pair)[1]
            for pair in ((source, target), (together(source, source), together(target, target)))
        )
        assert relative(both, alone) < 1e-5

    def test_combined_prompts_are_edited_in_their_order(self, tiny):
        clip = tiny[1]
        sky, rain = text(clip, "a blue sky"), text(clip, "a dark rain")
        source, target = together(text(clip, SOURCE), sky), together(text(clip, TARGET), rain)
        controller = swap(source, target)
        edited_words = [entry.controller.edits[0].target.text for entry in controller.entries]
        assert edited_words == [TARGET, "a dark rain"]
        assert_edits_the_target_only(*plain_and_edited(tiny, source, target))

    def test_a_whole_timestep_range_is_no_range(self, tiny):
        clip = tiny[1]
        source, target = text(clip, SOURCE), text(clip, TARGET)
        without = plain_and_edited(tiny, source, target)[1]
        ranged = plain_and_edited(tiny, between(source, 0.0, 1.0), between(target, 0.0, 1.0))[1]
        assert torch.equal(ranged, without)

    def test_prompts_of_two_timestep_ranges_are_edited_in_theirs(self, tiny):
        """An edit in the second half only: the edited and the plain run agree until then."""
        model, clip, _ = tiny
        early, late = text(clip, "a field"), (text(clip, SOURCE), text(clip, TARGET))
        source, target = (together(between(early, 0.0, 0.5), between(prompt, 0.5, 1.0)) for prompt in late)
        plain, edited = plain_and_edited(tiny, source, target)
        assert_edits_the_target_only(plain, edited)
        patched, *inputs = applied(model, clip, swap(source, target), empty_latent(batch=2))
        first_half = sample(patched, *inputs, last_step=2, force_full_denoise=False)
        first_source, first_target = rows(first_half)
        assert torch.equal(first_source, first_target)

    @pytest.mark.parametrize("count", [-1, 4, 76, 81])
    def test_other_numbers_of_tokens_are_refused(self, tiny, count):
        ((cond, extras),) = text(tiny[1], SOURCE)
        changed = cond[:, :count] if count < 0 else torch.cat([cond, cond[:, :1].repeat(1, count, 1)], 1)
        message = f"has {77 + count} tokens but its prompt has 77: .*whole chunks of 77.*ConditioningConcat"
        with pytest.raises(P2PError, match=message):
            swap([[changed, extras]], text(tiny[1], TARGET))
