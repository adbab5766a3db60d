"""The nodes: thin, one file per idea, each ending in ``NODES``."""

from comfy_api.latest import ComfyExtension, io

from . import (
    adjust_blend,
    adjust_mask,
    adjust_move,
    adjust_scale,
    apply,
    attention_files,
    attention_guidance,
    attention_maps,
    attention_store,
    combine,
    local_blend,
    mini_extras,
    mini_sdxl,
    move,
    record,
    record_files,
    refine,
    replace,
    reweight,
    tag_prompt,
    text_encode,
)
from ._host.words_route import add_words_route

_MODULES = (
    text_encode,
    tag_prompt,
    replace,
    refine,
    reweight,
    move,
    local_blend,
    combine,
    apply,
    record,
    record_files,
    attention_guidance,
    adjust_move,
    adjust_scale,
    adjust_blend,
    adjust_mask,
    attention_store,
    attention_maps,
    attention_files,
    mini_sdxl,
    mini_extras,
)


class PromptToPromptExtension(ComfyExtension):
    async def on_load(self) -> None:
        add_words_route()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [node for module in _MODULES for node in module.NODES]
