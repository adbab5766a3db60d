"""All state of one sampling run. It lives in the run's own options and ends with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from ...p2p_core.edit import Grids
from ...p2p_core.errors import P2PError
from ...p2p_core.operators import TokenOperators
from ...p2p_core.row_edits import RowEdits, SelfReads, row_edits, self_reads
from ...p2p_core.source_record import Moment, level_name
from .capturing import Capture, LayerName
from .conditioning import Group
from .grids import sets_of_grids
from .plans import Operators
from .replaying import LayerSources, RecordedSource, hidden_sources, map_sources, text_sources
from .seeing import Project, SeenSources, Watch

_NOTHING = SelfReads(None, None, None)
_IN_BATCH = LayerSources()
_NO_CALL = Moment("", 0)


@dataclass(frozen=True, eq=False)
class Mark:
    """What concerns this pack in one conditioning entry.

    Attributes:
        group: whose rows it holds; None where it is not edited.
        watches: whose words are seen.
        captures: the records that it is kept in.
        entry: which of the prompts it is in them, and in the record that its sources come from.
    """

    group: Group | None = None
    watches: tuple[Watch, ...] = ()
    captures: tuple[Capture, ...] = ()
    entry: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.group or self.watches or self.captures)


@dataclass(eq=False)
class Run:
    """Which rows are edited in the current model call, and how.

    The host passes objects in its options by reference and copies dictionaries, so this is an object.

    Attributes:
        rows: rows per group; 1 in a run without an edit.
        plans: per group, per step, the operators of every target.
        marks: of all entries of the run.
        coarse_factor: see ``grids``.
        sourceless: the plans at layers of which the record of the sources has nothing.
        step: that of the current model call.
        moment: the same as records name it.
        reported: how many steps the sampler has reported, each after its first model call.
        chunks: (index of the condition list, its entry's uuid) to the mark, for the model call in progress.
    """

    rows: int
    plans: dict[Group, tuple[Operators, ...]]
    marks: tuple[Mark, ...]
    coarse_factor: int
    sourceless: dict[Group, tuple[Operators, ...]] = field(default_factory=dict)
    step: int = 0
    moment: Moment = _NO_CALL
    reported: int = 0
    chunks: dict[tuple, Mark] = field(default_factory=dict)
    _calls: dict[str, int] = field(default_factory=dict)
    _evaluations: dict[int, int] = field(default_factory=dict)
    _made: dict[tuple, RowEdits | SelfReads | torch.Tensor] = field(default_factory=dict)
    _texts: tuple | None = None

    def begin_call(self, level: float) -> None:
        """A model call at a noise level begins."""
        self.moment = self.coming(level)
        self._calls[self.moment.level] = self.moment.call + 1
        self._evaluations.clear()

    def coming(self, level: float) -> Moment:
        """The moment of the next model call at a noise level."""
        name = level_name(level)
        return Moment(name, self._calls.get(name, 0))

    def begin_evaluation(self, chunks: dict[tuple, Mark]) -> None:
        """The conditions are about to be evaluated, with these marked chunks."""
        self.chunks = chunks
        for mark in {id(mark): mark for mark in chunks.values()}:
            self._evaluations[mark] = self._evaluations.get(mark, -1) + 1

    @property
    def needs_self_attention(self) -> bool:
        """Whether any step of any target edits self-attention, or it is to be seen."""
        return (
            any(watch.self_sums is not None for mark in self.marks for watch in mark.watches)
            or any(capture.keeps_self_attention for mark in self.marks for capture in mark.captures)
            or any(operator is not None and operator.self_attention is not None for operator in self._operators())
        )

    @property
    def captures_queries(self) -> bool:
        """Whether cross-attention is recorded."""
        return any(not capture.keeps_words for mark in self.marks for capture in mark.captures)

    @property
    def needs_replacement(self) -> bool:
        """Whether any step of any target needs several attention terms, or any words are to be seen."""
        return (
            any(mark.watches for mark in self.marks)
            or any(capture.keeps_words for mark in self.marks for capture in mark.captures)
            or any(group.recorded is not None and group.recorded.kind == "maps" for group in self.plans)
            or any(operator is not None and operator.has_further_terms for operator in self._operators())
        )

    def _operators(self) -> Iterator[TokenOperators | None]:
        plans = (*self.plans.values(), *self.sourceless.values())
        return (operator for steps in plans for operators in steps for operator in operators)

    def operators_of_chunks(self, tensor: torch.Tensor, options: dict) -> list[Operators | None]:
        """For every chunk of a batch the operators of the current step; None where nothing is edited now."""
        return self._at_this_step(self.plans, tensor, options)

    def _at_this_step(self, plans: dict[Group, tuple[Operators, ...]], tensor, options) -> list[Operators | None]:
        marks = self._marks_of_chunks(options)
        found = [_at(plans[mark.group], self.step) if mark and mark.group else None for mark in marks]
        if any(found):
            self.refuse_changed_rows(tensor, options)
        return found

    def cross_edits(self, values: torch.Tensor, options: dict) -> tuple[RowEdits | None, LayerSources]:
        """The cross-attention edits of the current step beside these values, and the sources that they read.

        Returns:
            None for the edits where there are none.
        """
        found = self.operators_of_chunks(values, options)
        if not any(found):
            return None, _IN_BATCH
        sources = _IN_BATCH
        if any(operator is not None and operator.reads_source for operators in found for operator in operators or ()):
            read = self._cross_sources(found, values, options)
            if read is None:
                found = self._at_this_step(self.sourceless, values, options)
                if not any(found):
                    return None, _IN_BATCH
            else:
                sources = read
        rows, tokens = values.shape[:2]
        key = (*map(id, found), rows, tokens, values.device, values.dtype)
        if key not in self._made:
            self._made[key] = row_edits(found, rows, tokens, values.device, values.dtype, self._where(found, options))
        return self._made[key], sources

    def _cross_sources(self, found, values: torch.Tensor, options: dict) -> LayerSources | None:
        """The sources of the edited chunks at a layer; None where they were not recorded."""
        recorded = self._recorded(found, options)
        if not recorded:
            return _IN_BATCH
        if recorded[0][0].kind == "maps":
            maps = map_sources(recorded, values, len(values), options["n_heads"])
            return None if maps is None else LayerSources(maps=maps)
        hidden = hidden_sources("cross", recorded, values)
        if hidden is None:
            return None
        return LayerSources(hidden, self._text_sources([source for source, _ in recorded], values))

    def _text_sources(self, sources: Sequence[RecordedSource], like: torch.Tensor) -> torch.Tensor:
        """The sources' texts beside these values: the same for all layers and steps, so they are made once."""
        key = (*map(id, sources), like.shape[1], like.device, like.dtype)
        if key not in self._made:
            self._made[key] = text_sources(sources, like)
        return self._made[key]

    def _recorded(self, found, options: dict) -> list[tuple[RecordedSource, LayerName]]:
        """The recorded sources of the edited chunks; empty where sources are in the batch."""
        marks = [mark for mark, operators in zip(self._marks_of_chunks(options), found, strict=True) if operators]
        return [
            (mark.group.recorded, self.layer_name(mark, options))
            for mark in marks
            if mark is not None and mark.group is not None and mark.group.recorded is not None
        ]

    def _where(self, found, options: dict):
        recorded = self._recorded(found, options)
        return recorded[0][0].kind if recorded else "rows"

    def layer_name(self, mark: Mark, options: dict) -> LayerName:
        """What records call the layer that calls, in the current model call."""
        site = (*options["block"], options["block_index"])
        grid = tuple(options["activations_shape"][-2:])
        return LayerName(mark.entry, self.moment, self._evaluations.get(id(mark), 0), site, grid)

    def self_reads(
        self, hidden: torch.Tensor, grids: Sequence[Grids], options: dict
    ) -> tuple[SelfReads, torch.Tensor | None]:
        """The self-attention edits of the current step at a layer that belongs to these sets of grids.

        Returns:
            What is read, and (sources, places, channels) hidden states of sources that are not in the batch.
        """
        found = self.operators_of_chunks(hidden, options)
        edits = (operator.self_attention for operators in found for operator in operators or () if operator is not None)
        if not any(edit is not None and edit.grids in grids for edit in edits):
            return _NOTHING, None
        recorded = self._recorded(found, options)
        sources = hidden_sources("self", recorded, hidden)
        if recorded and sources is None:
            return _NOTHING, None
        key = (*map(id, found), grids, hidden.shape[0], hidden.device)
        if key not in self._made:
            where = self._where(found, options)
            self._made[key] = self_reads(found, hidden.shape[0], grids, hidden.device, where)
        return self._made[key], sources

    def edited_texts(
        self, context: torch.Tensor, value: torch.Tensor, edits: RowEdits, sources: LayerSources
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Context and value after the edits: the same two for all layers of a model call, so they are made once."""
        if self._texts is None or any(a is not b for a, b in zip(self._texts, (context, value, edits), strict=False)):
            edited = edits.look(context, sources.text), edits.mix(value)
            self._texts = (context, value, edits, edited)
        return self._texts[3]

    def capture(self, kind, hidden: torch.Tensor, options: dict) -> None:
        """Records what a layer of this kind of attention looks with."""
        for mark, rows in self._captured(hidden, options):
            name, sets = self.layer_name(mark, options), sets_of_grids(self.coarse_factor, options)
            for capture in mark.captures:
                capture.take(kind, name, self.step, rows, sets)

    def _captured(self, tensor: torch.Tensor, options: dict) -> list[tuple[Mark, torch.Tensor]]:
        marks = self._marks_of_chunks(options)
        if not any(mark and mark.captures for mark in marks):
            return []
        self.refuse_changed_rows(tensor, options)
        rows = tensor.chunk(len(marks))
        return [(mark, part) for mark, part in zip(marks, rows, strict=True) if mark and mark.captures]

    def capture_maps(self, q: torch.Tensor, k: torch.Tensor, options: dict) -> None:
        """Records the maps of chosen words at a layer."""
        keys = {id(mark): part for mark, part in self._captured(k, options)}
        for mark, queries in self._captured(q, options):
            name, sets = self.layer_name(mark, options), sets_of_grids(self.coarse_factor, options)
            for capture in mark.captures:
                if capture.keeps_words:
                    capture.take_maps(name, self.step, queries, keys[id(mark)], options["n_heads"], sets)

    def see(self, q: torch.Tensor, k: torch.Tensor, options: dict, project: Project) -> None:
        """Adds the maps of the words that are watched at this layer, given its q and k before any edit.

        Args:
            project: the layer's own projections to q and k, of hidden states and of the text.
        """
        marks = self._marks_of_chunks(options)
        if not any(mark and mark.watches for mark in marks):
            return
        self.refuse_changed_rows(q, options)
        for mark, queries, keys in zip(marks, q.chunk(len(marks)), k.chunk(len(marks)), strict=True):
            watches = mark.watches if mark else ()
            looking = [watch for watch in watches if watch.looks_at(self.step, self.coarse_factor, options)]
            sources = self._seen_sources(mark, queries, keys, options, project) if mark and looking else None
            for watch in looking:
                watch.see(self.step, queries, keys, self.coarse_factor, options, sources)

    def _seen_sources(self, mark: Mark, q, k, options: dict, project: Project) -> SeenSources | None:
        """The sources of one entry as its words are seen; None where they are rows of the batch."""
        source = mark.group.recorded if mark.group is not None else None
        if source is None:
            return None
        found = [(source, self.layer_name(mark, options))]
        if source.kind == "maps":
            return SeenSources(maps=map_sources(found, q, len(q), options["n_heads"]))
        hidden = hidden_sources("cross", found, q)
        return SeenSources() if hidden is None else SeenSources(*project(hidden, self._text_sources([source], k)))

    def see_self(self, hidden: torch.Tensor, context: torch.Tensor, layer, options: dict) -> None:
        """Adds the self-attention that is watched at this layer, given its inputs after every edit."""
        marks = self._marks_of_chunks(options)
        for mark, queries, keys in zip(marks, hidden.chunk(len(marks)), context.chunk(len(marks)), strict=True):
            for watch in mark.watches if mark else ():
                if watch.looks_at_self(self.step, self.coarse_factor, options):
                    watch.see_self(self.step, layer.to_q(queries), layer.to_k(keys), options)

    def _marks_of_chunks(self, options: dict) -> list[Mark | None]:
        return [self.chunks.get(key) for key in zip(options["cond_or_uncond"], options["uuids"], strict=True)]

    def refuse_changed_rows(self, tensor: torch.Tensor, options: dict) -> None:
        """Raises:
        P2PError: not the rows of the model call, of which every chunk holds whole groups, reached the attention.
        """
        rows, chunks = options["original_shape"][0], len(options["cond_or_uncond"])
        if tensor.shape[0] != rows or rows % (chunks * self.rows):
            raise P2PError(
                f"{tensor.shape[0]} rows reached the attention where {rows}, a multiple of {chunks}×{self.rows}, were "
                "expected: another node changes the batch inside the model (Attention Couple and regional prompts by "
                "attention do). Take that node out; for regions, combine prompts with masks or areas."
            )


def _at(steps: Sequence[Operators], step: int) -> Operators | None:
    """The operators of a step; None where it is not edited. A call after the last step belongs to the last."""
    operators = steps[min(step, len(steps) - 1)]
    return operators if any(operators) else None
