"""The memory and arithmetic of attention guidance, counted for a model of full size at its own size of pictures."""

from dataclasses import dataclass

from ..nodes._host.guiding import with_guidance
from ..p2p_core.attention_objectives import BePresent
from ..p2p_core.guidance import Grids, Guidance
from ..p2p_core.windows import Window
from .counting import Counts
from .shapes_only import counting_shapes

UPDATES = 2  # the second is as all further ones: it leaves the model after the last layer that counts


@dataclass(frozen=True)
class GuidanceCosts:
    """What one guided step of ``UPDATES`` updates takes beside a plain one.

    Attributes:
        plain_bytes, guided_bytes: held at most, without weights.
        update: arithmetic of an update in parts of a plain step's.
    """

    plain_bytes: int
    guided_bytes: int
    update: float


def guidance_costs(model, sample, words: tuple[str, ...], grids: Grids = "medium") -> GuidanceCosts:
    """Counts one step with and without guidance.

    Args:
        model: of ``shapes_only.on_meta``.
        sample: makes one step with a model.
    """
    everywhere = Guidance(words, BePresent(), 1.0, Window(0, 1), UPDATES, grids)
    guided_model = with_guidance(model, everywhere)
    _counted(guided_model, sample)  # weights are made ordinary once, which is no memory of a step
    plain, guided = (_counted(one, sample) for one in (model, guided_model))
    return GuidanceCosts(plain.peak_bytes, guided.peak_bytes, (guided.flops - plain.flops) / UPDATES / plain.flops)


def _counted(model, sample) -> Counts:
    with counting_shapes() as counting:
        sample(model)
    return counting.counts
