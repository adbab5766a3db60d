"""What a user can get wrong gets a sentence that names it, before sampling starts (design, section 6)."""

import pytest
import torch
from p2p.nodes.apply import P2PApply
from p2p.nodes.replace import P2PReplaceController
from p2p.p2p_core.errors import P2PError

import nodes as host_nodes

from .graph import SOURCE, applied, empty_latent, outputs, plain_text, replace_controller, sample, text

SETTINGS = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": ""}


def controller(source, target, **settings):
    return outputs(P2PReplaceController, source=source, target=target, **{**SETTINGS, **settings})[0]


def test_conditioning_of_another_encoder(tiny):
    clip = tiny[1]
    with pytest.raises(P2PError, match=r"The target conditioning does not know its words: .* P2P Text Encode"):
        controller(text(clip, SOURCE), plain_text(clip, SOURCE))
    with pytest.raises(P2PError, match="The source conditioning does not know its words"):
        controller(plain_text(clip, SOURCE), text(clip, SOURCE))


def test_a_word_that_is_not_there(tiny):
    with pytest.raises(P2PError, match=r'horse.*"a photo of a dog on grass"|horse.*dog'):
        replace_controller(tiny[1], word_windows="horse: 0-0.4")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"word_windows": "dog 0.4"}, "is not a window of a word"),
        ({"word_windows": "dog: 0-1.5"}, "use 0 to 1"),
        ({"word_windows": "dog: 0.6-0.2"}, "starts after its end"),
        ({"cross_start": 0.9, "cross_end": 0.2}, r"cross_start \(0.9\) is after cross_end \(0.2\)"),
        ({"self_start": 0.9, "self_end": 0.2}, r"self_start \(0.9\) is after self_end \(0.2\)"),
    ],
)
def test_windows_are_refused_before_the_queue(settings, message):
    import re

    assert re.search(message, P2PReplaceController.validate_inputs(**{**SETTINGS, **settings}))


def test_good_windows_pass_before_the_queue():
    assert P2PReplaceController.validate_inputs(**SETTINGS) is True
    assert P2PReplaceController.validate_inputs(**{**SETTINGS, "word_windows": "dog: 0.2-0.4\ncat: 0.3"}) is True


def test_a_different_number_of_prompts(tiny):
    clip = tiny[1]
    two = [*text(clip, "a cat"), *text(clip, "on grass")]
    with pytest.raises(P2PError, match="The source conditioning has 2 prompts and the target 1"):
        controller(two, text(clip, "a dog"))


def test_tokens_added_after_the_encoder(tiny):
    """Whole chunks of them are none of the words, and allowed (test_any_encoder)."""
    ((cond, extras),) = text(tiny[1], SOURCE)
    longer = [[torch.cat([cond, cond[:, :4]], 1), extras]]
    with pytest.raises(P2PError, match=r"has 81 tokens but its prompt has 77: .*ConditioningConcat"):
        controller(longer, text(tiny[1], SOURCE))


def test_a_setting_that_differs_between_source_and_target(tiny):
    model, clip, _ = tiny
    early = host_nodes.ConditioningSetTimestepRange().set_range(text(clip, SOURCE), 0.0, 0.5)[0]
    late = host_nodes.ConditioningSetTimestepRange().set_range(text(clip, "a dog"), 0.0, 0.9)[0]
    with pytest.raises(P2PError, match="a timestep range that differ"):
        outputs(
            P2PApply,
            model=model,
            controller=controller(early, late),
            negative=plain_text(clip, ""),
            latent=empty_latent(),
        )


def test_other_text_encoders(tiny):
    model, clip, _ = tiny
    narrow = [[text(clip, "a dog")[0][0][..., :32], text(clip, "a dog")[0][1]]]
    with pytest.raises(P2PError, match="different text encoders"):
        applied(model, clip, controller(text(clip, SOURCE), narrow))


def test_a_model_without_cross_attention(tiny):
    model, clip, _ = tiny
    other = model.clone()
    other.model = type("Flux", (), {"diffusion_model": torch.nn.Linear(1, 1)})()
    with pytest.raises(P2PError, match="Flux has no cross-attention on its prompt"):
        applied(other, clip, replace_controller(clip))


def test_a_video_latent(tiny):
    model, clip, _ = tiny
    with pytest.raises(P2PError, match="not a batch of pictures"):
        applied(model, clip, replace_controller(clip), {"samples": torch.zeros(1, 16, 3, 8, 8)})


def test_a_checkpoint_without_text_encoder():
    with pytest.raises(P2PError, match="clip input is empty"):
        text(None, SOURCE)


def test_a_node_that_changes_the_batch_inside_the_model(tiny):
    model, clip, _ = tiny
    inputs = applied(model, clip, replace_controller(clip))
    broken = inputs[0].clone()
    broken.set_model_unet_function_wrapper(
        lambda function, call: function(call["input"][:-1], call["timestep"][:-1], **_without_last_row(call["c"]))
    )
    with pytest.raises(P2PError, match="another node changes the batch"):
        sample(broken, *inputs[1:])


def _without_last_row(conditions: dict) -> dict:
    return {key: value[:-1] if torch.is_tensor(value) else value for key, value in conditions.items()}
