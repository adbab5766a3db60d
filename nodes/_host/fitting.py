"""Whether a model, the prompts and the latent that P2P Apply gets go together."""

import math
from collections.abc import Iterable, Iterator, Mapping

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.local_blend import LocalBlend, user_mask
from ...p2p_core.wording import counted
from .conditioning import GROUP_KEY, EditedConditioning


def refuse_other_encoder(model, controller: EditedConditioning, negative: list) -> None:
    """The prompts must have as many channels as the model's cross-attention reads.

    Raises:
        P2PError: they were made by the text encoder of another model.
    """
    wanted = model.model.model_config.unet_config.get("context_dim")
    prompts = [("controller", part) for entry in controller.entries for part in (entry.source, *entry.targets)]
    prompts += [("controller", entry) for entry in controller.unedited] + [("negative", entry) for entry in negative]
    for name, (cond, _) in prompts:
        if isinstance(wanted, int) and cond.shape[-1] != wanted:
            raise P2PError(
                f"The prompts of {name} have {cond.shape[-1]} channels, but the model reads {wanted}: encode them with "
                "the CLIP of the same checkpoint."
            )


def refuse_other_latent(model, samples: torch.Tensor) -> None:
    """The host makes any number of channels of an empty latent, but of no other.

    Raises:
        P2PError: the latent was encoded by the VAE of another kind of model.
    """
    wanted = model.get_model_object("latent_format").latent_channels
    if samples.shape[1] != wanted and bool(samples.any()):
        raise P2PError(
            f"The latent has {counted(samples.shape[1], 'channel')}, but the model has {wanted}: encode the picture "
            "with the VAE of the same checkpoint."
        )


def refuse_appended_tokens(entries: Iterable[Mapping]) -> None:
    """The text of an entry of P2P Apply must still have the tokens of its prompts, of which edits know what they are.

    Raises:
        P2PError: another node put tokens behind them, or took some away.
    """
    for entry in entries:
        group = entry.get(GROUP_KEY)
        if group is None:
            continue
        prompts = [group.controller.source, *(edit.target for edit in group.controller.edits)]
        expected = math.lcm(*(prompt.token_count for prompt in prompts))
        if entry["cross_attn"].shape[1] != expected:
            raise P2PError(
                f"The positive of P2P Apply had {counted(expected, 'token')} and reached the sampler with "
                f"{entry['cross_attn'].shape[1]}: a node behind P2P Apply changed their number, as ConditioningConcat "
                "does. Append to source and target before they are edited."
            )


def refuse_lost_masks(controller: EditedConditioning, samples: torch.Tensor) -> None:
    """A drawn mask must leave something to edit when it is scaled down, and have a picture for each of its own.

    Raises:
        P2PError: one that does not.
    """
    pictures, size = len(samples), tuple(samples.shape[-2:])
    for blend in _blends_with_masks(controller):
        if len(blend.mask) > pictures:
            raise P2PError(
                f"The mask of the local blend has {len(blend.mask)} pictures, but the latent has {pictures}: give one "
                "mask, or one for each picture of the latent."
            )
        if blend.mask_mode != "union" and not bool(user_mask(blend, pictures, samples.device, size).any()):
            raise P2PError(
                f"What is white in the mask of the local blend is too small for a latent of {size[1]}×{size[0]}: paint "
                "a larger part white."
            )


def _blends_with_masks(controller: EditedConditioning) -> Iterator[LocalBlend]:
    for entry in controller.entries:
        for edit in entry.controller.edits:
            if edit.blend is not None and edit.blend.mask is not None:
                yield edit.blend
