"""The graphs that the demo sends: the templates, filled in."""

import pytest
from p2p.development import graphs

BATCH, SETTINGS = graphs.Batch(7, 3), graphs.Settings(steps=5)
TEMPLATES = (
    "plain", "prompt_switching", "word_swap", "refine", "local_blend", "fader", "move_a_word", "two_targets",
    "attention_maps", "maps_of_a_prompt",
)  # fmt: skip


def inputs(graph, class_type):
    return graph[graphs.find(graph, class_type)]["inputs"]


def text_at(graph, identity, *names):
    """Follow inputs from a node to an encoder and return its text."""
    for name in names:
        identity = graphs.link(graph, identity, name)
    return graph[identity]["inputs"]["text"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_links_of_the_templates_lead_somewhere(name):
    assert_linked(graphs.load(name))


def assert_linked(graph):
    for node in graph.values():
        for value in node["inputs"].values():
            if isinstance(value, list):
                assert value[0] in graph


def test_plain_graph_is_filled_in():
    graph = graphs.plain_graph("a prompt", BATCH, SETTINGS)
    sampling = graph[graphs.sampler(graph)]["inputs"]
    assert (sampling["seed"], sampling["steps"]) == (7, 5)
    texts = [node["inputs"]["text"] for node in graph.values() if node["class_type"] == "CLIPTextEncode"]
    assert sorted(texts) == ["", "a prompt"]
    assert inputs(graph, "EmptyLatentImage")["batch_size"] == 3


def test_switching_graph_has_the_source_first():
    graph = graphs.switching_graph("the source", "the target", BATCH, SETTINGS)
    both = graphs.find(graph, "ConditioningCombine")
    for name, prompt, window in (("1", "the source", (0, 0.3)), ("2", "the target", (0.3, 1))):
        part = graph[graphs.link(graph, both, f"conditioning_{name}")]["inputs"]
        assert (part["start"], part["end"]) == window
        assert text_at(graph, both, f"conditioning_{name}", "conditioning") == prompt
    assert graph[graphs.sampler(graph)]["inputs"]["positive"][0] == both


@pytest.mark.parametrize(
    ("make", "controller"),
    [
        (graphs.word_swap_graph, "P2PReplaceController"),
        (graphs.refine_graph, "P2PRefineController"),
        (graphs.blend_graph, "P2PReplaceController"),
    ],
)
def test_source_and_target_are_filled_in(make, controller):
    graph = make("the source", "the target", BATCH, SETTINGS)
    identity = graphs.find(graph, controller)
    assert text_at(graph, identity, "source") == "the source"
    assert text_at(graph, identity, "target") == "the target"
    assert graph[graphs.sampler(graph)]["inputs"]["seed"] == 7


def test_blend_is_between_the_edit_and_its_use():
    graph = graphs.blend_graph("the source", "the target", BATCH, SETTINGS)
    apply = graphs.find(graph, "P2PApply")
    assert graph[graphs.link(graph, apply, "controller")]["class_type"] == "P2PLocalBlend"


def test_fader_graph_is_filled_in():
    graph = graphs.fader_graph("a red car", "red", -1, BATCH, SETTINGS)
    assert inputs(graph, "P2PReweightController")["scales"] == "red: -1"
    assert text_at(graph, graphs.find(graph, "P2PReweightController"), "conditioning") == "a red car"


def test_move_graph_is_filled_in():
    graph = graphs.move_graph("a red car", "red car", (-0.125, 0.5), BATCH, SETTINGS)
    moving = inputs(graph, "P2PMoveController")
    assert (moving["word"], moving["offset_x"], moving["offset_y"]) == ("red car", -0.125, 0.5)
    assert text_at(graph, graphs.find(graph, "P2PMoveController"), "conditioning") == "a red car"


def test_two_targets_graph_is_filled_in():
    graph = graphs.two_targets_graph("the source", "one", "other", BATCH, SETTINGS)
    both = graphs.find(graph, "P2PCombine")
    for name, target in (("first", "one"), ("second", "other")):
        assert text_at(graph, both, name, "source") == "the source"
        assert text_at(graph, both, name, "target") == target


def test_maps_graph_saves_pictures_and_maps():
    graph = graphs.maps_graph("a red car", "car", 0.5, BATCH, SETTINGS)
    assert_linked(graph)
    store = graphs.find(graph, "P2PAttentionStore")
    assert graph[store]["inputs"]["start"] == 0.5
    assert graph[graphs.sampler(graph)]["inputs"]["model"] == [store, 0]
    saving = inputs(graph, "P2PSaveAttention")
    assert (saving["attention"], saving["latent"]) == ([store, 1], [graphs.sampler(graph), 0])
    assert inputs(graph, "SaveImage")["images"] == inputs(graph, "P2PAttentionMaps")["image"]
    assert inputs(graph, "P2PAttentionMaps")["words"] == "car"


def test_a_checkpoint_takes_the_place_of_the_mini_model():
    settings = graphs.Settings(steps=5, checkpoint="sdxl.safetensors")
    graph = graphs.plain_graph("a prompt", graphs.Batch(1, 1), settings)
    assert inputs(graph, "CheckpointLoaderSimple") == {"ckpt_name": "sdxl.safetensors"}
    assert inputs(graph, "EmptyLatentImage")["width"] == 1024


def test_a_template_without_a_text_is_a_mistake():
    graph = graphs.load("plain")
    with pytest.raises(ValueError, match="has no text"):
        graphs._set_text(graph, graphs.sampler(graph), "a prompt")


def test_windows_are_the_templates():
    assert graphs.windows() == {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4}


def test_settings_leave_out_links():
    assert "controller" not in graphs.settings_of("local_blend", "P2PLocalBlend")
    assert "threshold" in graphs.settings_of("local_blend", "P2PLocalBlend")
