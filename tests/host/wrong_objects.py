"""What is connected wrongly: objects of another kind, or that do not go together, node by node and in whole graphs."""

from operator import attrgetter

import torch
from p2p.nodes.apply import P2PApply
from p2p.nodes.attention_maps import P2PAttentionMaps
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.combine import P2PCombine
from p2p.nodes.local_blend import P2PLocalBlend
from p2p.nodes.record import P2PRecord
from p2p.nodes.replace import P2PReplaceController
from p2p.nodes.reweight import P2PReweightController
from p2p.p2p_core.attention_store import AttentionStore
from p2p.p2p_core.source_record import RecordHandle

import nodes as host_nodes

from .graph import SOURCE, TARGET, applied, empty_latent, outputs, plain_text, replace_controller, sample, text
from .wrong_inputs import Good, Wrong, WrongGraph


def _without_pooled(conditioning: list) -> list:
    return [[cond, {"p2p_prompt": extras["p2p_prompt"]}] for cond, extras in conditioning]


def _batch(conditioning: list) -> list:
    return [[torch.cat([cond, cond]), extras] for cond, extras in conditioning]


def _range(conditioning: list, end: float) -> list:
    return host_nodes.ConditioningSetTimestepRange().set_range(conditioning, 0.0, end)[0]


def _other_model(good: Good):
    other = good.model.clone()
    other.model = type("Flux", (), {"diffusion_model": torch.nn.Linear(1, 1)})()
    return other


def _latent(*shape: int, value: float = 0.5) -> dict:
    return {"samples": torch.full(shape, value)}


def _masked(good: Good, mask: torch.Tensor, mode: str = "instead"):
    inputs = {**good.inputs_of("P2PLocalBlend"), "mask": mask, "mask_mode": mode}
    return outputs(P2PLocalBlend, **inputs)[0]


def _thin_line() -> torch.Tensor:
    mask = torch.zeros(1, 64, 64)
    mask[:, 10, :] = 1
    return mask


