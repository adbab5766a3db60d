"""Local blend while sampling: outside the masks, targets are tied to their source at every step.

The published code blends the latents after each step. Here two ties have the same effect for one-step samplers (Euler:
to the bit) and keep multi-step ones consistent: the sampler's own latents are tied before the model sees them, with the
mask of the step before, and what the model returns is tied with this step's.
"""

import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch

from ...p2p_core.edit import Grids
from ...p2p_core.errors import P2PError
from ...p2p_core.local_blend import blend_mask, blended, user_mask
from .blend_maps import Blends, ReplayedMaps, SeenMaps, blend_maps
from .conditioning import Group
from .places import Places
from .seeing import Watch

SourcesAt = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor | None]
_SCALES_ITS_LATENTS = "unipc"  # the sampler hands the model a scaled copy, so that its own latents cannot be tied


def is_blended(groups: Iterable[Group]) -> bool:
    return any(edit.blend is not None for group in groups for edit in group.controller.edits)


class Blending:
    """The masks of one run."""

    def __init__(self, groups: Sequence[Group], progress: Sequence[float], places: Places) -> None:
        self._progress, self._places = progress, places
        self._rows = groups[0].rows
        self._has_sources = groups[0].recorded is None  # among its rows
        self._blends = [
            next((edit.blend for edit in edits if edit.blend is not None), None)
            for edits in zip(*(group.controller.edits for group in groups), strict=True)
        ]
        self._seen: list[SeenMaps | ReplayedMaps] = []
        self._masks: torch.Tensor | None = None

    def watches(self, group: Group, entry: dict) -> tuple[Watch, ...]:
        """What has to be watched in one entry, given its group.

        Raises:
            P2PError: the entry covers a part of the picture only, where a word's map says nothing of the rest.
        """
        blends = tuple(edit.blend for edit in group.controller.edits)
        needed = [blend for blend in blends if blend is not None and blend.needs_maps]
        if needed and "area" in entry:
            raise P2PError(
                "A local blend by words needs maps of the whole picture, but the edited prompt has an area: take the "
                "area off, or give P2P Local Blend a mask and set mask_mode to instead."
            )
        made = [
            blend_maps(group, _only(blends, grids), grids, self._progress, self._places)
            for grids in dict.fromkeys(blend.grids for blend in needed)
        ]
        self._seen += [maps for maps, _ in made]
        return tuple(watch for _, watch in made if watch is not None)

    @property
    def has_masks(self) -> bool:
        return self._masks is not None

    def tied(self, latents: torch.Tensor, sources: torch.Tensor | None) -> torch.Tensor:
        """Latents of a sampler, tied with the masks of the step before; ``sources`` where they are not among them."""
        return latents if self._masks is None else blended(latents, self._masks.to(latents.device), self._rows, sources)

    def blend(self, denoised: torch.Tensor, step: int, sources: torch.Tensor | None = None) -> torch.Tensor:
        """What the model returned, tied with the masks of this step's maps."""
        for maps in self._seen:
            maps.follow(step, denoised.device)
        self._masks = self._masks_at(step, denoised)
        return denoised if self._masks is None else blended(denoised, self._masks, self._rows, sources)

    def _masks_at(self, step: int, latents: torch.Tensor) -> torch.Tensor | None:
        """(groups, targets, 1, height, width) bool; None where nothing is blended at this step."""
        masks = [self._mask_of(target, step, latents) for target in range(len(self._blends))]
        if all(mask is None for mask in masks):
            return None
        groups = len(latents) // self._rows
        everywhere = latents.new_ones((groups, 1, *latents.shape[-2:]), dtype=torch.bool)
        return torch.stack([everywhere if mask is None else mask for mask in masks], dim=1)

    def _mask_of(self, target: int, step: int, latents: torch.Tensor) -> torch.Tensor | None:
        blend = self._blends[target]
        if blend is None or self._progress[min(step, len(self._progress) - 1)] < blend.start:
            return None
        size = tuple(latents.shape[-2:])
        if not blend.needs_maps:
            return user_mask(blend, len(latents) // self._rows, latents.device, size)
        seen = [maps for entry in self._seen if entry.blends[target] and (maps := entry.maps_of(target)) is not None]
        if not seen:
            return None
        source, own = (sum(parts[1:], parts[0]) for parts in zip(*seen, strict=True))
        return blend_mask(source, own, blend, size)

    def masks_of_rows(self) -> tuple[torch.Tensor | None, ...]:
        """The last masks, per row of the batch (height, width) bool on the CPU; None for a source or without a blend.

        Empty where nothing was blended.
        """
        if self._masks is None:
            return ()
        of_targets = self._masks[:, :, 0].cpu()
        return tuple(
            mask
            for of_group in of_targets
            for mask in (
                *((None,) if self._has_sources else ()),
                *(None if blend is None else own.clone() for blend, own in zip(self._blends, of_group, strict=True)),
            )
        )

    def refuse_lost_edits(self) -> None:
        """Says so when a target became its source because its mask is empty.

        Raises:
            P2PError: it did so in all pictures.
        """
        if self._masks is None:
            return
        # The one wait for the device, after the run.
        places = self._masks.any(dim=(2, 3, 4)).tolist()  # (groups, targets)
        for blend, found in zip(self._blends, zip(*places, strict=True), strict=True):
            if blend is None or all(found):
                continue
            sentence = (
                f"The mask of the local blend ({blend.words or 'drawn mask'}) is empty, so the edit is lost and the "
                "picture is its source: lower the threshold, name other words, or check the words that must not change."
            )
            if not any(found):
                raise P2PError(sentence)
            logging.warning("Prompt-to-Prompt: in %d of %d pictures: %s", found.count(False), len(found), sentence)


def _only(blends: Blends, grids: Grids) -> Blends:
    """Those that count maps up to these grids."""
    return tuple(blend if blend is not None and blend.grids == grids else None for blend in blends)


@contextmanager
def tied_latents(sampler, blending: Blending, sources: SourcesAt) -> Iterator[None]:
    """While inside, the sampler ties its own latents before every model call, and what it returns.

    Not those the guider gets: with a noise mask they are a mixture made for the call. The last tie is the published
    code's blend after its last step, and keeps what a sampler that cannot be tied on the way left over.

    Args:
        sources: the recorded latents of sources at a noise level, or (None) the sampler's result, to tie with.
    """
    function = getattr(sampler, "sampler_function", None)
    if function is None:
        yield
        return
    can_be_tied = _SCALES_ITS_LATENTS not in getattr(function, "__name__", "")

    @functools.wraps(function)
    def tying(model, *args, **kwargs):
        result = function(_TyingModel(model, tie) if can_be_tied else model, *args, **kwargs)
        return blending.tied(result, sources(result, None)) if blending.has_masks else result

    def tie(latents, sigma):
        if blending.has_masks:
            latents.copy_(blending.tied(latents, sources(latents, sigma)))

    sampler.sampler_function = tying
    try:
        yield
    finally:
        sampler.sampler_function = function


class _TyingModel:
    """The model that a sampler calls, which first ties the latents it is given."""

    def __init__(self, model, tie) -> None:
        self._model, self._tie = model, tie

    def __call__(self, x, sigma, *args, **kwargs):
        self._tie(x, sigma)
        return self._model(x, sigma, *args, **kwargs)

    def __getattr__(self, name):
        return getattr(self._model, name)
