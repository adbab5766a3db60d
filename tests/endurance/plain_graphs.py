"""Graphs with nothing of the pack but its embedded model: what a server keeps of these is the host's own."""

import random
from collections.abc import Mapping

from .drawing import Drawing
from .drawn_sampling import Inputs, draw_plan, draw_sampling

SIZES = [(64, 64), (64, 64), (96, 64), (64, 80), (72, 104), (136, 64), (128, 128)]


def draw_plain(number: int) -> Mapping[str, dict]:
    """The graph of this number: two to six pictures, as an edit samples, of one prompt."""
    drawing = Drawing(random.Random(f"plain {number}"))
    loaded = drawing.add("P2PMiniSDXL", precision="fp32")
    width, height = drawing.one(SIZES)
    latent = drawing.add("EmptyLatentImage", width=width, height=height, batch_size=drawing.one([2, 2, 3, 4, 6]))[0]
    positive = drawing.add("CLIPTextEncode", clip=loaded[1], text=f"a photo {number} of a cat on grass")[0]
    negative = drawing.add("CLIPTextEncode", clip=loaded[1], text="blurry")[0]
    plan = draw_plan(drawing, needs_denoise=False)
    sampled = draw_sampling(drawing, Inputs(loaded[0], positive, negative, latent), plan)
    drawing.add("SaveLatent", samples=sampled, filename_prefix=f"soak/plain {number}")
    drawing.add("PreviewImage", images=drawing.add("VAEDecode", samples=sampled, vae=loaded[2])[0])
    return drawing.nodes
