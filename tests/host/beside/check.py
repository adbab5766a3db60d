"""One experiment for every neighbour: the same graph with the edit, without it, and with the edit on explicit maps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from ..graph import applied, empty_latent, relative, rows_of, sample
from .edits import EDITS, Changed, NamedEdit
from .explicit import with_explicit_edits

ChangedModel = Callable[[object], object]  # a model as another node hands it on


def unchanged(thing):
    return thing


def three_steps(model, positive, negative, latent) -> torch.Tensor:
    """The progress of the steps is 0, 1/3 and 2/3: all windows of the edits open and close."""
    return sample(model, positive, negative, latent, steps=3)


@dataclass(frozen=True)
class Graph:
    """What a user has around P2P Apply.

    Attributes:
        on_model: the other node's work on the model; tried before and after P2P Apply.
        on_explicit_model: in its place for the run with explicit maps, where they do not reach into the other node.
        on_source, on_target: other nodes between the prompts and the controller.
        on_positive, on_negative: other nodes between P2P Apply and the sampler.
        on_rows: what the first two of these amount to, on the plain rows of the unedited run.
        run: from the four outputs of P2P Apply to the latent.
    """

    on_model: ChangedModel = unchanged
    on_explicit_model: ChangedModel | None = None
    on_source: Changed = unchanged
    on_target: Changed = unchanged
    on_positive: Changed = unchanged
    on_negative: Changed = unchanged
    on_rows: Changed | None = None
    run: Callable = three_steps


@dataclass(frozen=True)
class Outcome:
    """Latents of rows ``[source, target] · groups``.

    Attributes:
        edited: with P2P Apply, for the other node ``before`` it and ``after`` it.
        plain: the same prompts and noise beside the same neighbour, without an edit.
        explicit: the edit on explicit maps beside the neighbour.
        alone: as ``plain``, without the neighbour; for the first edit of the list only, to save time.
    """

    edited: Mapping[str, torch.Tensor]
    plain: torch.Tensor
    explicit: torch.Tensor
    alone: torch.Tensor | None

    def expect(
        self, source: float = 0.0, explicit: float = 1e-5, margin: float = 20, neighbour: float | None = 1e-3
    ) -> None:
        """The source is untouched, the target is what explicit maps make, and the neighbour acts.

        Args:
            source: relative difference that the source may have; 0 is bit-equal.
            explicit: relative difference that the target may have from the one with explicit maps.
            margin: how many times farther the unedited target must be.
            neighbour: relative difference that the neighbour must make to the source, None where there is none alone.
        """
        if self.alone is not None and neighbour is not None:
            assert _difference(self.plain, self.alone, 0) > neighbour
        for order, edited in self.edited.items():
            assert _difference(edited, self.plain, 0) <= source, order
            assert _difference(edited, self.explicit, 1) < explicit, order
        assert _difference(self.plain, self.explicit, 1) > margin * explicit

    def __str__(self) -> str:
        edited = {
            order: (_difference(latents, self.plain, 0), _difference(latents, self.explicit, 1))
            for order, latents in self.edited.items()
        }
        acts = None if self.alone is None else _difference(self.plain, self.alone, 0)
        return f"(source, explicit) {edited} unedited {_difference(self.plain, self.explicit, 1)} neighbour {acts}"


def _difference(first: torch.Tensor, second: torch.Tensor, row: int) -> float:
    return 0.0 if torch.equal(first[row::2], second[row::2]) else relative(first[row::2], second[row::2])


def outcome(setup: tuple, edit: NamedEdit, graph: Graph, latent: dict | None = None, kernel=None) -> Outcome:
    """Runs the graph with the edit, with explicit maps and without either.

    Args:
        setup: (model, clip, vae).
        kernel: what the other node's attention override does to (q, k, v).
    """
    model, clip, _ = setup
    neighbour = graph.on_model(model)
    controller = edit.controller(clip, graph.on_source, graph.on_target)
    latent = latent or empty_latent(64, 64)
    patched, positive, negative, latent = applied(neighbour, clip, controller, latent)
    models = {"before": patched}
    if graph.on_model is not unchanged:
        models["after"] = graph.on_model(applied(model, clip, controller)[0])
    positive, negative = graph.on_positive(positive), graph.on_negative(negative)
    prompts = rows_of(*edit.conditionings(clip))
    rows = (graph.on_rows or (lambda rows: graph.on_positive(graph.on_source(rows))))(prompts)
    explicit_neighbour = (graph.on_explicit_model or graph.on_model)(model)
    explicit = with_explicit_edits(explicit_neighbour, controller, positive, kernel)

    def run(*inputs):
        torch.manual_seed(0)  # some nodes draw from the global generator
        return graph.run(*inputs)

    return Outcome(
        edited={order: run(edited, positive, negative, latent) for order, edited in models.items()},
        plain=run(neighbour, rows, negative, latent),
        explicit=run(explicit, positive, negative, latent),
        alone=run(model, prompts, negative, latent) if edit is EDITS[0] else None,
    )
