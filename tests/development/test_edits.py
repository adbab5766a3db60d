"""The edits of the demo and the graphs made of them."""

import pytest
from p2p.development import edits, graphs
from p2p.development.demo import labels, plan
from p2p.development.edits import EDITS, Edit, Scene


def of(attribute):
    return [edit for edit in EDITS if edit.attribute == attribute]


def test_there_are_enough_of_every_kind():
    assert len(EDITS) >= 8
    assert len(of("object")) >= 4
    assert len(of("background")) >= 2
    assert len(of("colour")) >= 2
    assert any(len(edit.target.prompt.split()) > len(edit.source.prompt.split()) for edit in EDITS)


def test_names_differ_and_fit_for_files():
    names = [edit.name for edit in EDITS]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalpha() for name in names)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_every_word_is_in_the_vocabulary(edit):
    for scene in (edit.source, edit.target):
        assert scene.object in edits.OBJECTS
        assert scene.background in edits.BACKGROUNDS
        assert scene.colour in (None, *edits.COLOURS)
    assert edits.ATTRIBUTES[edit.attribute][edit.wanted] == getattr(edit.target, edit.attribute)


def test_an_edit_changes_one_thing():
    with pytest.raises(ValueError, match="in 2 attributes"):
        Edit(Scene("cat", "grass"), Scene("dog", "snow")).attribute  # noqa: B018


@pytest.mark.parametrize(
    ("count", "rows_per_run", "rows"), [(8, 8, [8]), (20, 8, [8, 8, 4]), (3, 1, [1, 1, 1]), (1, 8, [1])]
)
def test_plan_gives_every_seed_once(count, rows_per_run, rows):
    batches = plan(count, rows_per_run)
    assert [batch.rows for batch in batches] == rows
    assert [batch.seed for batch in batches] == list(range(1, len(rows) + 1))
    assert len(set(labels(batches))) == count


def test_plain_graph_is_filled_in():
    graph = graphs.plain_graph("a prompt", graphs.Batch(7, 3), graphs.Settings(steps=5))
    sampling = graph[graphs.sampler(graph)]["inputs"]
    assert (sampling["seed"], sampling["steps"]) == (7, 5)
    texts = [node["inputs"]["text"] for node in graph.values() if node["class_type"] == "CLIPTextEncode"]
    assert sorted(texts) == ["", "a prompt"]
    assert graph[graphs.find(graph, "EmptyLatentImage")]["inputs"]["batch_size"] == 3


def test_word_swap_graph_is_filled_in():
    graph = graphs.word_swap_graph("the source", "the target", graphs.Batch(7, 3), graphs.Settings(steps=5))
    controller = graphs.find(graph, "P2PReplaceController")
    assert graph[graphs.link(graph, controller, "source")]["inputs"]["text"] == "the source"
    assert graph[graphs.link(graph, controller, "target")]["inputs"]["text"] == "the target"


def test_a_checkpoint_takes_the_place_of_the_mini_model():
    settings = graphs.Settings(steps=5, checkpoint="sdxl.safetensors")
    graph = graphs.plain_graph("a prompt", graphs.Batch(1, 1), settings)
    loader = graph[graphs.find(graph, "CheckpointLoaderSimple")]
    assert loader["inputs"] == {"ckpt_name": "sdxl.safetensors"}
    assert graph[graphs.find(graph, "EmptyLatentImage")]["inputs"]["width"] == 1024


@pytest.mark.parametrize("name", ["plain", "word_swap"])
def test_links_of_the_templates_lead_somewhere(name):
    graph = graphs.load(name)
    for node in graph.values():
        for value in node["inputs"].values():
            if isinstance(value, list):
                assert value[0] in graph


def test_windows_are_the_templates():
    assert graphs.windows() == {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4}
