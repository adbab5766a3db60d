"""The nodes: thin, one file per idea, each ending in ``NODES``."""

from comfy_api.latest import ComfyExtension, io

from . import apply, mini_sdxl, replace, text_encode


class PromptToPromptExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [node for module in (text_encode, replace, apply, mini_sdxl) for node in module.NODES]
