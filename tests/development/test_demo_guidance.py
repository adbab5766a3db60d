"""The guidance of the demo: what is sent, and what is made of what the judge sees."""

from collections import namedtuple

import pytest
import torch
from p2p.development import demo_guidance, graphs
from p2p.development.demo_guidance import PAIRS, PLACES, Pair, Place
from p2p.development.edits import Scene
from p2p.mini_sdxl.vocabulary import BACKGROUNDS, COLOURS, OBJECTS

Verdict = namedtuple("Verdict", "object_probability mask object_masks object_colours")
Shot = namedtuple("Shot", "verdict")
SIZE = 20


def test_the_pairs_show_every_object_colour_and_background():
    assert {name for pair in PAIRS for name in pair.objects} == set(OBJECTS)
    assert {colour for pair in PAIRS for colour in pair.colours} == set(COLOURS)
    assert {pair.background for pair in PAIRS} == set(BACKGROUNDS)
    assert all(len(set(pair.objects)) == len(set(pair.colours)) == 2 for pair in PAIRS)


def test_the_graph_has_the_prompt_and_what_is_asked():
    place = PLACES[0]
    where = {**demo_guidance.PLACED, "words": place.scene.phrase, "x": place.x, "y": place.y}
    graph = graphs.guidance_graph(place.scene.prompt, where, graphs.Batch(3, 2), graphs.Settings(4))
    inputs = graph[graphs.find(graph, "P2PAttentionGuidance")]["inputs"]
    assert {name: inputs[name] for name in where} == where
    assert graph[graphs.link(graph, graphs.sampler(graph), "positive")]["inputs"]["text"] == place.scene.prompt
    assert graph[graphs.link(graph, graphs.sampler(graph), "model")]["class_type"] == "P2PAttentionGuidance"
    assert graph[graphs.sampler(graph)]["inputs"]["seed"] == 3


@pytest.mark.parametrize(
    ("areas", "colours", "present", "coloured"),
    [
        ((0.1, 0.1), ("red", "blue"), 1.0, 1.0),
        ((0.1, 0.01), ("red", "blue"), 0.0, 0.0),
        ((0.1, 0.1), ("blue", "blue"), 1.0, 0.0),
    ],
)
def test_both_objects_have_to_be_there_each_in_its_colour(areas, colours, present, coloured):
    pair = Pair(("cat", "dog"), ("red", "blue"), "grass")
    masks, tints = torch.zeros(1, len(OBJECTS), SIZE, SIZE), torch.zeros(1, len(OBJECTS), 1 + len(COLOURS))
    for name, area, colour in zip(pair.objects, areas, colours, strict=True):
        masks[:, OBJECTS.index(name)] = area
        tints[:, OBJECTS.index(name), 1 + COLOURS.index(colour)] = 1
    seen = demo_guidance._of_pair(pair, Shot(Verdict(None, None, masks, tints)))
    assert seen == {"present": present, "coloured": coloured}


@pytest.mark.parametrize(("column", "seen", "there"), [(4, "cat", 1.0), (9, "cat", 0.0), (4, "dog", 0.0)])
def test_the_object_has_to_be_seen_near_its_place(column, seen, there):
    mask = torch.zeros(1, SIZE, SIZE)
    mask[:, 9:11, column : column + 2] = 1
    probability = torch.zeros(1, len(OBJECTS))
    probability[:, OBJECTS.index(seen)] = 1
    found = demo_guidance._of_place(
        Place(Scene("cat", "grass"), 0.25, 0.5), Shot(Verdict(probability, mask, None, None))
    )
    assert found["there"] == there
    assert found["away"] == pytest.approx((column + 1) / SIZE - 0.25)


def test_without_a_judge_nothing_is_said():
    assert set(demo_guidance._of_pair(PAIRS[0], Shot(None)).values()) == {None}
    assert set(demo_guidance._of_place(PLACES[0], Shot(None)).values()) == {None}
    assert demo_guidance.goals({"pairs": [], "places": []})[0][1] is None
