"""Mistakes that can be made in a random valid graph. Each changes the graph, or tells that it does not fit to it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from .random_graphs import Graph

Prompt = dict[str, dict]
CONTROLLERS = (
    "P2PReplaceController", "P2PRefineController", "P2PReweightController", "P2PMoveController", "P2PLocalBlend",
    "P2PCombine",
)  # fmt: skip
FOLLOWING = ("P2PReplaceController", "P2PRefineController")
SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced")
NO_WORD = "xyzzy"


@dataclass(frozen=True)
class Made:
    """A mistake that was made: in which node, what must be said, about which input, and by whom."""

    node: str
    sentence: tuple[str, ...]
    input: str
    refusing: tuple[str, ...]


Mistake = Callable[[Prompt, random.Random, Graph], Made | None]


def _some(prompt: Prompt, chance: random.Random, *classes: str) -> str | None:
    found = [identity for identity, node in prompt.items() if node["class_type"] in classes]
    return chance.choice(found) if found else None


def _set(prompt: Prompt, node: str, sentence: tuple[str, ...], *later: str, **inputs: object) -> Made:
    prompt[node]["inputs"] |= inputs
    return Made(node, sentence, next(iter(inputs)), (prompt[node]["class_type"], *later))


def _add(prompt: Prompt, class_type: str, **inputs: object) -> list:
    identity = f"added {len(prompt)}"
    prompt[identity] = {"class_type": class_type, "inputs": inputs}
    return [identity, 0]


def _clip(prompt: Prompt) -> list:
    return [next(identity for identity, node in prompt.items() if node["class_type"] == "P2PMiniSDXL"), 1]


def unknown_word(prompt, chance, graph):
    node = _some(prompt, chance, *FOLLOWING, "P2PReweightController", "P2PMoveController", "P2PLocalBlend")
    if node is None:
        return None
    name, text = {
        "P2PReweightController": ("scales", f"{NO_WORD}: 2"),
        "P2PMoveController": ("word", NO_WORD),
        "P2PLocalBlend": (chance.choice(["target_words", "source_words", "keep_words"]), NO_WORD),
    }.get(prompt[node]["class_type"], ("word_windows", f"{NO_WORD}: 0-0.5"))
    sentence = (f'"{NO_WORD}" is not in the prompt "', "Its words are: ")
    return _set(prompt, node, sentence, **{name: text})


def unreadable_line(prompt, chance, graph):
    node = _some(prompt, chance, *FOLLOWING, "P2PReweightController")
    if node is None:
        return None
    line = chance.choice(["photo", "photo: ", "photo: much", "photo = 2", "photo: 1..2", ": 1"])
    if prompt[node]["class_type"] == "P2PReweightController":
        return _set(prompt, node, ("is not a scale of a word", 'write "word: scale"'), scales=line)
    return _set(prompt, node, ("is not a window of a word", 'write "word: start-end"'), word_windows=line)


def number_out_of_range(prompt, chance, graph):
    wrong = {
        "P2PTextEncode": ("width", -8), "P2PMiniLora": ("strength", 3.0), "P2PMoveController": ("scale", 9.0),
        "P2PLocalBlend": ("threshold", 1.5), "P2PAttentionStore": ("end", 1.5), "P2PAttentionMaps": ("opacity", -1.0),
        "P2PReplaceController": ("cross_end", 7), "P2PRefineController": ("self_start", -0.5),
    }  # fmt: skip
    node = _some(prompt, chance, *wrong)
    if node is None:
        return None
    name, value = wrong[prompt[node]["class_type"]]
    return _set(prompt, node, (f"The input {name} of .* is {value}", "give a (whole )?number from"), **{name: value})


def choice_that_is_none(prompt, chance, graph):
    wrong = {
        "P2PMiniSDXL": "precision", "P2PLocalBlend": "threshold_rule", "P2PAttentionStore": "largest_grid",
        "P2PAttentionMaps": "layout", "P2PApply": "controlnet_prompt", "P2PReplaceController": "self_attention",
    }  # fmt: skip
    node = _some(prompt, chance, *wrong)
    if node is None:
        return None
    name = wrong[prompt[node]["class_type"]]
    return _set(prompt, node, (f'The input {name} of .* is "best"', "choose "), **{name: "best"})


def window_reversed(prompt, chance, graph):
    node = _some(prompt, chance, *FOLLOWING, "P2PMoveController")
    if node is None:
        return None
    prefix = "" if prompt[node]["class_type"] == "P2PMoveController" else chance.choice(["cross_", "self_"])
    inputs = {f"{prefix}start": 0.7, f"{prefix}end": 0.2}
    return _set(prompt, node, (rf"{prefix}start \(0.7\) is after {prefix}end \(0.2\)", "swap the two"), **inputs)


def recording_never(prompt, chance, graph):
    node = _some(prompt, chance, "P2PAttentionStore")
    sentence = ("is not before end", "give a later end")
    return None if node is None else _set(prompt, node, sentence, start=0.6, end=0.6)


def link_of_another_kind(prompt, chance, graph):
    node = _some(prompt, chance, *CONTROLLERS, "P2PApply", "P2PAttentionStore", "P2PAttentionMaps", "P2PTextEncode")
    links = [name for name, value in prompt[node]["inputs"].items() if isinstance(value, list)]
    name = chance.choice(links)
    return _set(prompt, node, ("",), **{name: _add(prompt, "EmptySD3LatentImage", width=64, height=64, batch_size=1)
                if name != "latent" else [_clip(prompt)[0], 1]})  # fmt: skip


def link_left_out(prompt, chance, graph):
    node = _some(prompt, chance, *FOLLOWING, "P2PCombine", "P2PApply", "P2PAttentionStore", "P2PTextEncode")
    links = [name for name, value in prompt[node]["inputs"].items() if isinstance(value, list)]
    name = chance.choice(links)
    del prompt[node]["inputs"][name]
    return Made(node, ("",), name, (prompt[node]["class_type"],))


def model_without_edits(prompt, chance, graph):
    """All samplers and guiders get the model from before P2P Apply."""
    before = next(node["inputs"]["model"] for node in prompt.values() if node["class_type"] == "P2PApply")
    return _on_all_samplers(
        prompt, "model", before,
        ("got the positive conditioning of P2P Apply without its model", "connect the model output of the same"),
    )  # fmt: skip


def positive_without_edits(prompt, chance, graph):
    plain = _add(prompt, "CLIPTextEncode", clip=_clip(prompt), text="a photo")
    sentence = ("got the model of P2P Apply without its positive", "connect the positive output of the same P2P Apply")
    return _on_all_samplers(prompt, ("positive", "conditioning", "cond1"), plain, sentence)


def latent_from_before(prompt, chance, graph):
    if graph.batch % graph.rows == 0:
        return None
    apply = _some(prompt, chance, "P2PApply")
    sentence = (f"The latent has {graph.batch} rows", "connect the latent output of P2P Apply")
    old, new = [apply, 3], prompt[apply]["inputs"]["latent"]
    node = next((one for one, of in prompt.items() if of["inputs"].get("latent_image") == old), None)
    if node is None:
        return None
    prompt[node]["inputs"]["latent_image"] = new
    return Made(node, sentence, "latent_image", SAMPLERS)


def _on_all_samplers(prompt: Prompt, names, link: list, sentence: tuple[str, ...]) -> Made | None:
    names = (names,) if isinstance(names, str) else names
    kinds = ("KSampler", "KSamplerAdvanced", "SamplerCustom", "CFGGuider", "BasicGuider", "DualCFGGuider")
    changed = None
    for identity, node in prompt.items():
        if node["class_type"] in kinds:
            for name in set(names) & set(node["inputs"]):
                node["inputs"][name] = link
                changed = changed or Made(identity, sentence, name, SAMPLERS)
    return changed


def both_ends_of_a_chain(prompt, chance, graph):
    node = _some(prompt, chance, "P2PReweightController", "P2PMoveController")
    if node is None:
        return None
    inputs = prompt[node]["inputs"]
    if chance.random() < 0.5:
        inputs.pop("controller", None)
        inputs.pop("conditioning", None)
        do = "connect one of the two"
    else:
        plain = _add(prompt, "P2PTextEncode", clip=_clip(prompt), text="a cat")
        other = _add(prompt, "P2PReweightController", scales="cat: 2", conditioning=plain)
        inputs |= {"controller": inputs.get("controller", other), "conditioning": inputs.get("conditioning", plain)}
        do = "disconnect one of the two"
    return Made(node, ("needs either a controller or a conditioning", do), "controller", (prompt[node]["class_type"],))


def prompt_without_words_known(prompt, chance, graph):
    node = _some(prompt, chance, *FOLLOWING)
    if node is None:
        return None
    name = chance.choice(["source", "target"])
    plain = _add(prompt, "CLIPTextEncode", clip=_clip(prompt), text="a photo of a cat")
    sentence = (f"The {name} conditioning does not know its words", "encode the prompt with P2P Text Encode")
    return _set(prompt, node, sentence, **{name: plain})


def another_source(prompt, chance, graph):
    node = _some(prompt, chance, "P2PCombine")
    if node is None:
        return None
    other = _add(prompt, "P2PTextEncode", clip=_clip(prompt), text="quite another prompt")
    alone = _add(prompt, "P2PReweightController", scales="quite: 2", conditioning=other)
    return _set(prompt, node, ("differ", "onnect the same source|combine the same|Combine the same"), second=alone)


def nothing_may_change(prompt, chance, graph):
    node = _some(prompt, chance, "P2PLocalBlend")
    if node is None:
        return None
    if chance.random() < 0.5:
        prompt[node]["inputs"].pop("mask", None)
        prompt[node]["inputs"].pop("mask_mode", None)
        changed = {"threshold": 1.0, "threshold_rule": "max"}
        return _set(prompt, node, ("With threshold 1 no place", "give less"), **changed)
    prompt[node]["inputs"].pop("mask", None)
    mode = chance.choice(["instead", "intersection"])
    return _set(prompt, node, (f"has mask_mode {mode} but no mask", "connect one, or choose union"), mask_mode=mode)


def no_word_to_move(prompt, chance, graph):
    node = _some(prompt, chance, "P2PMoveController")
    sentence = ("word is empty", "give the word of the prompt")
    return None if node is None else _set(prompt, node, sentence, word=chance.choice(["", " ", ",,"]))


def empty_prompt_alone(prompt, chance, graph):
    apply = _some(prompt, chance, "P2PApply")
    empty = _add(prompt, "P2PTextEncode", clip=_clip(prompt), text=chance.choice(["", " ", "?!"]))
    alone = _add(prompt, "P2PReweightController", scales="cat: 2", conditioning=empty)
    prompt[apply]["inputs"]["controller"] = alone
    return Made(alone[0], ("has no words: write some first",), "scales", ("P2PReweightController",))


def no_map_of_that(prompt, chance, graph):
    node = _some(prompt, chance, "P2PAttentionMaps")
    sentence = (f'No map of "{NO_WORD}" was recorded', "Choose one of these")
    return None if node is None else _set(prompt, node, sentence, words=NO_WORD)


def step_not_kept(prompt, chance, graph):
    node = _some(prompt, chance, "P2PAttentionMaps")
    return None if node is None else _set(prompt, node, ("Step 999 was not kept", "set step to -1"), step=999)


def other_pictures(prompt, chance, graph):
    node = _some(prompt, chance, "P2PAttentionMaps")
    if node is None:
        return None
    pictures = _add(prompt, "RepeatImageBatch", image=prompt[node]["inputs"]["image"], amount=5)  # after the sampler
    return _set(prompt, node, (r"is of a batch of .* image has \d+ pictures", "whole decoded batch"), image=pictures)


def store_of_no_word(prompt, chance, graph):
    node = _some(prompt, chance, "P2PAttentionStore")
    sentence = (f'"{NO_WORD}" is not in the prompt', "Its words are")
    return None if node is None else _set(prompt, node, sentence, *SAMPLERS, words=NO_WORD)


def latent_of_a_video(prompt, chance, graph):
    apply = _some(prompt, chance, "P2PApply")
    video = _add(prompt, "EmptyHunyuanLatentVideo", width=64, height=64, length=5, batch_size=1)
    return _set(prompt, apply, ("not a batch of pictures", "edits SDXL images only"), latent=video)


def text_of_another_length(prompt, chance, graph):
    node = _some(prompt, chance, "P2PTagPrompt")
    if node is None:
        return None
    return _set(prompt, node, ("The CLIP makes .* tokens of", "give P2P Tag Prompt the CLIP"), text="very " * 160)


def folder_left(prompt, chance, graph):
    node = _some(prompt, chance, "P2PSaveAttention")
    sentence = ("leaves the output", "write one inside it")
    return None if node is None else _set(prompt, node, sentence, filename_prefix="../../outside")


MISTAKES: tuple[Mistake, ...] = (
    unknown_word, unreadable_line, number_out_of_range, choice_that_is_none, window_reversed, recording_never,
    link_of_another_kind, link_left_out, model_without_edits, positive_without_edits, latent_from_before,
    both_ends_of_a_chain, prompt_without_words_known, another_source, nothing_may_change, no_word_to_move,
    empty_prompt_alone, no_map_of_that, step_not_kept, other_pictures, store_of_no_word, latent_of_a_video,
    text_of_another_length, folder_left,
)  # fmt: skip