KINDS = [
    Wrong(f"{node}: {name} is {what}", node, {name: value}, (f"^The input {name} of .* is {got}", do))
    for node, name, what, value, got, do in (
        ("P2PReplaceController", "source", "no conditioning", attrgetter("clip"), "of the kind CLIP", "connect a COND"),
        ("P2PReplaceController", "source", "empty", [], "empty", "connect a COND"),
        ("P2PReplaceController", "target", "a latent", attrgetter("latent"), "of the kind dict", "connect a COND"),
        ("P2PRefineController", "target", "nothing", None, "nothing", "connect a COND"),
        ("P2PRefineController", "source", "empty", [], "empty", "connect a COND"),
        ("P2PTagPrompt", "conditioning", "empty", [], "empty", "connect a COND"),
        ("P2PReweightController", "controller", "a prompt", attrgetter("source"), "of the kind list", "connect the c"),
        ("P2PMoveController", "controller", "a store", attrgetter("store"), "of the kind Att", "connect the con"),
        ("P2PLocalBlend", "controller", "a model", attrgetter("model"), "of the kind ModelPatcher", "connect the con"),
        ("P2PLocalBlend", "mask", "flat", torch.ones(64), r"a tensor of shape \(64,\)", "connect a MASK"),
        ("P2PLocalBlend", "mask", "a picture", torch.ones(1, 64, 64, 3), "a tensor of shape", "connect a MASK"),
        ("P2PLocalBlend", "mask", "NaN", torch.full((1, 64, 64), float("nan")), "a tensor", "numbers from 0 to 1"),
        ("P2PLocalBlend", "mask", "of no pixels", torch.ones(1, 0, 64), "a tensor of shape", "connect a MASK"),
        ("P2PCombine", "second", "a prompt", attrgetter("source"), "of the kind list", "connect the c"),
        ("P2PCombine", "first", "nothing", None, "nothing", "connect the con"),
        ("P2PAttentionGuidance", "model", "a store", attrgetter("store"), "of the kind Att", "connect the MODEL"),
        ("P2PAttentionGuidance", "reference", "a latent", attrgetter("latent"), "of the kind dict", "connect the att"),
        ("P2PAttentionGuidance", "record", "attention", attrgetter("store"), "of the kind Att", "connect the record o"),
        ("P2PAttentionGuidance", "after", "a tensor", torch.zeros(1, 4, 8, 8), "a tensor", "connect a LATENT"),
        ("P2PApply", "model", "nothing", None, "nothing", "connect the MODEL"),
        ("P2PApply", "model", "of the kind CLIP", attrgetter("clip"), "of the kind CLIP", "connect the MODEL"),
        ("P2PApply", "negative", "empty", [], "empty", "connect a COND"),
        ("P2PApply", "latent", "a tensor", torch.zeros(1, 4, 8, 8), "a tensor of shape", "connect a LATENT"),
        ("P2PApply", "latent", "of no pictures", _latent(0, 4, 8, 8), "of the kind dict", "at least one picture"),
        ("P2PApply", "controller", "a prompt", attrgetter("source"), "of the kind list", "connect the c"),
        ("P2PApply", "record", "attention", attrgetter("store"), "of the kind Att", "connect the record output"),
        ("P2PRecord", "model", "nothing", None, "nothing", "connect the MODEL"),
        ("P2PSaveRecord", "record", "attention", attrgetter("store"), "of the kind Att", "connect the record output"),
        ("P2PSaveRecord", "record", "nothing", None, "nothing", "connect the record output of P2P Record"),
        ("P2PSaveRecord", "latent", "a picture", torch.rand(1, 64, 64, 3), "a tensor of shape", "connect a LATENT"),
        ("P2PAttentionStore", "model", "nothing", None, "nothing", "connect the MODEL"),
        ("P2PMiniLora", "model", "nothing", None, "nothing", "connect the MODEL"),
        ("P2PAttentionMaps", "attention", "a model", attrgetter("model"), "of the kind ModelPatcher", "connect the a"),
        ("P2PAttentionMaps", "image", "a latent", attrgetter("latent"), "of the kind dict", "connect an IMAGE"),
        ("P2PAttentionMaps", "image", "a mask", torch.ones(1, 64, 64), "a tensor of shape", "connect an IMAGE"),
        ("P2PAttentionMaps", "latent", "a picture", torch.rand(1, 64, 64, 3), "a tensor of shape", "connect a LATENT"),
        ("P2PSaveAttention", "latent", "a picture", torch.rand(1, 64, 64, 3), "a tensor of shape", "connect a LATENT"),
        ("P2PSaveAttention", "attention", "a controller", attrgetter("controller"), "of the kind Edi", "connect the"),
        *(
            (node, name, what, value, got, do)
            for node in ("P2PAdjustMove", "P2PAdjustScale", "P2PAdjustBlend", "P2PAdjustMask")
            for name, what, value, got, do in (
                ("record", "a store", attrgetter("store"), "of the kind Att", "connect the record output"),
                ("latent", "a picture", torch.rand(1, 64, 64, 3), "a tensor of shape", "connect a LATENT"),
            )
        ),
        ("P2PAdjustMask", "mask", "a picture", torch.ones(1, 64, 64, 3), "a tensor of shape", "connect a MASK"),
    )
]  # fmt: skip

