"""Edits of every kind as graphs in API format, with the embedded model.

In all of them the model is node "1", the sampler "sampler", and its latent is saved by "latent".
"""

from collections.abc import Callable, Mapping

Graph = dict[str, dict]
SOURCE, TARGET, ADDED = (
    "a photo of a cat on grass",
    "a photo of a dog on grass",
    "a photo of a red cat on grass at night",
)
MODEL, SAMPLER, SAVED = "1", "sampler", "latent"
SIDE = 64
STEPS = 8


def node(kind: str, **inputs: object) -> dict:
    """A link to another node's output is written as "id:output"."""
    return {"class_type": kind, "inputs": inputs}


def model_alone(precision: str = "auto") -> Graph:
    return {MODEL: node("P2PMiniSDXL", precision=precision)}


def _text(prompt: str) -> dict:
    return node("P2PTextEncode", clip=["1", 1], text=prompt)


def _prompts(**prompts: str) -> Graph:
    return {name: _text(prompt) for name, prompt in prompts.items()}


def _following(kind: str, target: str, **settings: object) -> dict:
    windows = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.5, "word_windows": ""}
    return node(kind, source=["source", 0], target=[target, 0], **{**windows, **settings})


def replaced(**settings: object) -> Graph:
    prompts = _prompts(source=SOURCE, target=TARGET)
    return {**prompts, "edit": _following("P2PReplaceController", "target", **settings)}


def refined() -> Graph:
    windows = {"word_windows": "red: 0.2-0.6\nnight: 0.5-1"}
    prompts = _prompts(source=SOURCE, target=ADDED)
    return {**prompts, "edit": _following("P2PRefineController", "target", **windows)}


def reweighted() -> Graph:
    scales = "cat: 2.5\ngrass: -0.5 @ 0.3-1"
    return {**_prompts(source=SOURCE), "edit": node("P2PReweightController", scales=scales, conditioning=["source", 0])}


def moved() -> Graph:
    where = {"word": "cat", "offset_x": 0.25, "offset_y": -0.125, "scale": 1.5, "start": 0.0, "end": 0.6}
    return {**_prompts(source=SOURCE), "edit": node("P2PMoveController", conditioning=["source", 0], **where)}


def blended() -> Graph:
    words = {"target_words": "", "source_words": "", "keep_words": ""}
    settings = {"threshold": 0.3, "threshold_rule": "max", "start": 0.2}
    before = replaced()
    blend = node("P2PLocalBlend", controller=["first", 0], **words, **settings)
    return {**before, "first": before["edit"], "edit": blend}


def several() -> Graph:
    """A word swapped, words added with a reweight, and a word moved."""
    first = replaced()
    return {
        **first,
        "added": _text(ADDED),
        "first": first["edit"],
        "second": _following("P2PRefineController", "added"),
        "third": node("P2PReweightController", scales="red: 2", controller=["second", 0]),
        "fourth": moved()["edit"],
        "pair": node("P2PCombine", first=["first", 0], second=["third", 0]),
        "edit": node("P2PCombine", first=["pair", 0], second=["fourth", 0]),
    }


def sampled(
    edit: Graph, seed: int = 1, sampler: str = "euler_ancestral", steps: int = STEPS, precision="auto"
) -> Graph:
    """The whole graph of an edit, from the model to the saved latent."""
    settings = {
        "seed": seed,
        "steps": steps,
        "cfg": 5.0,
        "sampler_name": sampler,
        "scheduler": "normal",
        "denoise": 1.0,
    }
    links = {"model": ["apply", 0], "positive": ["apply", 1], "negative": ["apply", 2], "latent_image": ["apply", 3]}
    apply = {"model": [MODEL, 0], "controller": ["edit", 0], "negative": ["negative", 0], "latent": ["empty", 0]}
    return {
        **model_alone(precision),
        **edit,
        "negative": node("CLIPTextEncode", clip=[MODEL, 1], text="snow"),
        "empty": node("EmptyLatentImage", width=SIDE, height=SIDE, batch_size=1),
        "apply": node("P2PApply", **apply),
        SAMPLER: node("KSampler", **links, **settings),
        SAVED: node("SaveLatent", samples=[SAMPLER, 0], filename_prefix="faults/latent"),
    }


def watched(graph: Graph, live: bool = True) -> Graph:
    """The graph with a store of all words that is shown, seen and saved."""
    settings = {"words": "", "prompt": "positive", "largest_grid": "all", "start": 0.0, "end": 1.0}
    settings |= {"keep_steps": True, "self_maps": True, "live": live}
    maps = {"words": "", "layout": "grid", "opacity": 0.6, "scale": "per word", "threshold": 0.5, "refine": 1}
    attention, latent = ["store", 1], [SAMPLER, 0]
    return {
        **with_model(graph, ["store", 0]),
        "store": node("P2PAttentionStore", model=["apply", 0], **settings),
        "decoded": node("VAEDecode", samples=latent, vae=[MODEL, 2]),
        "maps": node("P2PAttentionMaps", attention=attention, image=["decoded", 0], latent=latent, **maps),
        "file": node("P2PSaveAttention", attention=attention, latent=latent, filename_prefix="faults/maps"),
    }


def with_model(graph: Graph, link: list) -> Graph:
    """The graph whose sampler gets its model from elsewhere."""
    return with_inputs(graph, SAMPLER, model=link)


def with_inputs(graph: Graph, identity: str, **inputs: object) -> Graph:
    changed = graph[identity]
    return {**graph, identity: {**changed, "inputs": {**changed["inputs"], **inputs}}}


def plain(seed: int = 1, prompt: str = SOURCE, sampler: str = "euler_ancestral") -> Graph:
    """Sampling with stock nodes only, on the same model."""
    graph = sampled(_prompts(source=prompt), seed, sampler)
    links = {"model": [MODEL, 0], "positive": ["source", 0], "negative": ["negative", 0], "latent_image": ["empty", 0]}
    del graph["apply"]
    return with_inputs(graph, SAMPLER, **links)


KINDS: Mapping[str, Callable[[int], Graph]] = {
    "replace with self-attention": lambda seed: sampled(replaced(), seed),
    "refine with windows of words": lambda seed: sampled(refined(), seed, "dpmpp_2m_sde"),
    "reweight": lambda seed: sampled(reweighted(), seed, "euler"),
    "move": lambda seed: sampled(moved(), seed, "heun"),
    "local blend": lambda seed: sampled(blended(), seed),
    "store, live": lambda seed: watched(sampled(replaced(), seed, "lcm")),
    "several targets": lambda seed: sampled(several(), seed, "dpmpp_sde"),
}


def loaded_from(graph: Graph, file: str) -> Graph:
    """A watched graph whose maps come from a file that it saved in an earlier run, and that saves none itself."""
    others = {name: kept for name, kept in graph.items() if name != "file"}
    return {**with_inputs(others, "maps", attention=["loaded", 0]), "loaded": node("P2PLoadAttention", file=file)}
