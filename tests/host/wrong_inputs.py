"""A table of what a user can get wrong, node by node: what is changed in good inputs, and the sentence that follows."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from p2p.mini_sdxl.builder import load as load_mini
from p2p.nodes.attention_files import SUFFIX
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.record import P2PRecord
from p2p.nodes.record_files import SUFFIX as RECORD_SUFFIX

from .graph import SOURCE, TARGET, applied, empty_latent, outputs, plain_text, replace_controller, sample, text

NAN, INF = float("nan"), float("inf")


class Good:
    """Objects that are right, shared by all cases: what a case changes must not harm them."""

    def __init__(self, setup: tuple, other_clip) -> None:
        model, self.clip, self.vae = setup
        self.other_clip = other_clip
        self.model = model.clone()
        self.calls = calls = []

        def counting(function, call):
            calls.append(call["timestep"])
            return function(call["input"], call["timestep"], **call["c"])

        self.model.set_model_unet_function_wrapper(counting)
        self.source, self.target = text(self.clip, SOURCE), text(self.clip, TARGET)
        self.negative, self.latent = plain_text(self.clip, ""), empty_latent(64, 64)
        self.controller = replace_controller(self.clip)
        self.mask = torch.zeros(1, 64, 64)
        self.mask[:, 16:48, 16:48] = 1
        watching, self.store = outputs(P2PAttentionStore, **self.inputs_of("P2PAttentionStore"))
        sample(watching, self.source, self.negative, self.latent, steps=1)
        recording, self.record = outputs(P2PRecord, **self.inputs_of("P2PRecord"))
        made = sample(recording, self.source, self.negative, self.latent, steps=1)
        self.recorded_latent = {"samples": made}
        self.image = torch.rand(1, 64, 64, 3)
        self.mini_model = load_mini("fp32")[0]

    def run(self) -> torch.Tensor:
        return sample(*applied(self.model, self.clip, self.controller, self.latent), steps=2)

    def inputs_of(self, node: str) -> dict:
        """Good inputs of every node, all that it has."""
        following = {"source": "source", "target": "target"}
        chained = {"controller": "controller"}
        objects = {
            "P2PTextEncode": {"clip": "clip"},
            "P2PTagPrompt": {"clip": "clip", "conditioning": "source"},
            "P2PReplaceController": following,
            "P2PRefineController": following,
            "P2PReweightController": chained,
            "P2PMoveController": chained,
            "P2PLocalBlend": chained,
            "P2PCombine": {"first": "controller", "second": "controller"},
            "P2PApply": {**chained, "model": "model", "negative": "negative", "latent": "latent"},
            "P2PRecord": {"model": "model"},
            "P2PSaveRecord": {"record": "record", "latent": "recorded_latent"},
            "P2PAttentionStore": {"model": "model"},
            "P2PAttentionGuidance": {"model": "model"},
            "P2PAttentionMaps": {"attention": "store", "image": "image"},
            "P2PSaveAttention": {"attention": "store", "latent": "latent"},
            "P2PMiniLora": {"model": "mini_model"},
            "P2PAdjustMove": {"record": "record", "latent": "latent"},
            "P2PAdjustScale": {"record": "record", "latent": "latent"},
            "P2PAdjustBlend": {"record": "record", "latent": "latent"},
            "P2PAdjustMask": {"record": "record", "mask": "mask", "latent": "latent"},
        }
        return {**{name: getattr(self, own) for name, own in objects.get(node, {}).items()}, **_WIDGETS.get(node, {})}


_FOLLOWING = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": "dog: 0-0.4"}
_WIDGETS = {
    "P2PTextEncode": {"text": SOURCE},
    "P2PTagPrompt": {"text": SOURCE},
    "P2PReplaceController": _FOLLOWING,
    "P2PRefineController": _FOLLOWING,
    "P2PReweightController": {"scales": "dog: 2"},
    "P2PMoveController": {"word": "dog", "offset_x": 0.25, "offset_y": 0.0, "scale": 1.0, "start": 0.0, "end": 0.5},
    "P2PLocalBlend": {
        "target_words": "", "source_words": "", "keep_words": "", "threshold": 0.3, "threshold_rule": "max",
        "start": 0.2,
    },
    "P2PRecord": {
        "keep": "everything", "words": "", "cross_grids": "all", "self_grids": "coarse", "start": 0.0, "end": 1.0,
        "resolution": "full", "precision": "fp16", "keep_in": "memory", "budget": 8192,
    },
    "P2PSaveRecord": {"filename_prefix": "record"},
    "P2PLoadRecord": {"file": f"record_00001_{RECORD_SUFFIX} [output]"},
    "P2PAttentionStore": {
        "words": "", "prompt": "positive", "largest_grid": "medium", "start": 0.0, "end": 1.0, "keep_steps": False,
    },
    "P2PAttentionGuidance": {
        "words": "cat", "objective": "be present", "scale": 1.0, "start": 0.0, "end": 0.5, "iterations": 1, "x": 0.5,
        "y": 0.5, "width": 0.4, "height": 0.4, "largest_grid": "coarse",
    },
    "P2PAttentionMaps": {
        "words": "cat", "layout": "grid", "opacity": 0.6, "scale": "per word", "threshold": 0.5, "refine": 0,
    },
    "P2PSaveAttention": {"filename_prefix": "maps"},
    "P2PLoadAttention": {"file": f"maps_00001_{SUFFIX} [output]"},
    "P2PMiniSDXL": {"precision": "fp32"},
    "P2PMiniLora": {"strength": 1.0},
    "P2PAdjustMove": {"word": "cat", "offset_x": 0.25, "offset_y": 0.0, "scale": 1.0},
    "P2PAdjustScale": {"scales": "cat: 2"},
    "P2PAdjustBlend": {"word": "cat", "with_word": "grass", "amount": 0.5},
    "P2PAdjustMask": {"word": "cat", "strength": 0.3},
    "P2PMiniControlNet": {"precision": "fp32"},
}  # fmt: skip


@dataclass(frozen=True)
class Wrong:
    """One mistake.

    Attributes:
        name: of the case.
        node: the node that refuses.
        inputs: what differs from good inputs; a function is called with the good objects.
        sentence: the part of it that names the thing, and the part that says what to do; regular expressions.
    """

    name: str
    node: str
    inputs: Mapping[str, object] = field(repr=False)
    sentence: tuple[str, str]

    @property
    def depends_on_a_prompt(self) -> bool:
        """Texts that are right in themselves: only the node that has the prompt, or the maps, can refuse them."""
        return bool(re.search("in the prompt|names no word|occurrence 2|No map of|All words", self.sentence[0]))

    def given(self, good: Good) -> dict:
        changed = {name: value(good) if callable(value) else value for name, value in self.inputs.items()}
        return {**good.inputs_of(self.node), **changed}


@dataclass(frozen=True)
class WrongGraph:
    """One mistake that only the sampler can see: a run, and what it says."""

    name: str
    run: Callable[[Good], object] = field(repr=False)
    sentence: tuple[str, str]


def _number(node: str, display: str, name: str, wrong: float, low: str, high: str) -> Wrong:
    # The host makes 2.0 of the 2 that a graph has.
    sentence = (
        rf"^The input {name} of {display} is {wrong}(\.0)?:",
        rf"give a (whole )?number from {low} to {high}\.$",
    )
    return Wrong(f"{display}: {name} {wrong}", node, {name: wrong}, sentence)


def _choice(node: str, display: str, name: str, options: str) -> Wrong:
    sentence = (rf'^The input {name} of {display} is "other":', f"choose {options}")
    return Wrong(f"{display}: unknown {name}", node, {name: "other"}, sentence)


def _no_text(node: str, display: str, name: str, value: object = 3) -> Wrong:
    return Wrong(
        f"{display}: {name} {value} is no text",
        node,
        {name: value},
        (f"^The input {name} of {display}", "give it a text"),
    )


REPLACE, REFINE, BLEND = "P2P Replace", "P2P Refine", "P2P Local Blend"
GUIDANCE = "P2P Attention Guidance"
ADJUSTED_MOVE, ADJUSTED_SCALE = "P2P Adjust: Move a Word", "P2P Adjust: Scale Words"
ADJUSTED_BLEND, ADJUSTED_MASK = "P2P Adjust: Blend Two Words", "P2P Adjust: Draw a Word's Map"
REWEIGHT, MOVE, STORE, MAPS = "P2P Reweight", "P2P Move a Word", "P2P Attention Store", "P2P Attention Maps"
RECORD = "P2P Record"

NUMBERS = [
    _number("P2PTextEncode", "P2P Text Encode", "width", -1, "0", "16384"),
    _number("P2PTextEncode", "P2P Text Encode", "target_height", 10**9, "0", "16384"),
    _number("P2PTextEncode", "P2P Text Encode", "crop_w", 1.5, "0", "16384"),
    _number("P2PTextEncode", "P2P Text Encode", "crop_h", -5, "0", "16384"),
    _number("P2PTextEncode", "P2P Text Encode", "height", NAN, "0", "16384"),
    _number("P2PTextEncode", "P2P Text Encode", "target_width", 20000, "0", "16384"),
    *(_number("P2PReplaceController", REPLACE, "cross_start", wrong, "0", "1") for wrong in (NAN, -0.1, INF)),
    _number("P2PReplaceController", REPLACE, "self_end", 1.01, "0", "1"),
    _number("P2PRefineController", REFINE, "cross_end", NAN, "0", "1"),
    _number("P2PRefineController", REFINE, "self_start", 2, "0", "1"),
    *(_number("P2PMoveController", MOVE, "offset_x", wrong, "-1", "1") for wrong in (NAN, -INF, 1.5)),
    _number("P2PMoveController", MOVE, "offset_y", -2, "-1", "1"),
    *(_number("P2PMoveController", MOVE, "scale", wrong, "0.25", "4") for wrong in (NAN, 0.0, -1.0, 5)),
    _number("P2PMoveController", MOVE, "end", NAN, "0", "1"),
    *(_number("P2PLocalBlend", BLEND, "threshold", wrong, "0", "1") for wrong in (NAN, -0.3, 1.2)),
    _number("P2PLocalBlend", BLEND, "start", INF, "0", "1"),
    _number("P2PRecord", RECORD, "start", NAN, "0", "1"),
    _number("P2PRecord", RECORD, "end", 1.5, "0", "1"),
    *(_number("P2PRecord", RECORD, "budget", wrong, "1", r"1e\+06") for wrong in (0, -8192, NAN, 10**9)),
    _number("P2PAttentionStore", STORE, "start", NAN, "0", "1"),
    _number("P2PAttentionStore", STORE, "end", 3.0, "0", "1"),
    *(_number("P2PAttentionGuidance", GUIDANCE, "scale", wrong, "0", "10") for wrong in (NAN, -1.0, 11)),
    *(_number("P2PAttentionGuidance", GUIDANCE, "iterations", wrong, "1", "20") for wrong in (0, 21)),
    _number("P2PAttentionGuidance", GUIDANCE, "x", -0.1, "0", "1"),
    _number("P2PAttentionGuidance", GUIDANCE, "y", 1.5, "0", "1"),
    _number("P2PAttentionGuidance", GUIDANCE, "width", 0.0, "0.02", "1"),
    _number("P2PAttentionGuidance", GUIDANCE, "height", NAN, "0.02", "1"),
    _number("P2PAttentionGuidance", GUIDANCE, "start", INF, "0", "1"),
    _number("P2PAttentionGuidance", GUIDANCE, "end", 2.5, "0", "1"),
    _number("P2PAttentionMaps", MAPS, "opacity", NAN, "0", "1"),
    _number("P2PAttentionMaps", MAPS, "threshold", 1.5, "0", "1"),
    _number("P2PAttentionMaps", MAPS, "refine", -1, "0", "16"),
    _number("P2PAttentionMaps", MAPS, "refine", 1.5, "0", "16"),
    _number("P2PAttentionMaps", MAPS, "step", -2, "-1", "10000"),
    *(_number("P2PMiniLora", "P2P Mini LoRA", "strength", wrong, "-2", "2") for wrong in (NAN, 2.5, -INF)),
    *(_number("P2PAdjustMove", ADJUSTED_MOVE, "offset_x", wrong, "-1", "1") for wrong in (NAN, 1.5)),
    _number("P2PAdjustMove", ADJUSTED_MOVE, "offset_y", -2, "-1", "1"),
    *(_number("P2PAdjustMove", ADJUSTED_MOVE, "scale", wrong, "0.25", "4") for wrong in (0.0, INF)),
    _number("P2PAdjustBlend", ADJUSTED_BLEND, "amount", 1.5, "0", "1"),
    _number("P2PAdjustMask", ADJUSTED_MASK, "strength", -0.5, "0", "1"),
    Wrong("a number as text", "P2PMoveController", {"offset_x": "0.25"}, (r'offset_x .* is "0.25"', "give a number")),
    Wrong("no number at all", "P2PLocalBlend", {"threshold": None}, ("threshold .* is nothing", "give a number")),
    Wrong("a switch for a number", "P2PReplaceController", {"cross_end": True}, ("cross_end .* True", "give a number")),
]

CHOICES = [
    _choice("P2PReplaceController", REPLACE, "self_attention", "inject, mutual, off"),
    _choice("P2PReplaceController", REPLACE, "self_grids", "coarse, medium, all"),
    _choice("P2PRefineController", REFINE, "self_attention", "inject, mutual, off"),
    _choice("P2PRefineController", REFINE, "self_grids", "coarse, medium, all"),
    _choice("P2PLocalBlend", BLEND, "threshold_rule", "max, quantile"),
    _choice("P2PLocalBlend", BLEND, "mask_mode", "union, intersection, instead"),
    _choice("P2PLocalBlend", BLEND, "grids", "coarse, medium, all"),
    _choice("P2PApply", "P2P Apply", "controlnet_prompt", "target, source"),
    _choice("P2PRecord", RECORD, "keep", "everything, key words"),
    _choice("P2PRecord", RECORD, "cross_grids", "coarse, medium, all"),
    _choice("P2PRecord", RECORD, "self_grids", "none, coarse, medium, all"),
    _choice("P2PRecord", RECORD, "resolution", "full, half, quarter"),
    _choice("P2PRecord", RECORD, "precision", "int8, fp16, fp32"),
    _choice("P2PRecord", RECORD, "keep_in", "memory, graphics card, file"),
    _choice("P2PAttentionStore", STORE, "prompt", "positive, negative, both"),
    _choice("P2PAttentionStore", STORE, "largest_grid", "coarse, medium, all"),
    _choice("P2PAttentionGuidance", GUIDANCE, "objective", "be present, be here, be this big"),
    _choice("P2PAttentionGuidance", GUIDANCE, "largest_grid", "coarse, medium, all"),
    _choice("P2PAttentionMaps", MAPS, "layout", "grid, one word, blend"),
    _choice("P2PAttentionMaps", MAPS, "scale", "per word, shared"),
    _choice("P2PMiniSDXL", "P2P Mini SDXL", "precision", "auto, fp32, fp16"),
    _choice("P2PMiniControlNet", "P2P Mini ControlNet", "precision", "auto, fp32, fp16"),
]


def _text(name: str, node: str, field_name: str, value: str, says: str, do: str) -> Wrong:
    return Wrong(f"{node}: {name} {value[:20]!r}", node, {field_name: value}, (says, do))


def _windows(value: str, says: str, do: str) -> list[Wrong]:
    nodes = ("P2PReplaceController", "P2PRefineController")
    return [_text("word_windows", node, "word_windows", value, says, do) for node in nodes]


def _scale(value: str, says: str, do: str) -> Wrong:
    return _text("scales", "P2PReweightController", "scales", value, says, do)


TEXTS = [
    *(
        _no_text(node, display, name)
        for node, display, name in (
            ("P2PTextEncode", "P2P Text Encode", "text"),
            ("P2PTagPrompt", "P2P Tag Prompt", "text"),
            ("P2PReplaceController", REPLACE, "word_windows"),
            ("P2PReweightController", REWEIGHT, "scales"),
            ("P2PMoveController", MOVE, "word"),
            ("P2PLocalBlend", BLEND, "keep_words"),
            ("P2PRecord", RECORD, "words"),
            ("P2PSaveRecord", "P2P Save Record", "filename_prefix"),
            ("P2PAttentionStore", STORE, "words"),
            ("P2PAttentionGuidance", GUIDANCE, "words"),
            ("P2PAttentionMaps", MAPS, "words"),
            ("P2PSaveAttention", "P2P Save Attention", "filename_prefix"),
            ("P2PAdjustMove", ADJUSTED_MOVE, "word"),
            ("P2PAdjustScale", ADJUSTED_SCALE, "scales"),
            ("P2PAdjustBlend", ADJUSTED_BLEND, "with_word"),
            ("P2PAdjustMask", ADJUSTED_MASK, "word"),
        )
    ),
    _no_text("P2PTextEncode", "P2P Text Encode", "text", ["a cat"]),
    *_windows("dog 0.4", '"dog 0.4" is not a window of a word', 'write "word: start-end"'),
    *_windows("dog: 0-1.5", "1.5 is outside", "use 0 to 1"),
    *_windows("dog: 0.6-0.2", "0.6-0.2 starts after its end", "swap the two"),
    *_windows("dog: 0,4", '"4" has no word', "Decimals take a point"),
    *_windows("horse: 0-0.4", '"horse" is not in the prompt "a photo of a dog on grass"', "Its words are: a, photo"),
    *_windows("dog#2: 0-0.4", '"dog#2" asks for occurrence 2', "Count from #1 to #1"),
    *_windows("dog#0: 0-0.4", "asks for occurrence 0", "count from 1"),
    *_windows(": 0.4", '": 0.4" is not a window of a word', "such as"),
    *_windows("!: 0.4", '"!" names no word', "Its words are: a, photo"),
    _scale("dog", '"dog" is not a scale of a word', 'write "word: scale"'),
    _scale("dog: two", '"dog: two" is not a scale', "such as"),
    _scale("dog: nan", '"dog: nan" is not a scale', "such as"),
    _scale("dog: 1e9", '"dog: 1e9" has a number with an exponent', "write it in full"),
    _scale("dog: 5000", "a scale goes from -100 to 100", "For example"),
    _scale("dog: 2 @ 0.9-0.1", "0.9-0.1 starts after its end", "swap the two"),
    _scale("dog: 2 @ 7", "7.0 is outside", "use 0 to 1"),
    _scale("1.6", '"1.6" has no word', "write .word: scale"),
    _scale("cat: 2", '"cat" is not in the prompt "a photo of a dog on grass"', "Its words are"),
    _scale("photo cat: 2", '"photo cat" is not in the prompt', "Its words are"),
    _text("word", "P2PMoveController", "word", "", "word is empty", "give the word of the prompt"),
    _text("word", "P2PMoveController", "word", " , ", "word is empty", "give the word of the prompt"),
    _text("word", "P2PMoveController", "word", "dgo", '"dgo" is not in the prompt', 'Did you mean "dog"'),
    _text("word", "P2PMoveController", "word", "dog#0", "occurrence 0", "count from 1"),
    _text("target_words", "P2PLocalBlend", "target_words", "cat", '"cat" is not in the prompt', "Its words are"),
    _text("source_words", "P2PLocalBlend", "source_words", "dog", '"dog" is not in the prompt', "Its words are"),
    _text("keep_words", "P2PLocalBlend", "keep_words", "tree", '"tree" is not in the prompt', "Its words are"),
    _text("keep_words", "P2PLocalBlend", "keep_words", "#2", '"#2"', "cat, teddy bear, dog#2"),
    _text("words", "P2PRecord", "words", "dog#0", "occurrence 0", "count from 1"),
    _text("words", "P2PAttentionStore", "words", "dog#0", "occurrence 0", "count from 1"),
    _text("words", "P2PAttentionGuidance", "words", "", "words is empty", "give the words of the prompt"),
    _text("words", "P2PAttentionGuidance", "words", "dog#0", "occurrence 0", "count from 1"),
    _text("words", "P2PAttentionMaps", "words", "horse", 'No map of "horse" was recorded', "Choose one of these"),
    _text("words", "P2PAttentionMaps", "words", "cat#0", "occurrence 0", "count from 1"),
    *(
        _text("word", node, "word", word, says, do)
        for node in ("P2PAdjustMove", "P2PAdjustBlend", "P2PAdjustMask")
        for word, says, do in (
            ("", "word is empty", "give a word of the recorded prompt"),
            ("dog", '"dog" is not in the prompt "a photo of a cat on grass"', "Its words are: a, photo"),
            ("cat#0", "occurrence 0", "count from 1"),
        )
    ),
    _text("with_word", "P2PAdjustBlend", "with_word", " ", "with_word is empty", "give a word of the recorded prompt"),
    _text("with_word", "P2PAdjustBlend", "with_word", "cat, grass", "with_word names 2 words", "give one word"),
    _text("with_word", "P2PAdjustBlend", "with_word", "dog", '"dog" is not in the prompt', "Its words are"),
    _text("scales", "P2PAdjustScale", "scales", "", "scales is empty", 'write "word: factor"'),
    _text("scales", "P2PAdjustScale", "scales", "cat", '"cat" is not a scale of a word', 'write "word: scale"'),
    _text("scales", "P2PAdjustScale", "scales", "cat: 2 @ 0-0.5", '"cat" has a window', "take the at sign"),
    _text("scales", "P2PAdjustScale", "scales", "dog: 2", '"dog" is not in the prompt', "Its words are"),
    _text("text", "P2PTagPrompt", "text", "a cat " * 60, "makes 154 tokens of .* has 77", "give P2P Tag Prompt the"),
    _text("prefix", "P2PSaveAttention", "filename_prefix", "../x", '"../x" leaves the output', "write one inside it"),
    _text("prefix", "P2PSaveAttention", "filename_prefix", "", '"" names no file', "write one such as"),
    _text("prefix", "P2PSaveRecord", "filename_prefix", "../x", '"../x" leaves the output', "write one inside it"),
    _text("prefix", "P2PSaveRecord", "filename_prefix", "", '"" names no file', "write one such as"),
    *(
        _text("file", "P2PLoadRecord", "file", file, says, do)
        for file, says, do in (
            ("../x" + RECORD_SUFFIX, "outside the input folder", "move the file there"),
            ("maps" + SUFFIX, '"maps.attention.safetensors" is no file of', "choose one whose name ends in .record"),
            ("gone" + RECORD_SUFFIX, 'There is no file "gone', "choose another one"),
        )
    ),
    _text("file", "P2PLoadAttention", "file", "../x" + SUFFIX, "outside the input folder", "move the file there"),
    _text("file", "P2PLoadAttention", "file", "model.ckpt", '"model.ckpt" is no file of', "choose one whose name"),
    _text("file", "P2PLoadAttention", "file", "gone" + SUFFIX, 'There is no file "gone', "choose another one"),
    Wrong("file: a number", "P2PLoadAttention", {"file": 3}, ('"3" is no file of this kind', "choose one whose")),
    *(
        Wrong(f"{node}: {name}", node, {start: 0.9, end: 0.2}, (rf"{start} \(0.9\) is after {end} \(0.2\)", "swap"))
        for node, start, end, name in (
            ("P2PReplaceController", "cross_start", "cross_end", "cross window reversed"),
            ("P2PReplaceController", "self_start", "self_end", "self window reversed"),
            ("P2PRefineController", "cross_start", "cross_end", "cross window reversed"),
            ("P2PRefineController", "self_start", "self_end", "self window reversed"),
            ("P2PMoveController", "start", "end", "window reversed"),
        )
    ),
    Wrong("record: no words", "P2PRecord", {"keep": "key words", "words": " , "},
          ("keep is set to key words, but words is empty", "name the words of the prompt .*, or set keep to every")),
    Wrong("record: window reversed", "P2PRecord", {"start": 0.9, "end": 0.2},
          (r"start \(0.9\) is not before end \(0.2\)", "give a later end")),
    Wrong("store: window reversed", "P2PAttentionStore", {"start": 0.9, "end": 0.2},
          (r"start \(0.9\) is not before end \(0.2\)", "give a later end")),
    Wrong("guidance: empty window", "P2PAttentionGuidance", {"start": 0.5, "end": 0.5},
          ("nothing would be guided", "give a later end")),
    Wrong("store: empty window", "P2PAttentionStore", {"start": 0.5, "end": 0.5},
          ("nothing would be recorded", "give a later end")),
    Wrong("threshold 1", "P2PLocalBlend", {"threshold": 1.0}, ("With threshold 1 no place", "give less")),
    Wrong("all words kept", "P2PLocalBlend", {"keep_words": "dog, cat"}, ("All words that may change", "take them")),
]  # fmt: skip
