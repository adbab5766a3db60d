"""The nodes: thin, one file per idea, each ending in ``NODES``."""

from comfy_api.latest import ComfyExtension, io

from . import apply, mini_sdxl, replace, tag_prompt, text_encode


class PromptToPromptExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [node for module in (text_encode, tag_prompt, replace, apply, mini_sdxl) for node in module.NODES]
