"""Whether a gradient can be taken through a model, said before anything is sampled."""

import torch
from comfy.ldm.modules.attention import optimized_attention
from comfy.model_management import InterruptProcessingException
from comfy.patcher_extension import WrappersMP

from ...p2p_core.errors import P2PError

_NODE = "P2P Attention Guidance"
_COMPILED = "torch.compile"  # the key of the host's own wrapper


def refuse_without_gradient(patcher, model_options: dict) -> None:
    """Raises:
    P2PError: a compiled model, quantized weights, or an attention kernel that has no backward pass.
    """
    network = patcher.get_model_object("diffusion_model")
    _refuse_compiled(network, model_options)
    _refuse_quantized(network)
    _refuse_kernel(patcher, model_options)


def _refuse_compiled(network: torch.nn.Module, model_options: dict) -> None:
    by_host = model_options.get("transformer_options", {}).get("wrappers", {}).get(WrappersMP.APPLY_MODEL, {})
    is_compiled = _COMPILED in by_host or any(
        hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
        for module in network.modules()
    )
    if is_compiled:
        raise P2PError(
            f"{_NODE} takes gradients, which a model compiled with torch.compile was not made for: take the node that "
            "compiles it out."
        )


def _refuse_quantized(network: torch.nn.Module) -> None:
    for name, weight in network.named_parameters():
        is_quantized = not weight.dtype.is_floating_point or weight.dtype.itemsize == 1
        if is_quantized or hasattr(weight, "_layout_params") or hasattr(weight, "_qdata"):
            raise P2PError(
                f"{_NODE} takes gradients, which weights of {str(weight.dtype).removeprefix('torch.')} ({name}) do not "
                "have: load the model in fp16, bf16 or fp32."
            )


def _refuse_kernel(patcher, model_options: dict) -> None:
    """Asks the kernel itself: one without a backward pass gives a result that is no part of a graph, or fails."""
    kernel_dtype = patcher.model.manual_cast_dtype or patcher.model_dtype()
    options = dict(model_options.get("transformer_options", {}))
    reason = ""
    with torch.inference_mode(False), torch.enable_grad():
        shape = (1, 64, 2 * 64)  # sizes that every kernel takes
        q, k, v = (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
        q, k, v = (tensor.to(patcher.load_device, kernel_dtype).requires_grad_() for tensor in (q, k, v))
        try:
            result = optimized_attention(q, k, v, 2, attn_precision=None, transformer_options=options)
            gradients = torch.autograd.grad(result.float().square().sum(), (q, k, v))
            if not all(gradient.any() for gradient in gradients):
                reason = "its gradient is zero"
        except InterruptProcessingException:
            raise
        except (RuntimeError, NotImplementedError, TypeError, AssertionError) as error:
            reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
    if reason:
        raise P2PError(
            f"{_NODE} takes gradients, but the attention kernel that was chosen has no backward pass ({reason}): take "
            "the node that sets it (such as SageAttention) out, or start ComfyUI with --use-pytorch-cross-attention."
        )
