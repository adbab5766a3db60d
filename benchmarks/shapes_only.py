"""Full-size models on any machine: the sampler is real, the network computes shapes only.

The network lies on torch's ``meta`` device, where every operation makes its result's shape and nothing else. So what is
counted there is what a device would be asked for, at sizes that need no such device.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import comfy.model_patcher
import torch
import torch.nn.functional as F
from comfy.patcher_extension import WrappersMP
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from .counting import Counting
from .models import Architecture, build

META = torch.device("meta")


class _Unmoved(comfy.model_patcher.ModelPatcher):
    """The host's handle of a model whose weights have no memory and are where they shall be."""

    def load(self, *args, **kwargs) -> None:
        pass


def on_meta(architecture: Architecture, dtype: torch.dtype) -> comfy.model_patcher.ModelPatcher:
    """A model for the host's sampler on the CPU, whose network is on ``meta``."""
    cpu = torch.device("cpu")
    base = build(architecture, dtype, META)
    # The host splits a batch where memory is short; this machine's says nothing of a device.
    base.memory_required = lambda *args, **kwargs: 0
    model = _Unmoved(base, load_device=cpu, offload_device=cpu)
    model.add_wrapper(WrappersMP.DIFFUSION_MODEL, _network_on_meta)
    return model


def _network_on_meta(executor, *args, **kwargs):
    """The network's inputs go to ``meta``; what comes back are zeros, which sample like anything else."""
    args, kwargs = tree_map_only(torch.Tensor, lambda tensor: tensor.to(META), (args, kwargs))
    output = executor(*args, **kwargs)
    return torch.zeros(output.shape, dtype=output.dtype)


class _ShapesOnly(Counting):
    """Counts, and answers the sampler, which lives on the CPU, with made-up numbers for what only has a shape."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.ops.aten._to_copy.default and args[0].is_meta and kwargs.get("device") == torch.device("cpu"):
            return _stripes(args[0]).to(kwargs.get("dtype") or args[0].dtype)
        if func is torch.ops.aten.where.self and args[0].is_meta and not args[1].is_meta:
            args = (_ones(args[0]), *args[1:])  # a mask of maps, on latents
        return super().__torch_dispatch__(func, types, args, kwargs)


def _ones(tensor: torch.Tensor) -> torch.Tensor:
    return torch.ones(tensor.shape, dtype=tensor.dtype)


def _stripes(tensor: torch.Tensor) -> torch.Tensor:
    """Every third a one, so that neither everything nor nothing is in a mask that is made of any of its columns."""
    return (torch.arange(tensor.numel()) % 3 == 0).to(tensor.dtype).reshape(tensor.shape)


class _FusedAttention(TorchFunctionMode):
    """Attention on ``meta`` as a CUDA device does it; without this torch would lay out the maps there."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.autograd.grad:
            return self._gradient(*args[:2])
        if func is not F.scaled_dot_product_attention or not args[0].is_meta:
            return func(*args, **(kwargs or {}))
        q, k, v = args[:3]
        if q.shape[-1] == v.shape[-1]:
            return torch.ops.aten._scaled_dot_product_flash_attention(q, k, v)[0]
        return torch.ops.aten._scaled_dot_product_efficient_attention(q, k, v, None, False)[0]

    def _gradient(self, outputs: Sequence[torch.Tensor], inputs: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Parts of a network may be run again for a gradient, and their attention is fused then too."""
        with self:
            engine = torch.autograd.Variable._execution_engine
            ones = tuple(map(torch.ones_like, outputs))
            return engine.run_backward(tuple(outputs), ones, False, False, tuple(inputs), False, accumulate_grad=False)


@contextmanager
def counting_shapes() -> Iterator[Counting]:
    """While inside, everything is counted and attention is fused."""
    with _FusedAttention(), _ShapesOnly() as counting:
        yield counting
