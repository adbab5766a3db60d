"""What later edits need of a source, recorded while it was sampled: the handle that travels between nodes.

The hidden states that queries (and, in self-attention, keys) are projected from are kept in place of queries and keys:
self-attention needs one tensor instead of two, and edits can act before the projections. Keys and values of the text
are computed again; they are never stored. The conditioning itself, which is small, is: maps can be made without it
being encoded again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch

from .adjustment import Adjustment
from .edit import WHOLE, Grids
from .errors import P2PError
from .record_precision import Precision
from .record_storage import Home, RecordStorage
from .windows import Window

Keep = Literal["queries", "words"]
Kind = Literal["cross", "self", "words"]
Site = tuple[str, int, int]
_LAYER = re.compile(r"(?P<kind>\w+)/(?P<entry>\d+)/(?P<level>\d+(\.\d+)?(e[+-]\d\d)?)/.+")  # a ``layer_name``


class Moment(NamedTuple):
    """A model call: its noise level, and how many calls at this level came before it (second-order samplers)."""

    level: str
    call: int

    @property
    def name(self) -> str:
        return f"{self.level}/{self.call}"


def level_name(sigma: float) -> str:
    """A noise level as records name it: a sampler's own arithmetic may differ in the last digits between devices."""
    return f"{sigma:.5g}"


def layer_name(kind: Kind, entry: int, moment: Moment, evaluation: int, site: Site) -> str:
    """Under which name a record holds what one layer had.

    Args:
        entry: which of the prompts.
        evaluation: how often the prompt was evaluated in this model call before (other guidance passes).
    """
    return f"{kind}/{entry}/{moment.name}/{evaluation}/{'.'.join(map(str, site))}"


def levels_of(names: Iterable[str], kind: Kind, entry: int) -> tuple[str, ...]:
    """The noise levels, falling, at which something of this kind was recorded of a prompt. Names may come from a file.

    Args:
        names: as ``layer_name`` makes them.
    """
    found = (_LAYER.fullmatch(name) for name in names)
    levels = {match["level"] for match in found if match and (match["kind"], match["entry"]) == (kind, str(entry))}
    return tuple(sorted(levels, key=float, reverse=True))


@dataclass(frozen=True)
class RecordRequest:
    """What a user wants to keep.

    Attributes:
        keep: "queries", from which every map can be had, or only the maps of some "words".
        words: these, as typed.
        self_attention: the largest grids of self-attention that are kept; None for none. Only with queries.
        grids: the largest grids of cross-attention that are kept.
        window: the part of sampling that is kept, in progress.
        pooling: maps of words are kept at this fraction of the grid's width and height.
        precision, home: of what is kept, and where.
        budget: MiB that it may take.
    """

    keep: Keep = "queries"
    words: tuple[str, ...] = ()
    self_attention: Grids | None = "coarse"
    grids: Grids = "all"
    window: Window = WHOLE
    pooling: int = 1
    precision: Precision = "fp16"
    home: Home = "memory"
    budget: int = 4096


@dataclass(frozen=True, eq=False)
class SourceRecord:
    """What one run recorded.

    Attributes:
        facts: about the run, as JSON can hold them; see ``record_facts``.
        exact: small tensors by name: the start, the latents of every model call, and with queries what the prompts were
            encoded to, (1, tokens, channels) as ``text/0`` and so on.
        storage: what the layers had, by ``layer_name``.
        adjustments: of the maps, in their order, before a target inherits them.
    """

    facts: Mapping[str, Any]
    exact: Mapping[str, torch.Tensor]
    storage: RecordStorage
    adjustments: tuple[Adjustment, ...] = ()

    @property
    def keep(self) -> Keep:
        return self.facts["keep"]

    def positions(self, entry: int) -> tuple[int, ...]:
        """The tokens of a prompt whose maps are kept."""
        return tuple(self.facts["prompts"][entry]["positions"])


@dataclass(eq=False)
class RecordHandle:
    """What a node gives out before sampling and a run fills. It is told apart by identity."""

    request: RecordRequest
    record: SourceRecord | None = None
    node: str | None = field(default=None)

    def __deepcopy__(self, memo: dict) -> "RecordHandle":
        """The same object: ComfyUI copies the options of a model with all that they hold."""
        return self

    def replace(self, record: SourceRecord | None) -> None:
        """A new record; the one before is freed."""
        if self.record is not None and self.record is not record:
            self.record.storage.close()
        self.record = record

    @property
    def origin(self) -> "RecordHandle":
        """The handle that a run fills."""
        return self

    def recorded(self) -> SourceRecord:
        """The record of the last run.

        Raises:
            P2PError: no run has filled it.
        """
        if self.record is None:
            raise P2PError(
                "The record is empty: connect the model output of P2P Record to the sampler of the source, and that "
                "sampler's latent to the latent input here (after, for P2P Attention Guidance). If both are connected, "
                "the sampler's result came from the cache: change the seed and run again."
            )
        return self.record

    def get_ram_usage(self) -> int:
        """Bytes of the record, for the host's cache that weighs outputs by their memory."""
        if self.record is None:
            return 0
        exact = sum(tensor.nelement() * tensor.element_size() for tensor in self.record.exact.values())
        return exact + self.record.storage.ram_bytes