OBJECTS = [
    Wrong("guidance that is to match nothing", "P2PAttentionGuidance", {"objective": "stay like this"},
          ("nothing to be like", "connect the attention of P2P Attention Store")),
    Wrong("guidance with a record that it does not use", "P2PAttentionGuidance", {"record": attrgetter("record")},
          ("which the objective be present does not use", "disconnect the record")),
    *(
        Wrong(f"the mini LoRA for {what}", "P2PMiniLora", {"model": model},
              ("is not the one of P2P Mini SDXL", "connect that, or use Load LoRA"))
        for what, model in (("another SDXL", attrgetter("model")), ("another kind of model", _other_model))
    ),
    Wrong("several masks for a word", "P2PAdjustMask", {"mask": torch.ones(2, 8, 8)},
          ("mask has 2 masks", "choose one of them")),
    Wrong("no text encoder", "P2PTextEncode", {"clip": None}, ("The clip input is empty", "Connect one that does")),
    Wrong("no text encoder to tag with", "P2PTagPrompt", {"clip": None}, ("The clip input is empty", "Connect one")),
    Wrong("an encoder that is no CLIP", "P2PTextEncode", {"clip": lambda good: good.other_clip},
          (r"This text encoder \(.*\) is not SDXL's CLIP", "needs a model with cross-attention")),
    Wrong("tagging two prompts in one batch", "P2PTagPrompt", {"conditioning": lambda good: _batch(good.source)},
          ("holds several prompts in one batch", "use one prompt each")),
    *(
        Wrong(f"{node}: {side} without words", node, {side: lambda good: plain_text(good.clip, SOURCE)},
              (f"The {side} conditioning does not know its words", "encode the prompt with P2P Text Encode"))
        for node in ("P2PReplaceController", "P2PRefineController") for side in ("source", "target")
    ),
    Wrong("two prompts against one", "P2PReplaceController", {"source": lambda good: [*good.source, *good.source]},
          ("source conditioning has 2 prompts and the target 1", "combine the same number")),
    Wrong("an extra part of the target", "P2PReplaceController",
          {"target": lambda good: [*good.target, *plain_text(good.clip, "x")]},
          ("The target conditioning has an extra part", "add it to the source too")),
    Wrong("tokens cut off", "P2PReplaceController",
          {"source": lambda good: [[cond[:, :50], extras] for cond, extras in good.source]},
          ("has 50 tokens but its prompt has 77", "Remove that node")),
    Wrong("a batch of prompts", "P2PRefineController", {"target": lambda good: _batch(good.target)},
          ("holds several prompts in one batch", "use one prompt each")),
    *(
        Wrong(f"{node}: {name}", node, inputs, (f"^{display} needs either a controller or a conditioning", do))
        for node, display in (("P2PReweightController", "P2P Reweight"), ("P2PMoveController", "P2P Move a Word"))
        for name, inputs, do in (
            ("neither controller nor prompt", {"controller": None}, r"connect one of the two\.$"),
            ("both controller and prompt", {"conditioning": lambda good: good.source}, r"disconnect one of the two\.$"),
        )
    ),
    Wrong("a prompt alone without words", "P2PReweightController",
          {"controller": None, "conditioning": lambda good: plain_text(good.clip, TARGET)},
          ("conditioning does not know its words", "P2P Text Encode")),
    Wrong("an empty prompt alone", "P2PReweightController",
          {"controller": None, "conditioning": lambda good: text(good.clip, "")},
          ('The prompt "" has no words', "write some first")),
    Wrong("a prompt of punctuation alone", "P2PMoveController",
          {"controller": None, "conditioning": lambda good: text(good.clip, "!?, ..."), "word": "dog"},
          (r'The prompt "!\?, \.\.\." has no words', "write some first")),
    Wrong("moving punctuation", "P2PMoveController",
          {"controller": lambda good: replace_controller(good.clip, "a, b", "a, c"), "word": "."},
          (r'"\." names no word', "Its words are: a, c")),
    Wrong("a blend of an edit without words", "P2PLocalBlend",
          {"controller": lambda good: replace_controller(good.clip, "", "")},
          ('The edit of "" changes no word', "name the words that may change")),
    Wrong("a blend of equal prompts", "P2PLocalBlend",
          {"controller": lambda good: replace_controller(good.clip, SOURCE, SOURCE)},
          (f'The edit of "{SOURCE}" changes no word', "name the words that may change")),
    Wrong("a black mask", "P2PLocalBlend", {"mask": torch.zeros(1, 64, 64)},
          ("mask of the local blend is black", "paint white")),
    *(
        Wrong(f"mask_mode {mode} without a mask", "P2PLocalBlend", {"mask_mode": mode},
              (f"has mask_mode {mode} but no mask", "connect one, or choose union"))
        for mode in ("instead", "intersection")
    ),
    *(
        Wrong(f"P2P Combine: {name}", "P2PCombine", {"second": second}, (says, "onnect the same source"))
        for name, second, says in (
            ("another source prompt", lambda good: replace_controller(good.clip, "a"), "different source prompts"),
            ("a prompt alone of another text", lambda good: outputs(
                P2PReweightController, scales="dog: 2", conditioning=good.target)[0], "different source prompts"),
            ("another CLIP", lambda good: replace_controller(good.wide_clip), "source conditionings .* differ"),
            ("a source with something set on it", lambda good: _following(good, _range(good.source, 0.5)), "differ"),
            ("a source with a further part", lambda good: _following(good, [*good.source, *good.negative]), "differ"),
            ("a source of two prompts", lambda good: _following(good, [*good.source, *good.source], 2), "differ"),
        )
    ),
    Wrong("a model without cross-attention", "P2PApply", {"model": _other_model},
          ("Flux has no cross-attention on its prompt", "Connect one of those")),
    Wrong("a record of a model without cross-attention", "P2PRecord", {"model": _other_model},
          ("Flux has no cross-attention", "Connect one of those")),
    Wrong("an empty record", "P2PApply", {"record": lambda good: RecordHandle(good.record.request)},
          ("The record is empty", "connect the model output of P2P Record")),
    Wrong("saving an empty record", "P2PSaveRecord", {"record": lambda good: RecordHandle(good.record.request)},
          ("The record is empty", "connect the model output of P2P Record")),
    Wrong("a record with the latent from before its sampler", "P2PApply", {"record": attrgetter("record")},
          ("not of the run that made this latent", "connect the latent of the recorded sampler")),
    Wrong("a record of another prompt", "P2PApply",
          {"record": attrgetter("record"), "controller": lambda good: replace_controller(good.clip, "a car", "a bus")},
          (f'of the prompt "{SOURCE}", but the source of the controller is "a car"', "or record again")),
    Wrong("a record of one prompt for two", "P2PApply",
          {"record": attrgetter("record"),
           "controller": lambda good: _following(good, [*good.source, *good.source], 2)},
          ("The record is of 1 prompt, the source of the controller has 2", "connect the conditioning")),
    Wrong("a store of a model without cross-attention", "P2PAttentionStore", {"model": _other_model},
          ("Flux has no cross-attention", "Connect one of those")),
    Wrong("source and target of other encoders", "P2PApply",
          {"controller": lambda good: _following(good, _narrow(good.source))},
          ("encoded by different text encoders", "connect the same CLIP")),
    Wrong("prompts of another model", "P2PApply",
          {"controller": lambda good: _following(good, _narrow(good.source), target=_narrow(good.target))},
          ("prompts of controller have 32 channels, but the model reads 96", "CLIP of the same checkpoint")),
    Wrong("a negative of another model", "P2PApply", {"negative": lambda good: _narrow(good.negative)},
          ("prompts of negative have 32 channels, but the model reads 96", "CLIP of the same checkpoint")),
    Wrong("a target without pooled output", "P2PApply",
          {"controller": lambda good: _following(good, good.source, target=_without_pooled(good.target))},
          ("do not both have a pooled output", "Encode both in the same way")),
    Wrong("ranges that differ", "P2PApply",
          {"controller": lambda good: _following(good, _range(good.source, 0.5), target=_range(good.target, 0.9))},
          ("a timestep range that differ", "set it on one of them")),
    Wrong("a video", "P2PApply", {"latent": _latent(1, 4, 2, 8, 8)},
          ("not a batch of pictures", "edits SDXL images only")),
    Wrong("a latent of another VAE", "P2PApply", {"latent": _latent(1, 16, 8, 8)},
          ("The latent has 16 channels, but the model has 4", "VAE of the same checkpoint")),
    Wrong("more masks than pictures", "P2PApply",
          {"controller": lambda good: _masked(good, torch.ones(3, 64, 64))},
          ("mask of the local blend has 3 pictures, but the latent has 1", "give one mask, or one for each")),
    Wrong("a mask too thin for the latent", "P2PApply", {"controller": lambda good: _masked(good, _thin_line())},
          ("too small for a latent of 8×8", "paint a larger part")),
    Wrong("an empty store", "P2PAttentionMaps", {"attention": lambda good: AttentionStore(good.store.request)},
          ("The attention store is empty", "Connect the model output of P2P Attention Store")),
    Wrong("saving an empty store", "P2PSaveAttention", {"attention": lambda good: AttentionStore(good.store.request)},
          ("The attention store is empty", "Connect the model output of P2P Attention Store")),
    Wrong("too many pictures", "P2PAttentionMaps", {"image": torch.rand(3, 64, 64, 3)},
          ("of a batch of 1, but image has 3 pictures", "connect the whole decoded batch")),
    Wrong("the latent of another run", "P2PAttentionMaps", {"latent": _latent(1, 4, 8, 8)},
          ("The maps are of another run than the latent", "change the seed")),
    Wrong("a step that was not kept", "P2PAttentionMaps", {"step": 4}, ("Step 4 was not kept", "set step to -1")),
    Wrong("refining without self maps", "P2PAttentionMaps", {"refine": 2}, ("self-attention", "Attention Store")),
]  # fmt: skip


