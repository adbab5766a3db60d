"""What each word looks at: heat maps over the pictures, and masks."""

from comfy_api.latest import io

from ..p2p_core.attention_store import AttentionRecord
from ..p2p_core.attention_words import MEAN, picture_labels, word_columns
from ..p2p_core.errors import P2PError
from ..p2p_core.grammar import parse_words
from ..p2p_core.prompt import content_key
from ..p2p_core.wording import counted
from ._host.versions import schema
from .attention_layouts import blend, contact_sheet, one_word, word_masks
from .attention_viewer import Shown, viewer_ui
from .checks import checked, problem
from .types import AttentionType

_GRID, _ONE_WORD, _BLEND = LAYOUTS = ["grid", "one word", "blend"]
_PER_WORD, _SHARED = SCALES = ["per word", "shared"]


class P2PAttentionMaps(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PAttentionMaps",
            display_name="P2P Attention Maps (Heat Maps)",
            search_aliases=["daam", "heatmap", "attention viewer", "word mask", "before and after"],
            description="Shows what each word looks at, as heat maps over the pictures, and makes a mask of each word. "
            "After a run, point at a word in the viewer of the node.",
            is_output_node=True,
            inputs=[
                AttentionType.Input("attention", tooltip="From P2P Attention Store or P2P Load Attention."),
                io.Image.Input(
                    "image",
                    tooltip="The decoded pictures of the sampler that has the store's model, all of the batch.",
                ),
                io.String.Input(
                    "words",
                    default="",
                    placeholder="cat, teddy bear, dog#2",
                    tooltip="Words or phrases separated by commas, in the order of the maps and masks; dog#2 is the "
                    "second dog. Empty: every recorded word.",
                ),
                io.Combo.Input(
                    "layout",
                    options=LAYOUTS,
                    default=_GRID,
                    tooltip="grid: one contact sheet, the words of each picture beside it. one word: the first of the "
                    "words over each picture. blend: all words over each picture, each in its own colour.",
                ),
                io.Float.Input(
                    "opacity",
                    default=0.6,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    round=0.01,
                    tooltip="Of the heat maps: 0 shows the pictures alone, 1 the maps alone.",
                ),
                io.Combo.Input(
                    "scale",
                    options=SCALES,
                    default=_PER_WORD,
                    tooltip="per word: the lightest colour is the largest value of each map, which shows its shape. "
                    "shared: it is the largest of all maps shown, so that strengths can be compared.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    round=0.001,
                    tooltip="A mask is where a map reaches this part of its largest value. Lower makes masks larger.",
                ),
                io.Int.Input(
                    "refine",
                    default=0,
                    min=0,
                    max=16,
                    tooltip="How often a map is spread along the self-attention, which makes it fill its object: 1 or "
                    "2. Needs self_maps in P2P Attention Store. 0: off.",
                ),
                io.Int.Input(
                    "step",
                    default=MEAN,
                    min=MEAN,
                    max=10_000,
                    optional=True,
                    tooltip="Which of the recorded steps, from 0, if keep_steps is on in P2P Attention Store. "
                    "-1: the mean of all.",
                ),
                io.Latent.Input(
                    "latent",
                    optional=True,
                    tooltip="The sampler's latent, to be sure: maps of another run than the one that made it are "
                    "refused. ComfyUI may keep an older picture in its cache than the store's maps are of.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="overlay", tooltip="The heat maps in the chosen layout."),
                io.Mask.Output(
                    display_name="masks",
                    tooltip="A mask per word and picture: first the first word of every picture, then the second. "
                    "Empty where a picture's prompt lacks the word.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, words=None):
        return problem(cls, {"words": words}, lambda: parse_words(words or ""))

    @classmethod
    @checked
    def execute(
        cls,
        attention,
        image,
        words="",
        layout=_GRID,
        opacity=0.6,
        scale=_PER_WORD,
        threshold=0.5,
        refine=0,
        step=MEAN,
        latent=None,
    ):
        record = attention.recorded()
        _refuse_another_run(record, latent)
        names = picture_labels(record)
        pictures = _pictures(image, len(names))
        phrases = parse_words(words)
        columns = word_columns(attention, phrases, step, refine)
        shared = scale == _SHARED
        masks = word_masks(columns, threshold, *pictures.shape[1:3])
        if layout == _ONE_WORD:
            overlay = one_word(pictures, columns[0], opacity, shared)
        elif layout == _BLEND:
            overlay = blend(pictures, columns, opacity, shared)
        else:
            overlay = contact_sheet(pictures, names, columns, opacity, shared)
        shown = Shown(phrases, step, refine, scale, opacity)
        return io.NodeOutput(overlay, masks, ui=viewer_ui(attention, pictures, shown))


def _refuse_another_run(record: AttentionRecord, latent: dict | None) -> None:
    """Where the record knows which latents it was made with, they must be these."""
    if latent is not None and record.latent and content_key(latent["samples"]) != record.latent:
        raise P2PError(
            "The maps are of another run than the latent. Connect the sampler's output, not its denoised output; if "
            "that is what is connected, the picture came from ComfyUI's cache: change the seed, or anything else of "
            "the sampler, and run again."
        )


def _pictures(image, count: int):
    """The colour channels of the pictures, (pictures, height, width, 3) float32.

    Raises:
        P2PError: another number of pictures than was recorded.
    """
    if len(image) != count:
        raise P2PError(
            f"The attention is of a batch of {count}, but image has {counted(len(image), 'picture')}: connect the "
            "whole decoded batch of the sampler that was recorded."
        )
    return image[..., :3].float().cpu().expand(-1, -1, -1, 3)


NODES = [P2PAttentionMaps]
