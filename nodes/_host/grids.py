"""Which grids of a model are coarse. It follows from the latent's size and shape, never from constants of one model."""

from ...p2p_core.edit import Grids
from ...p2p_core.errors import P2PError
from ...p2p_core.placement import Grid

_PAPER_FACTOR = 4  # the paper edits self-attention at most at 16×16 of a 64×64 latent
_FACTORS: dict[Grids, float] = {"coarse": 1.0, "medium": 0.5, "all": 0.0}  # of the coarse factor


def coarse_factor(model) -> int:
    """Down to which fraction of the latent a grid counts as coarse: a quarter, or the model's deepest level."""
    levels = len(model.model_config.unet_config["channel_mult"])
    return min(_PAPER_FACTOR, 2 ** (levels - 1))


def largest_grid(factor: int, grids: Grids, latent: Grid) -> Grid:
    """The largest grid of a set for a latent of (height, width): the coarse one, one twice as fine, or the latent's."""
    divisor = max(factor * _FACTORS[grids], 1)
    height, width = (int(-(-length // divisor)) for length in latent)
    return height, width


def sets_of_grids(factor: int, options: dict) -> tuple[Grids, ...]:
    """Which sets the grid of this layer belongs to."""
    latent, grid = tuple(options["original_shape"][-2:]), tuple(options["activations_shape"][-2:])
    return tuple(name for name in _FACTORS if fits(grid, largest_grid(factor, name, latent)))


def fits(grid: Grid, largest: Grid) -> bool:
    return grid[0] <= largest[0] and grid[1] <= largest[1]


def grid_of(options: dict, queries: int) -> Grid:
    """(height, width) of a layer's queries.

    Raises:
        P2PError: another node merged or split places, so that the queries are no picture.
    """
    height, width = options["activations_shape"][-2:]
    if height * width != queries:
        raise P2PError(
            f"{queries} queries reached a cross-attention of {height}×{width} places: another node merges or splits "
            "places there, where a word cannot be moved or seen. Turn that node off for this edit."
        )
    return height, width