def _narrow(conditioning: list) -> list:
    return [[cond[..., :32], extras] for cond, extras in conditioning]


def _following(good: Good, source: list, times: int = 1, target: list | None = None):
    inputs = good.inputs_of("P2PReplaceController")
    return outputs(P2PReplaceController, **{**inputs, "source": source, "target": (target or good.target) * times})[0]


def _combined(good: Good):
    return outputs(P2PCombine, first=good.controller, second=good.controller)[0]


def _stored(good: Good, conditioning: list, **settings):
    watching, store = outputs(P2PAttentionStore, **{**good.inputs_of("P2PAttentionStore"), **settings})
    sample(watching, conditioning, good.negative, good.latent, steps=2)
    return outputs(P2PAttentionMaps, attention=store, image=good.image)


def _with(inputs: tuple, **changed) -> tuple:
    names = ("model", "positive", "negative", "latent")
    return tuple(changed.get(name, value) for name, value in zip(names, inputs, strict=True))


def _applied(good: Good, controller=None, **changed):
    return _with(applied(good.model, good.clip, controller or good.controller, good.latent), **changed)


def _replayed(good: Good, **sampling):
    """An edit from the good record, of one step as the run that was recorded."""
    inputs = good.inputs_of("P2PApply")
    edit = outputs(P2PApply, **{**inputs, "record": good.record, "latent": good.recorded_latent})
    return sample(*edit, **{"steps": 1, **sampling})


