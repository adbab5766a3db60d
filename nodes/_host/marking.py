"""Saying which chunks of a model call hold groups or watched words."""

from collections.abc import Mapping

from .entries import EntryKey
from .run import Mark, Run


def marking_chunks(run: Run, guider, marks: Mapping[EntryKey, Mark]):
    """CALC_COND_BATCH: marks the chunks of the coming model calls.

    The host copies entries from one list to another to balance areas, keys, uuid and all. What never lies is the text
    they carry: an entry is a marked one when its cross-attention text is the same object.
    """

    def wrapper(executor, model, conds, *args, **kwargs):
        texts = {
            _text(entry): marks[name, entry["uuid"]]
            for name, entries in guider.conds.items()
            for entry in entries or ()
            if (name, entry["uuid"]) in marks
        }
        before = run.chunks
        chunks = {
            (index, entry["uuid"]): texts[_text(entry)]
            for index, entries in enumerate(conds)
            for entry in entries or ()
            if _text(entry) in texts
        }
        run.begin_evaluation(chunks)
        try:
            return executor(model, conds, *args, **kwargs)
        finally:
            run.chunks = before

    return wrapper


def _text(entry: dict) -> int:
    return id(entry["model_conds"].get("c_crossattn"))
