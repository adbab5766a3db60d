"""Stand-ins for nodes of other packs, hooked into the host the way those packs are."""

import comfy.model_patcher
import comfy.samplers
import torch
from comfy.ldm.modules.attention import BasicTransformerBlock, optimized_attention
from einops import rearrange, reduce, repeat


def sites(model, attention: str = "attn2") -> dict[tuple[str, int, int], torch.nn.Module]:
    """The layers of a model by the host's key: (block, number, transformer block)."""
    found = {}
    for name, module in model.model.diffusion_model.named_modules():
        if isinstance(module, BasicTransformerBlock):
            part, number, *_, index = name.split(".")
            block = part.split("_")[0]
            found[block, 0 if block == "middle" else int(number), int(index)] = getattr(module, attention)
    return found


class ImagePrompt(torch.nn.Module):
    """An IP-Adapter: the queries also look at the tokens of a picture, and what they see is added."""

    def __init__(self, model, seed: int, tokens: int = 4):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.tokens = {kind: torch.randn(1, tokens, 48, generator=generator) for kind in ("picture", "nothing")}
        self.projections = {
            key: tuple(torch.randn(48, layer.to_k.out_features, generator=generator) * 0.15 for _ in range(2))
            for key, layer in sites(model).items()
        }

    def attention(self, q, k, v, options, weight=1.0, queries=None):
        """What is added, (rows, queries, channels): of the picture for positive chunks, of nothing for negative ones.

        Args:
            queries: what to do to the queries first, ``f(q, options)``.
        """
        q = q if queries is None else queries(q, options)
        chunks = options["cond_or_uncond"]
        prompts = q.shape[0] // len(chunks)
        key = (*options["block"], options["block_index"])
        tokens = torch.cat([self.tokens["nothing" if kind else "picture"].repeat(prompts, 1, 1) for kind in chunks])
        keys, values = (tokens @ projection for projection in self.projections[key])
        return weight * optimized_attention(q, keys, values, options["n_heads"])


class ReplacedCrossAttention:
    """The object IPAdapter_plus puts at a site. A second adapter asks it to ``add`` its own callback."""

    def __init__(self, callback, **settings):
        self.callbacks = [(callback, settings)]

    def add(self, callback, **settings):
        self.callbacks.append((callback, settings))

    def __call__(self, q, k, v, options):
        # The pack calls the kernel without options; here they are passed so that explicit maps can take its place.
        output = optimized_attention(q, k, v, options["n_heads"], transformer_options=options)
        for callback, settings in self.callbacks:
            output = output + callback(q, k, v, options, **settings)
        return output


def with_image_prompt(model, adapter: ImagePrompt, weight: float = 1.0, key_length: int = 3, queries=None):
    """A clone with the adapter at every site; keys of length 2 hold for all transformer blocks of a block.

    A site that has a replacement already gets the callback through its ``add``.
    """
    patched = model.clone()
    options = patched.model_options["transformer_options"]
    replaced = dict(options.get("patches_replace", {}))
    cross = dict(replaced.get("attn2", {}))
    for site in dict.fromkeys(site[:key_length] for site in sites(model)):
        if site in cross:
            cross[site].add(adapter.attention, weight=weight, queries=queries)
        else:
            cross[site] = ReplacedCrossAttention(adapter.attention, weight=weight, queries=queries)
    options["patches_replace"] = {**replaced, "attn2": cross}
    return patched


def with_sharper_attention(model, seen: list | None = None, factor: float = 1.5):
    """An attention override that computes another attention (as Sage or flash nodes do, but visibly)."""
    patched = model.clone()

    def override(function, q, k, v, *args, **named):
        if seen is not None:
            seen.append(k.shape[1])
        return function(factor * q, k, v, *args, **named)

    patched.model_options["transformer_options"]["optimized_attention_override"] = override
    return patched


def with_blurred_guidance(model, scale: float = 2.0):
    """Smoothed energy guidance: a further pass in which the middle self-attention's queries are averaged."""

    def blurred(q, k, v, options):
        mean = repeat(reduce(q, "b t c -> b 1 c", "mean"), "b 1 c -> b t c", t=q.shape[1])
        return optimized_attention(mean, k, v, options["n_heads"], transformer_options=options)

    return with_guidance(model, scale, blurred)


def with_guidance(model, scale: float, attention):
    """Guidance away from a further pass, in which the middle self-attention is ``attention(q, k, v, options)``."""
    patched = model.clone()

    def guide(args):
        options = comfy.model_patcher.set_model_options_patch_replace(
            args["model_options"].copy(), attention, "attn1", "middle", 0
        )
        (perturbed,) = comfy.samplers.calc_cond_batch(
            args["model"], [args["cond"]], args["input"], args["sigma"], options
        )
        return args["denoised"] + (args["cond_denoised"] - perturbed) * scale

    patched.set_model_sampler_post_cfg_function(guide)
    return patched


def with_attention_couple(model, other: torch.Tensor):
    """Regional prompts by cross-attention: every positive row is repeated for a second text, and the halves are joined.

    Args:
        other: (1, tokens, channels), the text of the right half.
    """
    patched = model.clone()

    def couple(q, k, v, options):
        queries, texts = [], []
        chunks = options["cond_or_uncond"]
        for kind, rows, text in zip(chunks, q.chunk(len(chunks)), k.chunk(len(chunks)), strict=True):
            both = [text] if kind else [text, other.to(text).expand(text.shape[0], -1, -1)]
            queries.append(rows.repeat(len(both), 1, 1))
            texts += both
        context = torch.cat(texts)
        return torch.cat(queries), context, context

    def join(output, options):
        chunks = options["cond_or_uncond"]
        height, width = options["activations_shape"][-2:]
        rows = output.shape[0] // sum(1 if kind else 2 for kind in chunks)
        joined, start = [], 0
        for kind in chunks:
            if kind:
                joined.append(output[start : start + rows])
                start += rows
                continue
            left, right = (
                rearrange(part, "b (h w) c -> b h w c", h=height, w=width)
                for part in (output[start : start + rows], output[start + rows : start + 2 * rows])
            )
            picture = torch.cat([left[:, :, : width // 2], right[:, :, width // 2 :]], dim=2)
            joined.append(rearrange(picture, "b h w c -> b (h w) c"))
            start += 2 * rows
        return torch.cat(joined)

    patched.set_model_attn2_patch(couple)
    patched.set_model_attn2_output_patch(join)
    return patched