def _recorded(good: Good, conditioning: list | None = None, latent: dict | None = None, **settings):
    recording, _ = outputs(P2PRecord, **{**good.inputs_of("P2PRecord"), **settings})
    return sample(recording, conditioning or good.source, good.negative, latent or good.latent, steps=2)


def _recorded_edit(good: Good):
    """An edit from a record, on a model that records."""
    inputs = {**good.inputs_of("P2PApply"), "record": good.record, "latent": good.recorded_latent}
    recording, _ = outputs(P2PRecord, **good.inputs_of("P2PRecord"))
    return sample(*outputs(P2PApply, **{**inputs, "model": recording}), steps=1)


GRAPHS = [
    *(
        WrongGraph(f"a record of a run with {what}", lambda good, changed=changed: _replayed(good, **changed),
                   ("The record is of another run: different (is|are) .*" + says, "or record again"))
        for what, changed, says in (
            ("another seed", {"seed": 2}, r"the seed \(1 recorded, 2 here\)"),
            ("other steps", {"steps": 2}, "the noise levels"),
            ("another sampler", {"sampler": "heun"}, r"the sampler \(sample_euler recorded, sample_heun here\)"),
            ("another cfg", {"cfg": 7.0}, r"the guidance \(cfg\) \(cfg 5 recorded, cfg 7 here\)"),
        )
    ),
    WrongGraph("a record of a prompt without words", lambda good: _recorded(
        good, conditioning=plain_text(good.clip, SOURCE)), ("P2P Record finds no words", "with P2P Text Encode")),
    WrongGraph("a record of words that no prompt has", lambda good: _recorded(good, keep="key words", words="horse"),
               ('"horse" is not in the prompt', "Its words are")),
    WrongGraph("a record that does not fit", lambda good: _recorded(good, latent=empty_latent(1024, 1024), budget=1),
               ("The record does not fit", "or allow it more memory")),
    WrongGraph("a record of an edit from a record", _recorded_edit,
               ("cannot record a run whose source comes from a record", "connect it to the sampler of the source")),
    WrongGraph("the model without its positive", lambda good: sample(*_applied(good, positive=good.source), steps=2),
               ("without its positive conditioning", "connect the positive output of the same P2P Apply")),
    WrongGraph("the positive without its model", lambda good: _stored(good, _applied(good)[1]),
               ("without its model", "connect the model output of the same P2P Apply")),
    WrongGraph("the positive on a model from before every node of the pack", lambda good: sample(
        good.model, *_applied(good)[1:], steps=2),
        ("without its model", "connect the model output of the same P2P Apply")),
    WrongGraph("a latent from before P2P Apply", lambda good: sample(*_applied(good, latent=good.latent), steps=2),
               ("The latent has 1 row", "connect the latent output of P2P Apply")),
    WrongGraph("two edits with other numbers of targets combined", lambda good: sample(
        *_applied(good, positive=[*_applied(good)[1], *_applied(good, _combined(good))[1]]), steps=2),
        ("different numbers of targets", "cannot be combined")),
    WrongGraph("a store of words that no prompt has", lambda good: _stored(good, good.source, words="horse"),
               ('"horse" is not in the prompt', "Its words are")),
    WrongGraph("a store of a prompt without words", lambda good: _stored(good, plain_text(good.clip, SOURCE)),
               ("finds no words in the positive conditioning", "encode the prompt with P2P Text Encode")),
    WrongGraph("a store of the other prompt", lambda good: _stored(good, good.source, prompt="negative"),
               ("finds no words in the negative conditioning", "or choose the other prompt")),
    WrongGraph("a store of an empty prompt", lambda good: _stored(good, text(good.clip, "")),
               ("finds no words in the positive conditioning", "or choose the other prompt")),
    WrongGraph("a store of a prompt with an area", lambda good: _stored(
        good, host_nodes.ConditioningSetArea().append(good.source, 32, 32, 0, 0, 1.0)[0]),
        ("the prompt with its words has an area", "take the area off")),
    WrongGraph("a blend by words of an area", lambda good: sample(*_applied(good, controller=outputs(
        P2PLocalBlend, **good.inputs_of("P2PLocalBlend"))[0], positive=host_nodes.ConditioningSetArea().append(
            _applied(good, outputs(P2PLocalBlend, **good.inputs_of("P2PLocalBlend"))[0])[1], 32, 32, 0, 0, 1.0)[0]),
        steps=2), ("needs maps of the whole picture", "take the area off")),
]  # fmt: skip
