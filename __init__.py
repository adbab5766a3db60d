"""Prompt-to-Prompt for ComfyUI: edit an SDXL image by editing its prompt (Hertz et al. 2022, arXiv 2208.01626)."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    """Called by ComfyUI (V3 schema, 0.3.48 and newer) when it loads the pack."""
    from .nodes import PromptToPromptExtension

    extension = PromptToPromptExtension()
    await extension.on_load()  # hosts of 2025 do not call it; that newer ones do so again changes nothing
    return extension
