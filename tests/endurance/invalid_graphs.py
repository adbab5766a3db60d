"""Graphs that must be refused: good ones with one mistake, each with the sentence that has to follow.

Half of them are the mistakes of the table of tests/host in a graph that has every node; the others are random mistakes
in random graphs.
"""

import random
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

from p2p.tests.host.graph import SOURCE, TARGET
from p2p.tests.host.wrong_inputs import CHOICES, NUMBERS, TEXTS, Wrong

from .mistakes import MISTAKES
from .random_graphs import draw

Prompt = dict[str, dict]
# What is wrong with maps is known when there are some; what is saved waits for them.
AFTER_SAMPLING = ("P2PAttentionMaps", "P2PSaveAttention", "P2PSaveRecord")


@dataclass(frozen=True)
class Invalid:
    """One graph to be refused.

    Attributes:
        node: the id of the node that is wrong.
        sentence: regular expressions that the refusal has, if it is the pack's own.
        input: the name of the input that is wrong, which a refusal by the host's validation has.
        refusing: the classes that may refuse it.
    """

    title: str
    prompt: Prompt
    sentence: tuple[str, ...]
    input: str
    refusing: tuple[str, ...]

    @property
    def is_before_sampling(self) -> bool:
        return not set(self.refusing) & set(AFTER_SAMPLING)


def whole_graph(saved: str, saved_record: str) -> Prompt:
    """Every node of the pack, with the inputs that the table's sentences are about; saved: files of attention and of a
    record."""

    def node(class_type: str, **inputs: object) -> dict:
        return {"class_type": class_type, "inputs": inputs}

    clip, source, target = ["loaded", 1], ["source", 0], ["target", 0]
    following = {
        "cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": "dog: 0-0.4",
        "self_attention": "inject", "self_grids": "coarse",
    }  # fmt: skip
    sizes = dict.fromkeys(("width", "height", "crop_w", "crop_h", "target_width", "target_height"), 0)
    sampling = {
        "seed": 1, "steps": 2, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
    }  # fmt: skip
    maps = {"layout": "grid", "opacity": 0.6, "scale": "per word", "threshold": 0.5, "refine": 0, "step": -1}
    return {
        "loaded": node("P2PMiniSDXL", precision="fp32"),
        "lora": node("P2PMiniLora", model=["loaded", 0], strength=1.0),
        "source": node("P2PTextEncode", clip=clip, text=SOURCE, **sizes),
        "plain": node("CLIPTextEncode", clip=clip, text=TARGET),
        "target": node("P2PTagPrompt", clip=clip, text=TARGET, conditioning=["plain", 0]),
        "negative": node("CLIPTextEncode", clip=clip, text=""),
        "replace": node("P2PReplaceController", source=source, target=target, **following),
        "reweight": node("P2PReweightController", scales="dog: 2", controller=["replace", 0]),
        "move": node(
            "P2PMoveController", word="dog", offset_x=0.25, offset_y=0.0, scale=1.0, start=0.0, end=0.5,
            controller=["reweight", 0],
        ),
        "blend": node(
            "P2PLocalBlend", controller=["move", 0], target_words="", source_words="", keep_words="", threshold=0.3,
            threshold_rule="max", start=0.2, mask_mode="union", grids="medium",
        ),
        "refine": node("P2PRefineController", source=source, target=target, **following),
        "combine": node("P2PCombine", first=["blend", 0], second=["refine", 0]),
        "empty": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "apply": node(
            "P2PApply", model=["lora", 0], controller=["combine", 0], negative=["negative", 0], latent=["empty", 0],
            controlnet_prompt="target",
        ),
        "store": node(
            "P2PAttentionStore", model=["apply", 0], words="", prompt="positive", largest_grid="medium", start=0.0,
            end=1.0, keep_steps=False, self_maps=False, live=False,
        ),
        "control": node("P2PMiniControlNet", precision="fp32"),
        "hint": node("EmptyImage", width=64, height=64, batch_size=1, color=0xFFFFFF),
        "controlled": node(
            "ControlNetApplyAdvanced", positive=["apply", 1], negative=["apply", 2], control_net=["control", 0],
            image=["hint", 0], strength=0.5, start_percent=0.0, end_percent=1.0,
        ),
        "sampled": node(
            "KSampler", model=["store", 0], positive=["controlled", 0], negative=["controlled", 1],
            latent_image=["apply", 3], **sampling,
        ),
        "decoded": node("VAEDecode", samples=["sampled", 0], vae=["loaded", 2]),
        "maps": node("P2PAttentionMaps", attention=["store", 1], image=["decoded", 0], words="cat", **maps),
        "save": node("P2PSaveAttention", attention=["store", 1], latent=["sampled", 0], filename_prefix="maps"),
        "pictures": node("EmptyImage", width=64, height=64, batch_size=3, color=0),
        "load": node("P2PLoadAttention", file=saved),
        "maps of a file": node("P2PAttentionMaps", attention=["load", 0], image=["pictures", 0], words="cat", **maps),
        "latents": node("SaveLatent", samples=["sampled", 0], filename_prefix="whole"),
        "record": node(
            "P2PRecord", model=["lora", 0], keep="everything", words="", cross_grids="all", self_grids="coarse",
            start=0.0, end=1.0, resolution="full", precision="fp16", keep_in="memory", budget=64,
        ),
        "recorded": node(
            "KSampler", model=["record", 0], positive=source, negative=["negative", 0], latent_image=["empty", 0],
            **sampling,
        ),
        "save record": node(
            "P2PSaveRecord", record=["record", 1], latent=["recorded", 0], filename_prefix="record"
        ),
        "load record": node("P2PLoadRecord", file=saved_record),
        "moved record": node(
            "P2PAdjustMove", record=["load record", 0], word="cat", offset_x=0.25, offset_y=0.0, scale=1.0
        ),
        "scaled record": node("P2PAdjustScale", record=["moved record", 0], scales="cat: 2"),
        "blended record": node(
            "P2PAdjustBlend", record=["scaled record", 0], word="cat", with_word="grass", amount=0.5
        ),
        "drawn": node("SolidMask", value=1.0, width=64, height=64),
        "drawn record": node(
            "P2PAdjustMask", record=["blended record", 0], mask=["drawn", 0], word="cat", strength=0.3
        ),
        "guided": node(
            "P2PAttentionGuidance", model=["lora", 0], words="cat", objective="be present", scale=1.0, start=0.0,
            end=0.5, iterations=1, x=0.5, y=0.5, width=0.4, height=0.4, largest_grid="coarse",
        ),
        "sampled with guidance": node(
            "KSampler", model=["guided", 0], positive=source, negative=["negative", 0], latent_image=["empty", 0],
            **sampling,
        ),
        "latents with guidance": node("SaveLatent", samples=["sampled with guidance", 0], filename_prefix="guided"),
        "replayed": node(
            "P2PApply", model=["lora", 0], controller=["combine", 0], negative=["negative", 0],
            latent=["load record", 1], controlnet_prompt="target", record=["drawn record", 0],
        ),
        "sampled again": node(
            "KSampler", model=["replayed", 0], positive=["replayed", 1], negative=["replayed", 2],
            latent_image=["replayed", 3], **sampling,
        ),
        "latents again": node("SaveLatent", samples=["sampled again", 0], filename_prefix="replayed"),
    }  # fmt: skip


