"""Recording a source while it is sampled: what its layers look with, and the latents of every model call."""

import functools
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from einops import rearrange

from ...p2p_core.placement import Grid
from ...p2p_core.record_storage import RecordStorage
from ...p2p_core.source_record import Kind, Moment, RecordHandle, RecordRequest, SourceRecord, layer_name
from ...p2p_core.token_maps import token_map_name
from .browser import show_text
from .record_plan import RecordPlan


@dataclass(eq=False)
class Capture:
    """What one record gets of a run.

    Attributes:
        rows: of the batch for every picture of the source, of which it is the first.
        plan: what is kept.
        storage: of what the layers had.
        latents: of those of every model call, as they are.
        tokens: of the mean maps of the prompts' tokens, by ``token_map_name``.
    """

    handle: RecordHandle
    rows: int
    plan: RecordPlan
    storage: RecordStorage
    latents: RecordStorage
    tokens: RecordStorage
    _pending: list[torch.Tensor] = field(default_factory=list)
    _final: list[torch.Tensor] = field(default_factory=list)
    _calls: Counter = field(default_factory=Counter)
    _kept: dict[str, tuple] = field(default_factory=dict)

    @property
    def request(self) -> RecordRequest:
        return self.handle.request

    @property
    def keeps_self_attention(self) -> bool:
        return self.request.keep == "queries" and self.request.self_attention is not None

    @property
    def keeps_words(self) -> bool:
        return self.request.keep == "words"

    def take(self, kind: Kind, name: "LayerName", step: int, rows: torch.Tensor, sets: Sequence[str]) -> None:
        """The hidden states of one prompt's rows at a layer."""
        if self.plan.keeps(kind, step, sets, name.grid):
            self._keep(kind, name, step, sets, rows[:: self.rows])

    def take_maps(
        self, name: "LayerName", step: int, q: torch.Tensor, k: torch.Tensor, heads: int, sets: Sequence[str]
    ) -> None:
        """The maps of the words, of one prompt's rows at a layer."""
        if self.plan.keeps("words", step, sets, name.grid):
            positions, tokens = self.plan.positions[name.entry], self.plan.tokens[name.entry]
            maps = maps_of_tokens(q[:: self.rows], k[:: self.rows], positions, tokens, heads)
            self._keep("words", name, step, sets, pooled(maps, name.grid, self.request.pooling))

    def _keep(self, kind: Kind, name: "LayerName", step: int, sets: Sequence[str], tensor: torch.Tensor) -> None:
        self._kept[name.of(kind)] = kind, step, sets, name.grid
        self.storage.put(name.of(kind), tensor)

    def begin_call(self, step: int) -> None:
        """A model call of a step begins. Only now is it known how many a sampler makes.

        Raises:
            P2PError: with so many nothing fits.
        """
        self._calls[step] += 1
        if self._calls[step] > self.plan.size.calls:
            self.plan = self.plan.with_calls(self._calls[step])
            self.tell()
            left_out = [name for name, piece in self._kept.items() if not self.plan.keeps(*piece)]
            self.storage.drop(left_out)
            for name in left_out:
                del self._kept[name]

    def tell(self) -> None:
        """Says what is kept.

        Raises:
            P2PError: nothing fits.
        """
        sentence = self.plan.budget.sentence
        logging.info("Prompt-to-Prompt: %s", sentence)
        show_text(self.handle.node, sentence)

    def sampled(self, latents: torch.Tensor) -> None:
        """The sampler's own latents, before the model call that follows."""
        self._pending[:] = [latents[:: self.rows].clone()]

    def predicted(self, moment: Moment, latents: torch.Tensor, denoised: torch.Tensor) -> None:
        """What the model made of them; ``latents`` where the sampler did not tell its own."""
        own = self._pending.pop() if self._pending else latents[:: self.rows]
        self.latents.put(f"latents/{moment.name}", own)
        self.latents.put(f"denoised/{moment.name}", denoised[:: self.rows])

    def seen(self, entry: int, step: int, grid: Grid, maps: torch.Tensor) -> None:
        """The mean maps of a prompt's tokens in a step, (pictures, tokens, height, width)."""
        if (name := token_map_name(entry, step, grid)) not in self.tokens:
            self.tokens.put(name, maps)

    def made(self, latents: torch.Tensor) -> None:
        """What the sampler ended with."""
        self._final[:] = [latents[:: self.rows].clone()]

    def finish(
        self,
        facts: Mapping,
        exact: Mapping[str, torch.Tensor],
        result: torch.Tensor,
        maps: Mapping[str, torch.Tensor],
    ) -> None:
        """The run is over: hands the record over.

        Args:
            exact, result: of all rows of the batch.
            maps: of the sources alone.
        """
        self.storage.finish()
        tensors = taken_out(self.latents)
        tensors |= {name: tensor[:: self.rows].detach().to("cpu", copy=True) for name, tensor in exact.items()}
        tensors["result"] = result[:: self.rows].detach().to("cpu", copy=True)
        if self._final:
            tensors["final"] = self._final[0].to("cpu", copy=True)
        tensors |= maps
        self.handle.replace(SourceRecord(dict(facts), tensors, self.storage))

    def abandon(self) -> None:
        """The run failed."""
        for storage in (self.storage, self.latents, self.tokens):
            storage.close()


