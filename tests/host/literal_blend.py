"""The local blend of the published code, word for word, as the measure of this one."""

from dataclasses import replace

import torch
from comfy.ldm.modules.attention import BasicTransformerBlock
from einops import rearrange, reduce
from p2p.nodes._host.progress import progress_of
from p2p.p2p_core import naive
from torch.nn.functional import interpolate, max_pool2d

from .blends import GRID, SIZE, THRESHOLD


class Projections:
    """The q and k of every cross-attention of a run, before any edit, by hooks on the projections."""

    def __init__(self, model, rows: int):
        self.rows = rows
        self._handles = []
        self.calls = []
        for name, block in model.model.diffusion_model.named_modules():
            if isinstance(block, BasicTransformerBlock):
                for projection in ("to_q", "to_k"):
                    module = getattr(block.attn2, projection)
                    self._handles.append(module.register_forward_hook(self._keep(name, projection, block.attn2.heads)))

    def _keep(self, name, projection, heads):
        def hook(module, inputs, output):
            positive = output[-self.rows :]  # the host runs the negative first
            self.calls.append((name, projection, rearrange(positive, "r t (h c) -> r h t c", h=heads)))

        return hook

    def maps(self, edits, progress) -> list:
        """Per layer (grid, per row of the batch the edited map); forgets the calls."""
        layers = {}
        for name, projection, tensor in self.calls:
            layers.setdefault(name, {}).setdefault(projection, tensor)
        self.calls = []
        found = []
        for tensors in layers.values():
            q, k = tensors["to_q"], tensors["to_k"]
            side = 1 if q.shape[2] == GRID[0] * GRID[1] else 2
            grid = (GRID[0] // side, GRID[1] // side)
            maps = []
            for group in range(0, self.rows, 1 + len(edits)):
                rows = slice(group, group + 1 + len(edits))
                maps += naive.edited_cross_maps(q[rows], k[rows], edits, progress, grid)
            found.append((grid, maps))
        return found

    def remove(self):
        for handle in self._handles:
            handle.remove()


def literal_masks(sums, positions, threshold):
    """Per row of a group: Hertz et al. 2022, ``LocalBlend``, from maps summed over layers and steps."""
    masks = []
    for pictures, words in zip(sums, positions, strict=True):
        picture = reduce(pictures[list(words)], "t h w -> 1 1 h w", "sum")
        picture = interpolate(max_pool2d(picture, 3, stride=1, padding=1), size=SIZE)[0, 0]
        masks.append(picture / picture.max() > threshold)
    return [masks[0] | mask for mask in masks[1:]]


class LiteralLoop:
    """Euler as the published code runs it: a step of the edit without a blend, then ``x = blend(x)``."""

    def __init__(self, model, edits, positions, start=0.2, threshold=THRESHOLD, rows=None):
        self.model, self.edits, self.positions = model, edits, positions
        self.start, self.threshold = start, threshold
        self.rows = rows or 1 + len(edits)
        self.masks = []

    def __call__(self, model, x, sigmas, extra_args=None, callback=None, disable=None):
        projections = Projections(self.model, self.rows)
        progress = progress_of(self.model.get_model_object("model_sampling"), sigmas[:-1])
        unscaled = [scales_off(edit) for edit in self.edits]
        sums = [0] * self.rows
        try:
            for step in range(len(sigmas) - 1):
                denoised = model(x, sigmas[step] * x.new_ones([x.shape[0]]), **extra_args)
                derivative = (x - denoised) / sigmas[step]
                if callback is not None:
                    callback(
                        {"x": x, "i": step, "sigma": sigmas[step], "sigma_hat": sigmas[step], "denoised": denoised}
                    )
                x = x + derivative * (sigmas[step + 1] - sigmas[step])
                for grid, maps in projections.maps(unscaled, progress[step]):
                    for row, row_map in enumerate(maps):
                        picture = rearrange(row_map.mean(0), "(h w) t -> 1 t h w", h=grid[0])
                        picture = interpolate(picture, size=GRID, mode="bilinear", align_corners=False)[0]
                        sums[row] = sums[row] + picture
                if progress[step] >= self.start:
                    x = self.blend(x, sums)
        finally:
            projections.remove()
        return x

    def blend(self, x, sums):
        group_rows = 1 + len(self.edits)
        x, masks_of_groups = x.clone(), []
        for source in range(0, self.rows, group_rows):
            masks = literal_masks(sums[source : source + group_rows], self.positions, self.threshold)
            masks_of_groups += masks
            for target, mask in enumerate(masks, start=source + 1):
                x[target] = torch.where(mask, x[target], x[source])
        self.masks.append(torch.stack(masks_of_groups))
        return x


def scales_off(edit):
    """Where a word is does not depend on how strongly it is read."""
    return replace(edit, scales=())


def positions_of(blends):
    """Per row of a group, the words of its blend."""
    return [blends[0].source, *(blend.target for blend in blends)]
