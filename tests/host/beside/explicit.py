"""The same edit with explicit maps, as an attention override: it composes with what other nodes patch.

``oracle`` replaces attn1 and attn2 and so takes the place of other nodes' replacements. Here every call of the host's
attention kernel that names its options is computed from ``p2p_core.naive`` instead, after all patches of the inputs and
inside all replacements. It shares no code with ``nodes._host`` but the meaning of progress.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from comfy.patcher_extension import WrappersMP
from einops import rearrange
from p2p.nodes._host.guarding import EDITS
from p2p.nodes._host.progress import progress_of
from p2p.p2p_core import naive

_STATE = "explicit_maps"  # in the options of a model call: (edits or None of every chunk, tokens of the text)


def start_of_step(options) -> torch.Tensor:
    """(1,): the noise level at which the step of a model call starts."""
    levels, level = options["sample_sigmas"][:-1], options["sigmas"][0]
    return levels[levels >= level * (1 - 1e-3)][-1:]


def edited_chunks(options: dict) -> list[bool]:
    """Which chunks of the model call carry an edited prompt, inside a run with explicit maps."""
    return [edits is not None for edits in options[_STATE][0]]


def sources_rows(tensor: torch.Tensor, options: dict) -> torch.Tensor:
    """The rows of a model call, in which the targets (one of each source) have their source's."""
    parts = tensor.chunk(len(options["cond_or_uncond"]))
    return torch.cat(
        [
            part[::2].repeat_interleave(2, 0) if edited else part
            for part, edited in zip(parts, edited_chunks(options), strict=True)
        ]
    )


def in_grids(name: str, options: dict) -> bool:
    """Whether this layer's grid is in the set: up to a quarter of the latent's sides, up to half, or any."""
    divisor = {"coarse": 4, "medium": 2, "all": 1}[name]
    sizes = zip(options["activations_shape"][-2:], options["original_shape"][-2:], strict=True)
    return all(grid <= -(-latent // divisor) for grid, latent in sizes)


def with_explicit_edits(model, controller, positive: list, kernel: Callable | None = None):
    """A clone of the model that edits the rows of the first entries of ``positive``, one entry per edited prompt.

    Args:
        positive: what the sampler gets: the controller's prompts first, rows ``[source, targets …]`` each.
        kernel: what another node's override does to (q, k, v) before the softmax, or None.
    """
    texts = [(entry[0], edits.controller.edits) for entry, edits in zip(positive, controller.entries, strict=False)]
    oracle = model.clone()
    oracle.set_attachments(EDITS, True)  # it edits too, so the positive of P2P Apply is for it
    oracle.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "explicit_maps", _marking(texts))
    sampling = model.get_model_object("model_sampling")

    def override(function, q, k, v, heads, *args, **named):
        options = named["transformer_options"]
        edits_of_chunks, text_tokens = options[_STATE]
        (progress,) = progress_of(sampling, start_of_step(options))
        if kernel is not None:
            q, k, v = kernel(q, k, v)
        if k.shape[1] == text_tokens:
            grid = tuple(options["activations_shape"][-2:])
            attention = partial(naive.cross_attention, progress=progress, grid=grid)
        else:
            attention = partial(naive.self_attention, progress=progress)
            edits_of_chunks = [edits and _acting_here(edits, options) for edits in edits_of_chunks]
        return _by_chunks(attention, q, k, v, heads, edits_of_chunks)

    oracle.model_options["transformer_options"]["optimized_attention_override"] = override
    return oracle


def _marking(texts: list):
    """APPLY_MODEL: which chunks of the call carry an edited text."""

    def wrapper(executor, x, t, c_concat, c_crossattn, control, transformer_options, *args, **kwargs):
        chunks = c_crossattn.chunk(len(transformer_options["cond_or_uncond"]))
        edits = [next((edits for text, edits in texts if _starts_with(chunk, text)), None) for chunk in chunks]
        options = {**transformer_options, _STATE: (edits, c_crossattn.shape[1])}
        return executor(x, t, c_concat, c_crossattn, control, options, *args, **kwargs)

    return wrapper


def _starts_with(chunk: torch.Tensor, text: torch.Tensor) -> bool:
    rows, tokens = text.shape[:2]
    return chunk.shape[0] % rows == 0 and torch.equal(chunk[:rows, :tokens], text)


def _acting_here(edits, options: dict) -> list:
    """The edits, without self-attention where this layer's grid is not in their set."""
    return [edit if in_grids(edit.self_grids, options) else replace(edit, self_window=None) for edit in edits]


def _by_chunks(attention: Callable, q, k, v, heads: int, edits_of_chunks: list) -> torch.Tensor:
    tiles = q.shape[0] // k.shape[0]  # HyperTile cuts the queries into rows; they act as further heads here
    q = rearrange(q, "(r tiles) t (h c) -> r (tiles h) t c", tiles=tiles, h=heads)
    k, v = (rearrange(tensor, "r (tiles t) (h c) -> r (tiles h) t c", tiles=tiles, h=heads) for tensor in (k, v))
    outputs = []
    parts = zip(*(tensor.chunk(len(edits_of_chunks)) for tensor in (q, k, v)), strict=True)
    for part, edits in zip(parts, edits_of_chunks, strict=True):
        if edits is None:
            outputs.append(naive.attention_map(part[0], part[1]) @ part[2].float())
            continue
        groups = zip(*(tensor.split(1 + len(edits)) for tensor in part), strict=True)
        outputs += [attention(*group, edits) for group in groups]
    return rearrange(torch.cat(outputs), "r (tiles h) t c -> (r tiles) t (h c)", tiles=tiles).to(v.dtype)
