"""Where the attention patches of a run go in the host's options."""

from comfy.ldm.modules.attention import optimized_attention
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

from .attention import (
    cross_attention_patch,
    cross_attention_replacement,
    recording_patch,
    self_attention_patch,
    unchanged_rows_check,
)
from .layers import layers_of
from .run import Run


def install_patches(transformer_options: dict, run: Run, network: UNetModel) -> None:
    """Puts the patches of this pack first in their lists, or around the replaced attn2 there is."""
    blocks = {layer.site: layer.block for layer in layers_of(network)}
    patches = dict(transformer_options.get("patches", {}))
    if run.needs_self_attention:
        layers, others = {site: block.attn1 for site, block in blocks.items()}, patches.get("attn1_patch", [])
        patches["attn1_patch"] = [self_attention_patch(run, layers, is_last=not others), *others]
    patches["attn2_output_patch"] = [unchanged_rows_check(run), *patches.get("attn2_output_patch", [])]
    cross = patches.get("attn2_patch", [])
    if run.plans:
        cross = [cross_attention_patch(run, leaves_some=run.needs_replacement), *cross]
    if run.captures_queries:
        cross = [recording_patch(run), *cross]
    if cross:
        patches["attn2_patch"] = cross
    transformer_options["patches"] = patches
    if run.needs_replacement:
        replaced = dict(transformer_options.get("patches_replace", {}))
        sites = dict(replaced.get("attn2", {}))
        for site, block in blocks.items():
            previous = sites.get(site, sites.get(site[:2]))
            sites[site] = cross_attention_replacement(run, block.attn2, previous, host_attention)
        transformer_options["patches_replace"] = {**replaced, "attn2": sites}


def host_attention(q, k, v, options: dict):
    """The host's own kernel, or what the user put in its place."""
    return optimized_attention(
        q, k, v, options["n_heads"], attn_precision=options["attn_precision"], transformer_options=options
    )


def has_cross_attention(network) -> bool:
    return isinstance(network, UNetModel) and any(True for _ in layers_of(network))
