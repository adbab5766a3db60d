"""The same edit with explicit maps: every attention layer replaced by ``p2p_core.naive``, through the host's own API.

Works for one positive prompt group in a run whose steps are one model call each. It shares no code with ``_host``
but the meaning of progress.
"""

import torch
from einops import rearrange
from p2p.nodes._host.progress import progress_of
from p2p.p2p_core import naive

SITES = [
    (block, number, index)
    for block, numbers in (("input", range(12)), ("middle", [0]), ("output", range(12)))
    for number in numbers
    for index in range(2)
]


def with_explicit_maps(model, edits, largest_self_grid: int):
    """A clone of the model that edits rows ``[source, targets …]`` of the positive with materialised maps."""
    oracle = model.clone()
    sampling = model.get_model_object("model_sampling")

    def replaced(attention, acts):
        def function(q, k, v, options):
            (progress,) = set(progress_of(sampling, options["sigmas"][:1]))
            heads = options["n_heads"]
            folded = [rearrange(t, "b t (h c) -> b h t c", h=heads) for t in (q, k, v)]
            outputs = []
            for chunk, kind in zip(
                zip(*(t.chunk(len(options["cond_or_uncond"])) for t in folded), strict=True),
                options["cond_or_uncond"],
                strict=True,
            ):
                if kind == 0 and acts(options):
                    rows = chunk[0].shape[0] // (1 + len(edits))
                    groups = zip(*(t.chunk(rows) for t in chunk), strict=True)
                    outputs += [attention(*group, options, progress) for group in groups]
                else:
                    outputs.append(naive.attention_map(chunk[0], chunk[1]) @ chunk[2].float())
            return rearrange(torch.cat(outputs), "b h t c -> b t (h c)").to(q.dtype)

        return function

    def is_coarse(options):
        return max(options["activations_shape"][-2:]) <= largest_self_grid

    def self_attention(q, k, v, options, progress):
        return naive.self_attention(q, k, v, edits, progress)

    def cross_attention(q, k, v, options, progress):
        return naive.cross_attention(q, k, v, edits, progress, tuple(options["activations_shape"][-2:]))

    for site in SITES:
        oracle.set_model_attn1_replace(replaced(self_attention, is_coarse), *site)
        oracle.set_model_attn2_replace(replaced(cross_attention, lambda options: True), *site)
    return oracle