def taken_out(storage: RecordStorage) -> dict[str, torch.Tensor]:
    """All that is in a storage, float32 in the memory of the host; it is closed."""
    storage.finish()
    tensors = {name: storage.get(name, torch.device("cpu"), torch.float32) for name in storage.names()}
    storage.close()
    return tensors


@dataclass(frozen=True)
class LayerName:
    """What a record calls a layer in a model call, and its grid."""

    entry: int
    moment: Moment
    evaluation: int
    site: tuple[str, int, int]
    grid: Grid

    def of(self, kind: Kind) -> str:
        return layer_name(kind, self.entry, self.moment, self.evaluation, self.site)


def maps_of_tokens(
    q: torch.Tensor, k: torch.Tensor, positions: Sequence[int], prompt_tokens: int, heads: int
) -> torch.Tensor:
    """The columns of some tokens of every head's map: (rows, queries, channels) → (rows, heads·key tokens, queries).

    Args:
        k: (rows, tokens, channels), the prompt's tokens repeated any number of times: copies share the attention.
    """
    columns = torch.zeros(prompt_tokens, -(-len(positions) // 8) * 8, device=q.device, dtype=q.dtype)
    columns[list(positions), range(len(positions))] = 1
    queries, keys = (rearrange(tensor, "r t (h c) -> r h t c", h=heads) for tensor in (q, k))
    values = columns.repeat(k.shape[1] // prompt_tokens, 1).expand(len(q), heads, -1, -1)
    maps = F.scaled_dot_product_attention(queries, keys, values)[..., : len(positions)]
    return rearrange(maps, "r h q k -> r (h k) q")


def pooled(maps: torch.Tensor, grid: Grid, factor: int) -> torch.Tensor:
    """(rows, maps, queries) → the same on a grid so many times smaller."""
    if factor == 1:
        return maps
    pictures = rearrange(maps, "r m (h w) -> r m h w", h=grid[0], w=grid[1])
    size = tuple(-(-length // factor) for length in grid)
    return rearrange(F.adaptive_avg_pool2d(pictures.float(), size), "r m h w -> r m (h w)").to(maps.dtype)


def unpooled(maps: torch.Tensor, grid: Grid, factor: int) -> torch.Tensor:
    """The inverse of ``pooled``, bilinear."""
    if factor == 1:
        return maps
    height, width = (-(-length // factor) for length in grid)
    pictures = rearrange(maps, "r m (h w) -> r m h w", h=height, w=width)
    large = F.interpolate(pictures.float(), size=grid, mode="bilinear", align_corners=False)
    return rearrange(large, "r m h w -> r m (h w)").to(maps.dtype)


@contextmanager
def captured_latents(sampler, captures: Sequence[Capture]) -> Iterator[None]:
    """While inside, the sampler tells its own latents before every model call."""
    function = getattr(sampler, "sampler_function", None)
    if function is None:
        yield
        return

    @functools.wraps(function)
    def telling(model, *args, **kwargs):
        latents = function(_TellingModel(model, captures), *args, **kwargs)
        for capture in captures:
            capture.made(latents)
        return latents

    sampler.sampler_function = telling
    try:
        yield
    finally:
        sampler.sampler_function = function


class _TellingModel:
    """The model that a sampler calls, which first tells the latents it is given."""

    def __init__(self, model, captures: Sequence[Capture]) -> None:
        self._model, self._captures = model, captures

    def __call__(self, x, *args, **kwargs):
        for capture in self._captures:
            capture.sampled(x)
        return self._model(x, *args, **kwargs)

    def __getattr__(self, name):
        return getattr(self._model, name)
