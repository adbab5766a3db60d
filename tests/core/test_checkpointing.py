"""Gradient checkpoints through modules that other code calls."""

import pytest
import torch
from p2p.p2p_core.checkpointing import checkpointed
from p2p.p2p_core.errors import P2PError


class Block(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(16, 64), torch.nn.Linear(64, 16)
        self.calls = 0

    def forward(self, x, scale=None, options=None):
        self.calls += 1
        options = options or {}
        return x + self.second(torch.tanh(self.first(x))) * options.get("factor", 1.0) * (1 if scale is None else scale)


def gradient_of(blocks, x, scale, use_checkpoints: bool) -> tuple[torch.Tensor, torch.Tensor]:
    leaf, other = x.clone().requires_grad_(), scale.clone().requires_grad_()
    options = {}
    kept = []
    with (
        checkpointed(blocks if use_checkpoints else ()),
        torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
        ),
    ):
        hidden = leaf
        for number, block in enumerate(blocks):
            options["factor"] = 1.0 + number  # one dictionary, as callers fill it again and again
            hidden = block(hidden, scale=other, options=options)
        return torch.autograd.grad(hidden.square().sum(), (leaf, other))


def test_the_gradient_is_the_same_to_the_bit():
    torch.manual_seed(0)
    blocks = [Block() for _ in range(3)]
    x, scale = torch.randn(4, 16), torch.randn(16)
    with_them, without = (gradient_of(blocks, x, scale, use) for use in (True, False))
    assert all(torch.equal(a, b) for a, b in zip(with_them, without, strict=True))
    assert [block.calls for block in blocks] == [3, 3, 3]  # once for each result, and once again


def test_no_hook_is_left_and_a_failure_leaves_none_either():
    block = Block()
    with pytest.raises(RuntimeError), checkpointed([block]):
        block(torch.randn(4, 3, requires_grad=True))
    assert not block._forward_hooks
    assert not block._forward_pre_hooks
    x = torch.ones(2, requires_grad=True)
    assert torch.equal((x * x).grad_fn._saved_self, x)


def test_without_a_gradient_nothing_is_kept():
    block = Block()
    with torch.no_grad(), checkpointed([block]):
        assert not block(torch.randn(4, 16)).requires_grad


def test_a_value_that_was_changed_meanwhile_is_refused():
    block = Block()
    with checkpointed([block]):
        leaf = torch.randn(4, 16, requires_grad=True)
        x = leaf * 1
        result = block(x)
        x.mul_(2)
        with pytest.raises(P2PError, match="in place"):
            torch.autograd.grad(result.sum(), leaf)


def test_a_module_that_does_something_else_the_second_time_is_refused():
    class Fickle(Block):
        def forward(self, x):
            return super().forward(x) if self.calls == 0 else x * 1

    block = Fickle()
    with checkpointed([block]):
        x = torch.randn(4, 16, requires_grad=True)
        result = block(x)
        with pytest.raises(P2PError, match="something else"):
            torch.autograd.grad(result.sum(), x)
