"""What attention guidance refuses, each with a sentence and before anything is sampled."""

import pytest
import torch
from comfy.patcher_extension import WrappersMP
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.p2p_core.attention_store import AttentionRequest, AttentionStore
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.windows import Window

import nodes as host_nodes

from .graph import empty_latent, outputs, plain_text, sample, text
from .guided import PROMPT, guided, run
from .tiny_models import sdxl_shaped


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("smallest")


def refused(model, clip, sentence: str, positive=None, **settings) -> None:
    """The run of this model is refused, and the network was never called."""
    calls = []
    counting = model.clone()
    counting.add_wrapper(WrappersMP.DIFFUSION_MODEL, lambda executor, *args, **kwargs: calls.append(1))
    with pytest.raises(P2PError, match=sentence):
        patched = guided(counting, **settings)
        sample(patched, positive or text(clip, PROMPT), plain_text(clip, ""), empty_latent())
    assert calls == []


def test_a_word_that_is_not_in_the_prompt(small):
    refused(*small[:2], '"dog" is not in the prompt', words="car, dog")


def test_a_prompt_whose_words_are_not_known(small):
    model, clip, _ = small
    refused(model, clip, "finds no words in the positive conditioning", plain_text(clip, PROMPT))


def test_a_prompt_of_a_part_of_the_picture(small):
    model, clip, _ = small
    part = host_nodes.ConditioningSetArea().append(text(clip, PROMPT), 64, 64, 0, 0, 1.0)[0]
    refused(model, clip, "has an area: take the area off", part)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.int8])
def test_quantized_weights(small, dtype):
    model, clip, _ = small
    layer = model.model.diffusion_model.middle_block[1].transformer_blocks[0].attn2.to_k
    before = layer.weight
    layer.weight = torch.nn.Parameter(before.detach().to(dtype), requires_grad=False)
    try:
        refused(model, clip, "load the model in fp16, bf16 or fp32")
    finally:
        layer.weight = before


def _without_backward(func, q, k, v, *args, **kwargs):
    return func(q.detach(), k.detach(), v.detach(), *args, **kwargs)


def _failing(func, q, k, v, *args, **kwargs):
    raise RuntimeError("this kernel is not for you")


@pytest.mark.parametrize("kernel", [_without_backward, _failing])
def test_a_kernel_without_a_backward_pass(small, kernel):
    model, clip, _ = small
    other = model.clone()
    other.model_options.setdefault("transformer_options", {})["optimized_attention_override"] = kernel
    refused(other, clip, "has no backward pass")


def test_another_kernel_with_a_backward_pass_is_taken(small):
    model, clip, _ = small
    other = model.clone()
    override = {"optimized_attention_override": lambda func, *args, **kwargs: func(*args, **kwargs)}
    other.model_options.setdefault("transformer_options", {}).update(override)
    assert torch.equal(run(guided(other), clip), run(guided(model), clip))


def test_a_compiled_model(small):
    model, clip, _ = small
    by_host = model.clone()
    by_host.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "torch.compile", lambda executor, *a, **k: executor(*a, **k))
    refused(by_host, clip, "compiled with torch.compile")
    by_patch = model.clone()
    by_patch.add_object_patch("diffusion_model", torch.compile(model.model.diffusion_model, backend="eager"))
    refused(by_patch, clip, "compiled with torch.compile")


def test_a_model_without_cross_attention():
    class Other:
        diffusion_model = torch.nn.Linear(1, 1)

    class Patcher:
        model, model_options = Other(), {}

    with pytest.raises(P2PError, match="Other has no cross-attention on its prompt"):
        guided(Patcher())


def test_something_in_the_model_without_a_gradient(small):
    """It is found out in the first step only."""
    model, clip, _ = small
    kept = torch.ones(1)  # made in inference mode, as an adapter's cached values are

    other = model.clone()
    other.set_model_attn2_patch(lambda hidden, context, value, options: (hidden * kept, context, value))
    with pytest.raises(P2PError, match="No gradient can be taken through this model"):
        run(guided(other), clip)
    assert torch.isfinite(run(other, clip)).all()


STAY = {"objective": "stay like this", "words": "cat"}


def filled(small, words="", keep_steps=True, prompt: str = PROMPT, batch: int = 1) -> AttentionStore:
    model, clip, _ = small
    settings = {"words": words, "prompt": "positive", "largest_grid": "coarse", "start": 0.0, "end": 1.0}
    watched, store = outputs(P2PAttentionStore, model=model, keep_steps=keep_steps, **settings)
    run(watched, clip, prompt, latent=empty_latent(batch=batch))
    return store


def test_references_that_do_not_fit(small):
    model, clip, _ = small
    empty = AttentionStore(AttentionRequest((), "positive", "coarse", Window(0, 1), True))
    refused(model, clip, "attention store is empty", reference=empty, **STAY)
    refused(model, clip, "turn keep_steps on", reference=filled(small, keep_steps=False), **STAY)
    refused(model, clip, 'No map of "cat" was recorded', reference=filled(small, words="car"), **STAY)
    refused(model, clip, "of 2 pictures, but the sampler makes 1", reference=filled(small, batch=2), **STAY)


def test_a_reference_goes_with_its_objective_only(small):
    model, *_ = small
    with pytest.raises(P2PError, match="but nothing to be like: connect"):
        guided(model, **STAY)
    with pytest.raises(P2PError, match="the objective be present does not use"):
        guided(model, reference=filled(small))


def test_the_same_run_stays_what_it_was(small):
    """Its maps are those of the reference, so there is nothing to change; those of another seed are changed."""
    model, clip, _ = small
    staying = guided(model, reference=filled(small, words="cat"), **STAY)
    same, other = run(model, clip), run(model, clip, seed=2)
    moved_same = float((run(staying, clip) - same).norm())
    moved_other = float((run(staying, clip, seed=2) - other).norm())
    assert moved_same < 0.05 * moved_other
