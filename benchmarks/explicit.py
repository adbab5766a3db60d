"""The published method: every attention map laid out in memory, edited in place, and kept (Hertz et al. 2022).

It does what the public code and its SDXL ports do at every layer, with the same tensors in the same order and in the
model's own dtype, but inside the host's own sampler, so that its time and memory can stand beside ours. It has no speed
that they lack and no slowness that they lack; it differs where they fail:

- The mappers have the model's dtype (the ports' are fp32, which a half-precision model refuses or is widened by).
- The rows of the prompts are found by the host's list of conditions, not taken for the second half of the batch.
- Portrait pictures have the self-injection that the ports lose.
"""

from collections.abc import Callable, Sequence

import torch
from comfy.ldm.modules.attention import BasicTransformerBlock
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from comfy.samplers import calculate_sigmas

from ..nodes._host.progress import progress_of
from ..p2p_core.edit import Edit
from .explicit_edits import EditTables, tables_of
from .explicit_memory import LARGEST_STORED, place_of

_KEY = "published_prompt_to_prompt"
_POSITIVE = 0  # the host's number of the condition
_COARSE = 4  # latent places per side of a place where self-attention is injected: 16² of SD 1.5, 32² of SDXL

Maps = dict[str, list[torch.Tensor]]


class MapStore:
    """The published ``AttentionStore``: the maps of all layers of up to 32² queries, of this step and summed so far.

    Attributes:
        step_store, attention_store: the maps of the positive rows, (rows · heads, queries, tokens), by
            "down_self", "mid_cross" and so on. They are views, so that the negative half stays in memory with them.
    """

    def __init__(self) -> None:
        self.step_store: Maps = {}
        self.attention_store: Maps = {}

    def keep(self, place: str, maps: torch.Tensor) -> None:
        if maps.shape[1] <= LARGEST_STORED:
            self.step_store.setdefault(place, []).append(maps)

    def between_steps(self) -> None:
        if not self.attention_store:
            self.attention_store = self.step_store
        else:
            for place, sums in self.attention_store.items():
                for total, maps in zip(sums, self.step_store[place], strict=True):
                    total += maps
        self.step_store = {}


class _Run:
    """What changes while a model samples: the step, the store, and the edits as tensors of the model's device."""

    def __init__(self, tables: EditTables) -> None:
        self.tables = tables
        self.step = 0
        self.store: MapStore | None = None

    def start(self, store: MapStore | None) -> None:
        self.step, self.store = 0, store

    def tables_like(self, maps: torch.Tensor) -> EditTables:
        if not self.tables.fits(maps):
            self.tables = self.tables.like(maps)
        return self.tables

    def next_step(self) -> None:
        self.step += 1
        if self.store is not None:
            self.store.between_steps()


def with_explicit_maps(
    model: ModelPatcher,
    edits: Sequence[Edit],
    progress: Sequence[float],
    keeps_store: bool,
    at_end: Callable[[MapStore], None] | None = None,
) -> ModelPatcher:
    """A clone of the model that edits the rows ``[source, target 1 … target n]`` of the positive prompt.

    Args:
        edits: of one group, all replacing, all refining or all only reweighting, with one self-attention window.
        progress: at the start of every step. The sampler calls the model once per step, as the ports' samplers do.
        keeps_store: whether maps are kept, which the published code always does.
        at_end: is given the store when a run ends; after that nothing holds it.

    Raises:
        ValueError: an edit that the published method does not have.
    """
    run = _Run(tables_of(edits, progress))

    def outer_sample(executor, *args, **kwargs):
        run.start(MapStore() if keeps_store else None)
        try:
            return executor(*args, **kwargs)
        finally:
            if at_end is not None and run.store is not None:
                at_end(run.store)
            run.start(None)

    def predict_noise(executor, *args, **kwargs):
        result = executor(*args, **kwargs)
        run.next_step()
        return result

    patched = model.clone()
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, _KEY, outer_sample)
    patched.add_wrapper_with_key(WrappersMP.PREDICT_NOISE, _KEY, predict_noise)
    for site in _sites(model.model.diffusion_model):
        patched.set_model_attn1_replace(_attention(run, is_cross=False), *site)
        patched.set_model_attn2_replace(_attention(run, is_cross=True), *site)
    return patched


