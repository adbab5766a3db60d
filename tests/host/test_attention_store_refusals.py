"""What a store refuses before the first step, and what it says afterwards where nothing was seen."""

import pytest
import torch
from p2p.p2p_core.errors import P2PError

import nodes as host_nodes

from .graph import SOURCE, empty_latent, plain_text, sample, text
from .stores import with_store


class TestRefusedBeforeTheFirstStep:
    @pytest.fixture
    def counted(self, tiny):
        """The model, and its calls."""
        calls = []
        model = tiny[0].clone()
        model.set_model_unet_function_wrapper(
            lambda apply, call: calls.append(1) or apply(call["input"], call["timestep"], **call["c"])
        )
        return model, calls

    def refused(self, counted, inputs, message, **settings):
        model, calls = counted
        watched, store = with_store(model, **settings)
        with pytest.raises(P2PError, match=message):
            sample(watched, *inputs)
        assert calls == []
        assert store.record is None

    def test_no_words_in_the_conditioning(self, tiny, counted):
        clip = tiny[1]
        inputs = (plain_text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        self.refused(counted, inputs, "finds no words in the positive conditioning.*P2P Text Encode")

    def test_no_words_in_the_negative(self, tiny, counted):
        clip = tiny[1]
        inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        self.refused(counted, inputs, "finds no words in the negative conditioning", prompt="negative")

    def test_a_word_that_is_nowhere(self, tiny, counted):
        clip = tiny[1]
        inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        self.refused(counted, inputs, '"horse" is not in the prompt', words="cat, horse")

    def test_an_occurrence_that_is_not_there(self, tiny, counted):
        clip = tiny[1]
        inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        self.refused(counted, inputs, "asks for occurrence 3", words="a#3")

    def test_a_window_without_a_step_is_said_when_the_record_is_asked_for(self, tiny):
        model, clip, _ = tiny
        watched, store = with_store(model, start=0.9, end=0.95)
        sample(watched, text(clip, SOURCE), plain_text(clip, ""), empty_latent(), steps=2)
        with pytest.raises(P2PError, match="no step of the run lies in its window"):
            store.recorded()

    @pytest.mark.parametrize(
        ("area", "words"),
        [((8, 16, 0, 0), ""), ((16, 8, 0, 8), "dog"), (("percentage", 1.0, 0.5, 0.0, 0.0), "dog")],
        ids=["every word", "of a word that is elsewhere", "in parts"],
    )
    def test_an_area(self, tiny, counted, area, words):
        clip = tiny[1]
        part = [[cond, {**extras, "area": area}] for cond, extras in text(clip, "a dog")]
        others = text(clip, "a cat") if words else []
        inputs = ([*others, *part], plain_text(clip, ""), empty_latent())
        self.refused(counted, inputs, "the prompt with its words has an area: take the area off", words=words)

    @pytest.mark.parametrize("keep_steps", [True, False])
    def test_a_prompt_that_is_never_computed_for_the_whole_picture(self, tiny, keep_steps):
        """The host finds the bounds of a mask when it samples, and skips the negative prompt at cfg 1."""
        model, clip, _ = tiny
        mask = torch.zeros(1, 16, 16)
        mask[:, :8] = 1
        bounded = host_nodes.ConditioningSetMask().append(text(clip, SOURCE), mask, "mask bounds", 1.0)[0]
        late = host_nodes.ConditioningSetTimestepRange().set_range(text(clip, SOURCE), 0.9, 1.0)[0]
        for positive, negative, settings, cfg in (
            (bounded, plain_text(clip, ""), {}, 5.0),
            ([*late, *plain_text(clip, "a dog")], plain_text(clip, ""), {"end": 0.4}, 5.0),
            (plain_text(clip, "a dog"), text(clip, SOURCE), {"prompt": "negative"}, 1.0),
        ):
            watched, store = with_store(model, keep_steps=keep_steps, **settings)
            sample(watched, positive, negative, empty_latent(), steps=2, cfg=cfg)
            with pytest.raises(P2PError, match="in its window no prompt with its words was computed for the whole"):
                store.recorded()
