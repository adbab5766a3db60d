"""What P2P Apply and P2P Attention Store leave on a model: one wrapper around sampling, which does all else.

Nothing is patched when a node runs. The wrapper edits the run's own copy of the model's options, which the host drops
when the run ends, however it ends. Running last, it sees what every other node installed: its patches go first in their
lists, so that they act on rows that nobody has merged or split yet, and a replaced attn2 goes around the one there is.
"""

from comfy.patcher_extension import WrappersMP

from ...p2p_core.attention_store import AttentionStore
from ...p2p_core.errors import P2PError
from ...p2p_core.source_record import RecordHandle
from .guarding import EDITS, without_empty_hooks
from .live import telling
from .patches import has_cross_attention
from .record_facts import start_of
from .recording import abandoning
from .run_inputs import Asked, inputs_of
from .run_parts import parts_of
from .wrapping import WRAPPER_KEY, install_parts

# Attachments of the model, beside that of edits: see ``Asked``.
_STORES, _SHOWN, _RECORDS = "p2p_stores", "p2p_live", "p2p_records"


def with_edits(model):
    """A clone of the model that applies the edits its positive conditioning carries.

    Raises:
        P2PError: the model has no cross-attention on text.
    """
    patched = _wrapped(model)
    patched.set_attachments(EDITS, True)
    return patched


def with_record(model, handle: RecordHandle):
    """A clone of the model whose runs fill the record, as well as those it had.

    Raises:
        P2PError: the model has no cross-attention on text.
    """
    patched = _wrapped(model)
    _attach(patched, _RECORDS, handle)
    return patched


def with_store(model, store: AttentionStore, live_node: str | None = None):
    """A clone of the model whose runs fill the store, as well as those it had.

    Args:
        live_node: the id of the node that shows the maps while they form; None for none.

    Raises:
        P2PError: the model has no cross-attention on text.
    """
    patched = _wrapped(model)
    _attach(patched, _STORES, store)
    if live_node is not None:
        _attach(patched, _SHOWN, (store, live_node))
    return patched


def _wrapped(model):
    if not has_cross_attention(model.model.diffusion_model):
        raise P2PError(
            f"{type(model.model).__name__} has no cross-attention on its prompt: Prompt-to-Prompt edits SDXL and "
            "SD 1.5 models. Connect one of those."
        )
    patched = model.clone()
    patched.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, WRAPPER_KEY)
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, WRAPPER_KEY, _outer_sample)
    return patched


def _attach(model, name: str, more) -> None:
    """One more thing among those of its kind."""
    model.set_attachments(name, (*(model.get_attachment(name) or ()), more))


def _asked(model) -> Asked:
    found = (model.get_attachment(name) or () for name in (_STORES, _SHOWN, _RECORDS))
    return Asked(bool(model.get_attachment(EDITS)), *found)


def _outer_sample(executor, noise, latent_image, sampler, sigmas, *args, **kwargs):
    """Around one whole sampling run: makes its state and installs everything in its options."""
    guider = executor.class_obj
    without_empty_hooks(guider.conds)
    asked = _asked(guider.model_patcher)
    for store in asked.stores:
        store.record = None  # whatever happens now, these are not the maps of the run before
    start = start_of(noise, latent_image, sampler, sigmas, *args, **kwargs)
    inputs = inputs_of(guider, start, asked.edits)
    parts = parts_of(inputs, asked)
    install_parts(parts)
    with telling(parts.live, inputs.progress, inputs.end), abandoning(parts.captures):
        result = executor(noise, latent_image, sampler, sigmas, *args, **kwargs)
        parts.finish(result)
    parts.refuse_lost_edits()
    return result
