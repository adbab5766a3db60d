"""What the attention of words is to become, as losses whose gradient changes a latent.

All take maps of (rows, words, height, width) and give one loss per row, so that the gradient of their sum by the
latents is every row's own. Words that a row does not have say nothing about it, and a row without any loses nothing.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

SHARPNESS = 10.0  # self-guidance, equation 6
_SMOOTHING_SPREAD = 0.5  # in places; 3×3 of them (Attend-and-Excite, section 3.3)
LEAST = 1e-6  # below what a map of 256×256 places can hold of probability


@dataclass(frozen=True, eq=False)
class SeenWords:
    """The attention of words at one moment of sampling.

    Attributes:
        maps: (rows, words, height, width), the probability that a place looks at a word, summed over its tokens, mean
            over heads and layers.
        all_words: (rows, 1, height, width), the same for all words of the prompt together.
        there: (rows, words) bool, whether a row has the word.
    """

    maps: torch.Tensor
    all_words: torch.Tensor
    there: torch.Tensor

    @property
    def shares(self) -> torch.Tensor:
        """(rows, words, height, width): what a word has of the attention that all words of its prompt get, 0 to 1.

        Attend-and-Excite takes the softmax over the prompt's tokens of 100 times their maps, which has the same
        purpose: the start token and the padding hold most of the probability and are left out. Of that softmax every
        token's map would have to be kept for the gradient; of this the words and one map beside them.
        """
        return self.maps / self.all_words.clamp(min=LEAST)


class Objective:
    """What the words are to do."""

    def for_run(self, rows: int) -> "Objective":
        """The same for a run of so many rows; another object where it has to be made ready.

        Raises:
            P2PError: it cannot be used for such a run.
        """
        return self

    def losses(self, seen: SeenWords, progress: float) -> torch.Tensor:
        """(rows,) float32, 0 where nothing is missing."""
        raise NotImplementedError


@dataclass(frozen=True)
class BePresent(Objective):
    """Every word holds some place of the picture (Attend-and-Excite, Chefer et al. 2023, section 3.3).

    ``max over words of max(0, 1 - max over places of G(A))`` with A the word's share, G a Gaussian filter of 3×3.
    """

    def losses(self, seen: SeenWords, progress: float) -> torch.Tensor:
        peaks = smoothed(seen.shares).flatten(2).amax(2)
        missing = (1 - peaks).clamp(min=0)
        return torch.where(seen.there, missing, 0).amax(1)


@dataclass(frozen=True)
class BeHere(Objective):
    """The words' centres are at x, y (self-guidance, Epstein et al. 2023, section 3.2: centroid, with its L1 distance).

    Attributes:
        x, y: in fractions of the picture's width and height from its upper left corner.
    """

    x: float
    y: float

    def losses(self, seen: SeenWords, progress: float) -> torch.Tensor:
        centres = centroids(sharpened(seen.maps))
        away = (centres - centres.new_tensor([self.x, self.y])).abs().sum(2)
        return mean_over_words(away, seen.there)


@dataclass(frozen=True)
class BeThisBig(Objective):
    """The words cover this part of the picture (self-guidance, Epstein et al. 2023, section 3.2: size).

    Attributes:
        size: part of the picture's area.
    """

    size: float

    def losses(self, seen: SeenWords, progress: float) -> torch.Tensor:
        covered = sharpened(seen.maps).flatten(2).mean(2)
        return mean_over_words((covered - self.size).abs(), seen.there)


@dataclass(frozen=True)
class BeInBox(Objective):
    """The words' attention lies in a box (layout guidance, Chen et al. 2024, section 3.2: ``(1 - inside / all)²``).

    Attributes:
        x, y: the box's centre, in fractions of the picture's width and height from its upper left corner.
        width, height: of the box, in the same fractions.
    """

    x: float
    y: float
    width: float
    height: float

    def losses(self, seen: SeenWords, progress: float) -> torch.Tensor:
        maps = sharpened(seen.maps)
        inside = (maps * self._box(maps)).flatten(2).sum(2) / maps.flatten(2).sum(2).clamp(min=LEAST)
        return mean_over_words((1 - inside).square(), seen.there)

    def _box(self, maps: torch.Tensor) -> torch.Tensor:
        """(height, width), 1 where a place lies in the box, in between at its edges."""
        rows, columns = (
            _covered(length, centre - size / 2, centre + size / 2, maps)
            for length, centre, size in zip(maps.shape[-2:], (self.y, self.x), (self.height, self.width), strict=True)
        )
        return rows[:, None] * columns


def smoothed(maps: torch.Tensor) -> torch.Tensor:
    """(…, height, width) after a Gaussian filter of 3×3 places, mirrored at the edges."""
    offsets = torch.arange(-1, 2, device=maps.device, dtype=maps.dtype)
    weights = (-(offsets**2) / (2 * _SMOOTHING_SPREAD**2)).exp()
    kernel = torch.outer(weights, weights) / weights.sum() ** 2
    pictures = maps.reshape(-1, 1, *maps.shape[-2:])
    mode = "reflect" if min(maps.shape[-2:]) > 1 else "replicate"
    return F.conv2d(F.pad(pictures, (1, 1, 1, 1), mode=mode), kernel[None, None]).reshape(maps.shape)


def sharpened(maps: torch.Tensor) -> torch.Tensor:
    """(…, height, width): near 1 where a word is and near 0 elsewhere (self-guidance, equation 6).

    ``normalise(sigmoid(10 · (normalise(A) - 0.5)))``, to normalise being to stretch a map to 0 to 1.
    """
    return _stretched(torch.sigmoid(SHARPNESS * (_stretched(maps) - 0.5)))


def centroids(maps: torch.Tensor) -> torch.Tensor:
    """(rows, words, 2): x and y of the maps' centres of mass, in fractions of the picture."""
    height, width = maps.shape[-2:]
    total = maps.flatten(2).sum(2).clamp(min=LEAST)
    x = (maps.sum(2) * _middles(width, maps)).sum(2) / total
    y = (maps.sum(3) * _middles(height, maps)).sum(2) / total
    return torch.stack([x, y], dim=2)


def _middles(length: int, like: torch.Tensor) -> torch.Tensor:
    """(length,): the middles of places, in fractions."""
    return (torch.arange(length, device=like.device, dtype=like.dtype) + 0.5) / length


def _covered(length: int, start: float, end: float, like: torch.Tensor) -> torch.Tensor:
    """(length,): which part of every place lies between two fractions of the picture."""
    places = torch.arange(length, device=like.device, dtype=like.dtype)
    return ((places + 1).clamp(max=end * length) - places.clamp(min=start * length)).clamp(0, 1)


def _stretched(maps: torch.Tensor) -> torch.Tensor:
    low, high = maps.amin(dim=(-2, -1), keepdim=True), maps.amax(dim=(-2, -1), keepdim=True)
    return (maps - low) / (high - low).clamp(min=LEAST)


def mean_over_words(losses: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """(rows, words) → (rows,), over the words that a row has."""
    return torch.where(there, losses, 0).sum(1) / there.sum(1).clamp(min=1)
