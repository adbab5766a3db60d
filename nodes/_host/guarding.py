"""Keeping the positive conditioning of P2P Apply from models that do not edit, where nothing else of this pack runs.

The host lets a conditioning entry carry hooks, and asks each of them before a run what it adds to the run's model. This
one adds nothing: it refuses a model without edits. A hook that registers nothing is taken off the entry before anything
is computed, so that an edited run is batched as it would be without it.
"""

from comfy.hooks import EnumHookType, Hook, HookGroup

from ...p2p_core.errors import P2PError

EDITS = "p2p_edits"  # attachment of a model: True after P2P Apply
HOOKS = "hooks"  # the host's key in a conditioning entry's dictionary


def guarded(extras: dict) -> dict:
    """A conditioning entry's dictionary that only models with edits take; as it is if it has hooks of its own.

    Prompts with the same hooks share a model call if they hold the same group of them. One more in the group of one
    prompt would part it from the others.
    """
    return {HOOKS: _Guard(), **extras}


def refuse_model_without_edits(model) -> None:
    """Raises:
    P2PError: the model is not that of P2P Apply.
    """
    if not model.get_attachment(EDITS):
        raise P2PError(
            "This sampler got the positive conditioning of P2P Apply without its model: connect the model output of "
            "the same P2P Apply (P2P Attention Store goes before or after it)."
        )


def is_guard(hook: Hook) -> bool:
    """Whether a hook is this pack's own, which does nothing to a model."""
    return isinstance(hook, _RefusingHook)


def without_empty_hooks(conds: dict[str, list[dict]]) -> None:
    """Takes away the None that the host leaves of a group whose hooks added nothing, and then stumbles over.

    It does so where another entry of the run has hooks that added something (0.3.75, 0.8.0). The entries are the run's
    own copies.
    """
    for entry in (entry for entries in conds.values() for entry in entries or ()):
        if HOOKS in entry and entry[HOOKS] is None:
            del entry[HOOKS]


class _Guard(HookGroup):
    """The group of this one hook. It yields to hooks that are put on the entry later, see ``guarded``."""

    def __init__(self) -> None:
        super().__init__()
        self.add(_RefusingHook())

    def clone(self) -> "_Guard":
        return self

    def clone_and_combine(self, other: HookGroup | None) -> HookGroup:
        return self if other is None else other


class _RefusingHook(Hook):
    def __init__(self) -> None:
        super().__init__(hook_type=EnumHookType.TransformerOptions)  # hooks of this kind are asked first

    def add_hook_patches(self, model, model_options, target_dict, registered) -> bool:
        refuse_model_without_edits(model)
        return False
