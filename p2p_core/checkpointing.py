"""Gradients through modules whose inner results are not kept: they are made again when the gradient gets there.

What a module keeps for its gradient is many times what goes in. With this, only what goes in is held, and the inner
results of one module at a time (gradient checkpointing, Chen et al. 2016, "Training Deep Nets with Sublinear Memory
Cost"). torch's own ``torch.utils.checkpoint`` wraps the call of a function; modules of other people are called by other
people, so this goes in through torch's public hooks, and comes out as they do.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks

from .errors import P2PError


@contextmanager
def checkpointed(modules: Iterable[torch.nn.Module]) -> Iterator[None]:
    """While inside, calls of these modules keep their inputs only. None of them may lie within another of them.

    The gradient has to be taken inside as well. Afterwards no hook is left, whatever happened.
    """
    state = _State()
    handles = []
    try:
        for module in modules:
            handles.append(module.register_forward_pre_hook(state.begin, with_kwargs=True))
            handles.append(module.register_forward_hook(state.end))
        yield
    finally:
        for handle in handles:
            handle.remove()
        state.close()


class _State:
    """The call that is being made; a module that raises never ends its own."""

    def __init__(self) -> None:
        self._open: saved_tensors_hooks | None = None

    def begin(self, module: torch.nn.Module, args: tuple, kwargs: dict) -> None:
        self.close()
        if torch.is_grad_enabled():
            call = _Call(module, args, kwargs)
            self._open = saved_tensors_hooks(call.keep, call.give)
            self._open.__enter__()

    def end(self, *_) -> None:
        self.close()

    def close(self) -> None:
        if self._open is not None:
            self._open.__exit__()
            self._open = None


class _Call:
    """One call of a module. What it would have kept has a number each, in the order in which it was to be kept."""

    def __init__(self, module: torch.nn.Module, args: tuple, kwargs: Mapping[str, Any]) -> None:
        self._module = module
        # Callers fill one dictionary of options again for every module.
        self._args = [_copied(value) for value in args]
        self._kwargs = {name: _copied(value) for name, value in kwargs.items()}
        self._versions = self._versions_now()
        self._count = 0
        self._made: dict[int, torch.Tensor] = {}

    def keep(self, _: torch.Tensor) -> int:
        self._count += 1
        return self._count - 1

    def give(self, number: int) -> torch.Tensor:
        """What has this number; each is asked for once, so it is held no longer."""
        if number not in self._made:
            self._make()
        return self._made.pop(number)

    def _make(self) -> None:
        if self._versions_now() != self._versions:
            raise P2PError(
                "Another node changes the model's values in place (FreeU does), so that no gradient can be taken "
                "through them: take that node out for attention guidance."
            )
        found: list[torch.Tensor] = []

        def keep(tensor: torch.Tensor) -> None:
            found.append(tensor.detach())

        with torch.enable_grad(), saved_tensors_hooks(keep, _never):
            self._module.forward(*map(_apart, self._args), **{k: _apart(v) for k, v in self._kwargs.items()})
        if len(found) != self._count:
            raise P2PError(
                "Another node makes the model do something else when it is asked the same again, so that no gradient "
                "can be taken through it: take nodes that patch the model's blocks out for attention guidance."
            )
        self._made = dict(enumerate(found))

    def _versions_now(self) -> Sequence[int]:
        tensors = [*self._args, *self._kwargs.values()]
        return [value._version for value in tensors if torch.is_tensor(value) and not value.is_inference()]


def _never(_) -> torch.Tensor:
    raise RuntimeError("The graph of a call that was made again is not for gradients.")


def _copied(value):
    return dict(value) if isinstance(value, dict) else value


def _apart(value):
    """A value without the graph that it came from, but with one of its own where it had one."""
    if torch.is_tensor(value):
        return value.detach().requires_grad_(value.requires_grad)
    return _copied(value)
