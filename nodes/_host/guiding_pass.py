"""One pass through the model for the gradient of a loss on its attention, by the latents.

Everything that enters is copied to ordinary tensors first: the host works in inference mode, whose tensors can be no
part of a graph. The model is called as for a prediction, through all that other nodes put around it, but with the
prompts that have the words only, and no further than the last layer whose maps count.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress

import comfy.samplers
import torch
from comfy.ldm.modules.attention import BasicTransformerBlock
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock
from comfy.model_patcher import create_model_options_clone
from comfy.patcher_extension import WrappersMP, add_wrapper_with_key
from torch.utils._pytree import tree_map_only

from ...p2p_core.attention_objectives import Objective
from ...p2p_core.checkpointing import checkpointed
from ...p2p_core.errors import P2PError
from .guiding_weights import make_weights_ordinary
from .guiding_words import GatheredMaps
from .layers import layers_of
from .patches import host_attention
from .versions import outside_compiled_graph

_KEY = "prompt_to_prompt_gradient"
_LOSS_FACTOR = 2.0**10  # keeps small gradients within half precision; taken off afterwards


class _Enough(Exception):
    """The last layer whose maps count was called; what comes after it is not needed."""


class GradientPass:
    """Passes of one run through one model.

    Args:
        guider: of the run, while it samples.
        checkpoint: keep what goes into the model's blocks only; without it the same comes out for more memory.
    """

    def __init__(self, guider, checkpoint: bool = True) -> None:
        self._guider, self._checkpoint = guider, checkpoint
        self._network = guider.model_patcher.model.diffusion_model
        self._blocks = {layer.site: layer.block for layer in layers_of(self._network)}
        self._last: dict[tuple, tuple] = {}  # by largest grid: the site of the last layer that counts

    def __call__(
        self, gathered: GatheredMaps, objective: Objective, progress: float, x, timestep, model_options: dict
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """(losses of the rows, gradient of their sum by x); None where no map was seen at this noise level.

        Raises:
            P2PError: something in the model cannot be differentiated.
        """
        with torch.inference_mode(False), torch.enable_grad(), _said_plainly():
            latents = x.detach().clone().requires_grad_()
            options = self._options(model_options, gathered)
            conds = _conds_of(self._guider, gathered.entries)
            with self._saving_memory(), self._stopping(gathered.largest):
                comfy.samplers.calc_cond_batch(
                    self._guider.inner_model, [conds], latents, timestep.detach().clone(), options
                )
                seen = gathered.words()
                if not seen:
                    return None
                self._last.setdefault(gathered.largest, gathered.last_site)
                losses = sum(objective.losses(words, progress) for words in seen) / len(seen)
                (gradient,) = torch.autograd.grad(losses.sum() * _LOSS_FACTOR, latents)
            return losses.detach(), gradient / _LOSS_FACTOR

    def _options(self, model_options: dict, gathered: GatheredMaps) -> dict:
        """The options of the run, with the maps gathered at every layer; those of the run stay as they are."""
        options = create_model_options_clone(model_options)
        of_model = _ordinary(options.setdefault("transformer_options", {}))
        replaced = dict(of_model.get("patches_replace", {}))
        sites = dict(replaced.get("attn2", {}))
        for site in self._blocks:
            previous = sites.get(site, sites.get(site[:2]))
            sites[site] = _gathering(gathered, previous if previous is not None else host_attention)
        of_model["patches_replace"] = {**replaced, "attn2": sites}
        patches = dict(of_model.get("patches", {}))
        after = "input_block_patch_after_skip"
        patches[after] = [*patches.get(after, []), _apart_from_skip]
        of_model["patches"] = patches
        options["transformer_options"] = of_model
        add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, _KEY, self._around_network, options, is_model_options=True)
        return options

    def _around_network(self, executor, x, *args, **kwargs):
        """Nothing of what the model predicts is needed, so none of it becomes part of the graph."""
        # Here, as hooks of the conditioning may have put other weights in the model just before.
        make_weights_ordinary(self._network, x.device)
        with suppress(_Enough):
            executor(x, *args, **kwargs)
        return torch.zeros_like(x)

    def _saving_memory(self):
        if not self._checkpoint:
            return nullcontext()
        kinds = BasicTransformerBlock, ResBlock
        return checkpointed([module for module in self._network.modules() if isinstance(module, kinds)])

    @contextmanager
    def _stopping(self, largest: tuple) -> Iterator[None]:
        """While inside, the model is left after the last layer that counts, once it is known."""
        if largest not in self._last:
            yield
            return

        def leave(*_) -> None:
            raise _Enough

        handle = self._blocks[self._last[largest]].register_forward_hook(leave)
        try:
            yield
        finally:
            handle.remove()


def _gathering(gathered: GatheredMaps, attend):
    """A replaced attn2 that looks at the queries and keys and leaves the attention to ``attend``."""

    def replacement(q, k, v, options):
        gathered.see(q, k, options)
        return attend(q, k, v, options)

    return outside_compiled_graph(replacement)


def _apart_from_skip(hidden: torch.Tensor, _options: dict) -> torch.Tensor:
    """The next block's own copy: the host adds a ControlNet's values in place to what it keeps for later."""
    return hidden.clone()


def _conds_of(guider, uuids: Mapping) -> list[dict]:
    """Copies of the prompts that have the words. Other nodes of this pack know theirs by identity and let them be."""
    outside: dict[int, _OutsideGraph] = {}
    found = {}
    for name, entries in guider.conds.items():
        for entry in entries or () if name != "negative" else ():
            if entry["uuid"] in uuids and entry["uuid"] not in found:
                found[entry["uuid"]] = _copied(entry, outside)
    return list(found.values())


def _copied(entry: dict, outside: dict[int, "_OutsideGraph"]) -> dict:
    copied = {**entry, "model_conds": {name: _copied_cond(cond) for name, cond in entry["model_conds"].items()}}
    if entry.get("control") is not None:
        control = entry["control"]
        copied["control"] = outside.setdefault(id(control), _OutsideGraph(control))
    return copied


def _copied_cond(cond):
    result = copy.copy(cond)
    result.cond = _ordinary(cond.cond)
    return result


def _ordinary(tree):
    """The same with copies of its tensors that can be part of a graph."""

    def copied(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().clone() if tensor.is_inference() else tensor

    return tree_map_only(torch.Tensor, copied, tree)


class _OutsideGraph:
    """A ControlNet whose values are what they are: no gradient goes through it."""

    def __init__(self, control) -> None:
        self._control = control

    def get_control(self, x_noisy, *args, **kwargs):
        with torch.inference_mode():
            result = self._control.get_control(x_noisy.detach(), *args, **kwargs)
        return _ordinary(result)

    def __getattr__(self, name):
        return getattr(self._control, name)


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Says what is the matter when something that others put in the model has no gradient."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        said = str(error)
        reasons: Sequence[str] = ("Inference tensors", "inplace operation", "does not require grad", "not implemented")
        if not any(reason in said for reason in reasons):
            raise
        raise P2PError(
            f"No gradient can be taken through this model ({said.splitlines()[0][:200]}): take nodes that change the "
            "model's blocks or attention out for P2P Attention Guidance."
        ) from error
