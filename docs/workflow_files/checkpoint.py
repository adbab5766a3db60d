"""The same workflow for an SDXL checkpoint: its loaders, sizes and steps, and prompts in words that SDXL knows.

Nodes and links stay those of the workflow of the embedded model, so that what one does the other does too.
"""

TIMES = 8  # 1024 pixels instead of 128
LOADERS = {
    "P2PMiniSDXL": ("CheckpointLoaderSimple", "Load Checkpoint", {"ckpt_name": "sd_xl_base_1.0.safetensors"}),
    "P2PMiniLora": (
        "LoraLoaderModelOnly",
        "Load LoRA",
        {"lora_name": "sd_xl_offset_example-lora_1.0.safetensors", "strength_model": 0.5},
    ),
    "P2PMiniControlNet": (
        "ControlNetLoader",
        "Load ControlNet Model",
        {"control_net_name": "diffusers_xl_depth_full.safetensors"},
    ),
}
SDXL, CONTROL = "stabilityai/stable-diffusion-xl-base-1.0", "lllyasviel/sd_control_collection"
MODELS = {  # repository on Hugging Face, folder below ComfyUI/models
    "sd_xl_base_1.0.safetensors": (SDXL, "checkpoints"),
    "sd_xl_offset_example-lora_1.0.safetensors": (SDXL, "loras"),
    "diffusers_xl_depth_full.safetensors": (CONTROL, "controlnet"),
}
IN_PIXELS = {"SolidMask": ("width", "height"), "MaskComposite": ("x", "y"), "GrowMask": ("expand",)}
VALUES = {
    "KSampler": {"steps": 30, "cfg": 6.0, "sampler_name": "dpmpp_2m", "scheduler": "karras"},
    "EmptyLatentImage": {"width": 1024, "height": 1024, "batch_size": 1},
    "CLIPTextEncode": {"text": "blurry, low quality, watermark"},
    "ControlNetApplyAdvanced": {"strength": 0.7, "end_percent": 0.7},
    "P2PRecord": {"precision": "int8"},
}
# What stands in the workflows of the embedded model, and what in those of SDXL. The words also fill the notes.
WORDS = {
    "word_swap": {
        "a photo of a cat on grass": "a photo of a butterfly on a flower",
        "a photo of a dog on grass": "a photo of a bird on a flower",
    },
    "refine": {
        "a photo of a cat on grass": "a photo of a car on the side of the street",
        "a photo of a red cat on grass": "a photo of a car on the side of the snowy street",
    },
    "fader": {
        "a photo of a red car on grass": "a photo of my fluffy bunny doll",
        "red: 3": "fluffy: 3",
        "red": "fluffy",
    },
    "local_blend": {
        "a photo of a cat and a red car on sand": "a photo of a cat sitting next to a mirror",
        "a photo of a dog and a red car on sand": "a photo of a dog sitting next to a mirror",
    },
    "move_a_word": {
        "a photo of a red car on grass": "a photo of a red hot-air balloon above a lake",
        "red car": "red hot-air balloon",
    },
    "two_targets": {
        "a photo of a cat on grass": "a photo of a lemon cake on a table",
        "a photo of a dog on grass": "a photo of a chocolate cake on a table",
        "a photo of a teddy bear on grass": "a photo of a pumpkin cake on a table",
    },
    "record_replay": {
        "a photo of a cat on grass": "a photo of a cat riding on a bicycle",
        "a photo of a dog on grass": "a photo of a dog riding on a bicycle",
        "a photo of a red cat on grass": "a photo of a cat riding on a bicycle in the snow",
    },
    "adjust_record": {
        "a photo of a cat on grass": "a photo of a cat on a meadow",
    },
    "attention_maps": {
        "a photo of a cat and a red car on sand": "a painting of a squirrel eating a burger",
        "a photo of a dog and a red car on sand": "a painting of a lion eating a burger",
        "cat, dog, red, car, sand": "squirrel, lion, eating, burger, painting",
    },
    "guidance": {
        "a purple car and a green star on wood": "a photo of a purple teapot and a green bird on a wooden table",
        "purple car, green star": "purple teapot, green bird",
    },
    "with_lora": {
        "a photo of a cat on grass": "a photo of a cat on a roof at night",
        "a photo of a dog on grass": "a photo of an owl on a roof at night",
    },
    "with_controlnet": {
        "a photo of a cat on grass": "a photo of a balloon in the sky",
        "a photo of a dog on grass": "a photo of a kite in the sky",
    },
}


def for_checkpoint(name: str, graph: dict) -> dict:
    """The graph of the embedded model as one of an SDXL checkpoint."""
    return {identity: _node(WORDS[name], entry) for identity, entry in graph.items()}


def _node(words: dict[str, str], entry: dict) -> dict:
    kind, inputs = entry["class_type"], entry["inputs"]
    if kind in LOADERS:
        return _loader(kind, inputs)
    told = {name: words.get(value, value) if isinstance(value, str) else value for name, value in inputs.items()}
    larger = {name: TIMES * inputs[name] for name in IN_PIXELS.get(kind, ())}
    return {**entry, "inputs": {**told, **larger, **VALUES.get(kind, {})}}


def _loader(kind: str, inputs: dict) -> dict:
    """The node that loads a file where the embedded model needs none."""
    loader, title, values = LOADERS[kind]
    linked = {name: value for name, value in inputs.items() if isinstance(value, list)}
    models = [_model(file) for file in values.values() if file in MODELS]
    return {"class_type": loader, "_meta": {"title": title, "models": models}, "inputs": {**linked, **values}}


def _model(file: str) -> dict:
    """Where the front end can have a missing file downloaded from, and to."""
    repository, folder = MODELS[file]
    return {"name": file, "url": f"https://huggingface.co/{repository}/resolve/main/{file}", "directory": folder}
