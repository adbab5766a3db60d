"""How tensors of a record are kept: how much is lost, what it takes, and what cannot be kept well."""

import pytest
import torch
from p2p.p2p_core.record_precision import bytes_of, decode_into, decoded, encoded

PRECISIONS = ("fp32", "fp16", "int8")
SHAPES = [(2, 256, 64), (1, 1, 1), (2, 3, 5), (1, 300, 70), (3, 7), (5,)]


def states(rows=2, tokens=256, channels=640, outliers=6, times=30.0) -> torch.Tensor:
    """As a layer norm leaves them: all tokens of one norm, a few channels many times larger than the others."""
    noise = torch.Generator().manual_seed(0)
    values = torch.randn(rows, tokens, channels, generator=noise)
    values[..., torch.randperm(channels, generator=noise)[:outliers]] *= times
    return values * (channels**0.5 / values.norm(dim=-1, keepdim=True))


def decibels(wanted: torch.Tensor, found: torch.Tensor) -> float:
    return float(10 * torch.log10(wanted.double().pow(2).mean() / (wanted.double() - found.double()).pow(2).mean()))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_shape_type_and_bytes(shape, precision, dtype):
    tensor = torch.randn(shape).to(dtype)
    kept = encoded(tensor, precision)
    assert kept.nbytes == bytes_of(shape, precision)
    assert all(part.is_contiguous() for part in kept.tensors)
    for asked in (torch.float32, torch.float16, torch.bfloat16):
        found = decoded(kept, asked)
        assert (found.dtype, tuple(found.shape)) == (asked, shape)
        assert torch.allclose(found.double(), tensor.double(), atol=0.05)


@pytest.mark.parametrize(
    ("precision", "least", "channels", "outliers"),
    [("fp16", 73, 640, 6), ("int8", 42, 640, 6), ("int8", 42, 1280, 0), ("int8", 42, 64, 2)],
)
def test_what_is_lost(precision, least, channels, outliers):
    wanted = states(channels=channels, outliers=outliers)
    assert decibels(wanted, decoded(encoded(wanted, precision), torch.float32)) > least


def test_int8_loses_as_little_of_the_small_channels():
    """With one scale per token, or for all, the large channels would set the steps of the small ones: 19 dB."""
    wanted = states()
    found = decoded(encoded(wanted, "int8"), torch.float32)
    by_channel = [decibels(wanted[..., channel], found[..., channel]) for channel in range(0, 640, 20)]
    assert min(by_channel) > 36


def test_rows_do_not_share_scales():
    wanted = torch.cat([states(1), 1000 * states(1)])
    assert torch.equal(encoded(wanted, "int8").values[:1], encoded(wanted[:1], "int8").values)


def test_what_fits_is_exact():
    halves = torch.randn(2, 8, 4).half()
    assert torch.equal(decoded(encoded(halves, "fp16"), torch.float16), halves)
    wanted = torch.randn(2, 8, 4)
    assert torch.equal(decoded(encoded(wanted, "fp32"), torch.float32), wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_fp16_does_not_overflow(dtype):
    found = decoded(encoded(torch.tensor([[1e6], [-1e30], [65504.0], [3.0]], dtype=dtype), "fp16"), torch.float32)
    assert found.flatten().tolist() == [65504, -65504, 65504, 3]


def test_int8_knows_no_bounds():
    wanted = torch.tensor([[1e30, 1e-30, 0, -1], [5e29, -1e-30, 0, 1]])
    assert torch.allclose(decoded(encoded(wanted, "int8"), torch.float32), wanted, rtol=0.01, atol=0)


def test_nothing_is_divided_by_zero():
    """What a whole number is made of 0/0 differs between devices."""
    kept = encoded(torch.zeros(2, 3, 4), "int8")
    assert (kept.scales > 0).all() and not decoded(kept, torch.float32).any()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_failed_run_is_not_hidden(precision):
    tensor = torch.ones(1, 4, 2)
    tensor[0, 1, 1] = torch.nan
    assert not decoded(encoded(tensor, precision), torch.float32)[0, 1, 1].isfinite()
    assert torch.equal(decoded(encoded(tensor, precision), torch.float32)[..., 0], tensor[..., 0])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_is_kept_is_its_own(precision):
    """The model may write over its states, and a row must not keep its batch."""
    batch = torch.randn(4, 8, 6)
    kept = encoded(batch[1:2].transpose(1, 2), precision)
    before = decoded(kept, torch.float32).clone()
    batch.zero_()
    assert torch.equal(decoded(kept, torch.float32), before)
    assert kept.values.untyped_storage().nbytes() == kept.values.nbytes


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("asked", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_decoding_into_another_tensor_gives_the_same(precision, asked, shape):
    kept = encoded(torch.randn(shape), precision)
    whole = torch.full((2, *shape), 7.0, dtype=asked)
    decode_into(kept, whole[1])
    assert torch.equal(whole[1], decoded(kept, asked))
    assert bool((whole[0] == 7).all())
