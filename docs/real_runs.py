"""The real nodes on the embedded model, in this process: what the documentation's pictures and figures are made of.

Needs the packages of a ComfyUI. After ``python3 dev.py serve`` has run once, both are in this folder:

.venv/bin/python docs/make_help_pictures.py
"""

import argparse
import functools
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIDE = 128  # what the embedded model was made for
SEED, STEPS, CFG = 1, 20, 5.0  # those of the templates
SETTINGS = {"sampler_name": "euler", "scheduler": "normal"}


def comfyui_argument(parser: argparse.ArgumentParser) -> None:
    """Adds ``--comfyui``."""
    found = sorted((ROOT / ".cache").glob("comfyui-*/main.py"))
    default = found[-1].parent if found else None
    parser.add_argument("--comfyui", type=Path, default=default, help="a ComfyUI (default: the one of dev.py serve)")


def started(comfyui: Path | None) -> "RealRuns":
    """Loads ComfyUI and the pack into this process."""
    if comfyui is None:
        raise SystemExit("There is no ComfyUI in this folder: run python3 dev.py serve once, or give --comfyui DIR.")
    sys.path.insert(0, str(comfyui))
    sys.argv = ["main.py", "--cpu", "--use-pytorch-cross-attention"]
    spec = importlib.util.spec_from_file_location("p2p", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    pack = importlib.util.module_from_spec(spec)
    sys.modules["p2p"] = pack
    spec.loader.exec_module(pack)
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.utils
    import torch

    comfy.utils.PROGRESS_BAR_ENABLED = False
    torch.inference_mode().__enter__()  # as ComfyUI runs nodes, until this process ends
    return RealRuns()


class RealRuns:
    """Short names for graphs of one sampler. Inputs that are not given have the node's own defaults."""

    def __init__(self) -> None:
        self.model, self.clip, self.vae = self.node("mini_sdxl", "P2PMiniSDXL")

    def node(self, module: str, name: str, **inputs) -> tuple:
        """The outputs of one node of the pack."""
        node = getattr(importlib.import_module(f"p2p.nodes.{module}"), name)
        defaults = {
            given.id: given.default
            for given in node.define_schema().inputs
            if getattr(given, "default", None) is not None
        }
        return node.execute(**{**defaults, **inputs}).args

    @functools.cache  # noqa: B019 - one object for the life of the process
    def prompt(self, text: str) -> list:
        """A prompt of P2P Text Encode."""
        return self.node("text_encode", "P2PTextEncode", clip=self.clip, text=text)[0]

    def replace(self, source: str, target: str, **settings):
        """A word swap."""
        prompts = {"source": self.prompt(source), "target": self.prompt(target)}
        return self.node("replace", "P2PReplaceController", **prompts, **settings)[0]

    def refine(self, source: str, target: str, **settings):
        """Words added."""
        prompts = {"source": self.prompt(source), "target": self.prompt(target)}
        return self.node("refine", "P2PRefineController", **prompts, **settings)[0]

    def reweight(self, prompt: str, scales: str):
        """Words of one prompt turned up or down."""
        return self.node("reweight", "P2PReweightController", scales=scales, conditioning=self.prompt(prompt))[0]

    def move(self, prompt: str, word: str, offset_x: float = 0.0, offset_y: float = 0.0, **settings):
        """A word of one prompt moved."""
        where = {"word": word, "offset_x": offset_x, "offset_y": offset_y, "conditioning": self.prompt(prompt)}
        return self.node("move", "P2PMoveController", **where, **settings)[0]

    def local_blend(self, controller, **settings):
        """An edit that stays local."""
        return self.node("local_blend", "P2PLocalBlend", controller=controller, **settings)[0]

    def guided(self, prompt: str, words: str, model=None, rows: int = 1, seed: int = SEED, **settings):
        """The latents of one prompt whose words are guided."""
        inputs = {"model": model or self.model, "words": words, **settings}
        guided = self.node("attention_guidance", "P2PAttentionGuidance", **inputs)[0]
        return self.plain(prompt, rows, guided, seed=seed)

    def combine(self, first, second):
        """Two edits of one source."""
        return self.node("combine", "P2PCombine", first=first, second=second)[0]

    def edited(self, controller, rows: int = 1, model=None, **sampling):
        """The latents of an edit: of each picture first the source, then the targets."""
        inputs = {"controller": controller, "negative": self._negative(), "latent": self._empty(rows)}
        return self._sampled(*self.node("apply", "P2PApply", model=model or self.model, **inputs), **sampling)

    def controlled(self, controller, control):
        """The latents of an edit under the embedded model's ControlNet and a control picture."""
        inputs = {"controller": controller, "negative": self._negative(), "latent": self._empty(1)}
        model, positive, negative, latent = self.node("apply", "P2PApply", model=self.model, **inputs)
        network = self.node("mini_extras", "P2PMiniControlNet")[0]
        given = (positive, negative, network, control, 1.0, 0.0, 1.0)
        positive, negative = self._stock().ControlNetApplyAdvanced().apply_controlnet(*given)
        return self._sampled(model, positive, negative, latent)

    def plain(self, prompt: str, rows: int = 1, model=None, **sampling):
        """The latents of one prompt without an edit."""
        return self._sampled(model or self.model, self.prompt(prompt), self._negative(), self._empty(rows), **sampling)

    @functools.cache  # noqa: B019
    def recorded(self, prompt: str, **settings):
        """(record, latents) of one prompt."""
        model, record = self.node("record", "P2PRecord", model=self.model, **settings)
        return record, self.plain(prompt, model=model)

    def replayed(self, controller, record, latents):
        """The latents of the targets of an edit of a recorded source."""
        inputs = {"controller": controller, "negative": self._negative(), "latent": {"samples": latents}}
        return self._sampled(*self.node("apply", "P2PApply", model=self.model, record=record, **inputs))

    def pictures(self, latents):
        """(b, height, width, 3) in 0..1."""
        return self._stock().VAEDecode().decode(self.vae, {"samples": latents})[0]

    def _stock(self):
        return importlib.import_module("nodes")

    @functools.cache  # noqa: B019
    def _negative(self) -> list:
        return self._stock().CLIPTextEncode().encode(self.clip, "")[0]

    def _empty(self, rows: int) -> dict:
        return self._stock().EmptyLatentImage().generate(SIDE, SIDE, rows)[0]

    def _sampled(self, model, positive, negative, latent, seed: int = SEED, **sampling):
        given = {"denoise": 1.0, **sampling}
        result = self._stock().common_ksampler(
            model,
            seed,
            STEPS,
            CFG,
            SETTINGS["sampler_name"],
            SETTINGS["scheduler"],
            positive,
            negative,
            latent,
            **given,
        )
        return result[0]["samples"]


def images(pictures) -> Sequence:
    """(b, height, width, 3) in 0..1 as pictures of Pillow."""
    from PIL import Image

    return [Image.fromarray((picture.clamp(0, 1) * 255).round().byte().numpy()) for picture in pictures]