def _can_be_sent(case: Wrong) -> bool:
    """Not those that the host puts right on the way: it makes texts of numbers, numbers of texts, 1 of 1.5."""
    values = case.inputs.values()
    is_plain = all(value is None or isinstance(value, (str, int, float)) for value in values)
    is_converted = case.name.endswith("is no text") or case.name in ("a number as text", "a switch for a number")
    return is_plain and not is_converted and 1.5 not in [v for v in values if case.inputs.keys() & {"crop_w", "refine"}]


TABLE = [case for case in [*NUMBERS, *CHOICES, *TEXTS] if _can_be_sent(case)]


def from_table(number: int, *saved: str) -> Invalid:
    """A mistake of the table of tests/host in the graph of all nodes."""
    case = TABLE[number % len(TABLE)]
    prompt = whole_graph(*saved)
    node = next(identity for identity, one in prompt.items() if one["class_type"] == case.node)
    prompt[node]["inputs"] |= case.inputs
    late = ("KSampler",) if case.node in ("P2PAttentionStore", "P2PAttentionGuidance") else ()
    return Invalid(case.name, _depending_on(prompt, node), case.sentence, next(iter(case.inputs)), (case.node, *late))


def from_random_graph(number: int) -> Invalid:
    """A mistake in a random valid graph that it fits to; every kind of mistake has its turn."""
    chance = random.Random(f"invalid {number}")
    mistake = MISTAKES[number % len(MISTAKES)]
    while True:
        graph = draw(10_000 + chance.randrange(10_000))
        prompt = deepcopy(dict(graph.runs[0]))
        made = mistake(prompt, chance, graph)
        if made is not None:
            wrong = _depending_on(prompt, made.node)
            title = f"{mistake.__name__} in graph {graph.number}"
            return Invalid(title, wrong, made.sentence, made.input, made.refusing)


def draw_invalid(number: int, *saved: str) -> Invalid:
    """Return the invalid graph of this number; ``saved`` as in ``whole_graph``."""
    return from_table(number // 2 * 7, *saved) if number % 2 == 0 else from_random_graph(number // 2)


def _depending_on(prompt: Mapping[str, dict], node: str) -> Prompt:
    """Only the outputs that need the node: the host would run the others, which are right."""
    sources = {identity: _sources(one) for identity, one in prompt.items()}
    needing = {node}
    while more := {identity for identity, of in sources.items() if of & needing} - needing:
        needing |= more
    kept = {one for one in needing if not any(one in of for of in sources.values())}
    while more := {source for one in kept for source in sources[one]} - kept:
        kept |= more
    return {identity: one for identity, one in prompt.items() if identity in kept}


def _sources(node: Mapping) -> set[str]:
    return {value[0] for value in node["inputs"].values() if isinstance(value, list)}


HOST_KINDS = (
    "value_smaller_than_min", "value_bigger_than_max", "value_not_in_list", "invalid_input_type", "bad_linked_input",
    "return_type_mismatch", "required_input_missing",
)  # fmt: skip


def complaint(invalid: Invalid, refusal) -> str | None:
    """What is wrong with a refusal; None where it is as it should be."""
    if refusal.node_type not in invalid.refusing:
        return f"{refusal.node_type} refused it, not one of {invalid.refusing}"
    own = refusal.kind == "custom_validation_failed" or refusal.kind.endswith(".P2PError")
    if own and all(re.search(part, _sentence_of(refusal, invalid)) for part in invalid.sentence):
        return None
    if refusal.kind in HOST_KINDS and refusal.before_the_queue and invalid.input in refusal.sentence:
        return None
    return "another message than it should"


def _sentence_of(refusal, invalid: Invalid) -> str:
    """Without what the host writes before the sentence of a node: which input it was asked about."""
    return re.sub(r"^Custom validation failed for node: (\w+ - )?", "", refusal.sentence)