def progress_of_steps(model: ModelPatcher, steps: int, scheduler: str = "normal") -> tuple[float, ...]:
    """Progress at the start of every step of the host's sampler."""
    sampling = model.get_model_object("model_sampling")
    return progress_of(sampling, calculate_sigmas(sampling, scheduler, steps)[:-1])


def _sites(network):
    """(block name, block number, transformer index) of every layer."""
    for name, module in network.named_modules():
        if isinstance(module, BasicTransformerBlock):
            part, number, *_, index = name.split(".")
            block = part.split("_")[0]
            yield block, 0 if block == "middle" else int(number), int(index)


def _attention(run: _Run, is_cross: bool):
    """A layer's attention, as diffusers' processor of explicit maps computes it."""

    def function(q, k, v, options):
        heads = options["n_heads"]
        q, k, v = (_rows_of_heads(tensor, heads) for tensor in (q, k, v))
        maps = _maps(q, k)
        _edit(run, maps, is_cross, options)
        return _heads_of_rows(torch.bmm(maps, v), heads)

    return function


def _maps(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """(rows · heads, queries, tokens), in the dtype of q: diffusers' ``get_attention_scores``, its SDXL not upcast."""
    unused = torch.empty(q.shape[0], q.shape[1], k.shape[1], dtype=q.dtype, device=q.device)
    scores = torch.baddbmm(unused, q, k.transpose(-1, -2), beta=0, alpha=q.shape[-1] ** -0.5)
    del unused
    return scores.softmax(dim=-1)


def _edit(run: _Run, maps: torch.Tensor, is_cross: bool, options: dict) -> None:
    """Changes the maps of the positive rows in place."""
    conditions = options["cond_or_uncond"]
    if _POSITIVE not in conditions:
        return
    positive = maps.chunk(len(conditions))[conditions.index(_POSITIVE)]
    if run.store is not None:
        run.store.keep(place_of(options["block"][0], is_cross), positive)
    # The published code too assigns the edited maps, which are this memory, to this memory.
    positive[:] = _edited(run, positive, is_cross, options)


def _edited(run: _Run, maps: torch.Tensor, is_cross: bool, options: dict) -> torch.Tensor:
    tables = run.tables_like(maps)
    if not is_cross and not (tables.injects[run.step] and maps.shape[1] <= _coarse(options)):
        return maps
    by_row = maps.reshape(tables.rows, -1, *maps.shape[1:])
    source, targets = by_row[0], by_row[1:]
    if is_cross:
        by_row[1:] = tables.edited(source, targets, run.step)
    else:
        by_row[1:] = source.unsqueeze(0).expand(targets.shape[0], *source.shape)
    return by_row.reshape(maps.shape)


def _coarse(options: dict) -> int:
    height, width = options["original_shape"][-2:]
    return -(-height // _COARSE) * -(-width // _COARSE)


def _rows_of_heads(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """(rows, tokens, heads · channels) → (rows · heads, tokens, channels)."""
    rows, tokens, channels = tensor.shape
    split = tensor.reshape(rows, tokens, heads, channels // heads).permute(0, 2, 1, 3)
    return split.reshape(rows * heads, tokens, channels // heads)


def _heads_of_rows(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """(rows · heads, tokens, channels) → (rows, tokens, heads · channels)."""
    rows, (tokens, channels) = tensor.shape[0] // heads, tensor.shape[1:]
    return tensor.reshape(rows, heads, tokens, channels).permute(0, 2, 1, 3).reshape(rows, tokens, heads * channels)
