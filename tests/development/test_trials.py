"""The plan of the demo: which arms every edit has, and which runs they need."""

import itertools

import pytest
from p2p.development import edits, graphs, trials
from p2p.development.edits import EDITS
from p2p.development.trials import all_trials

BATCH, SETTINGS = graphs.Batch(1, 2), graphs.Settings(steps=4)
STOCK = ["plain", "switching", "p2p"]


def of_kind(kind, full=False):
    return [trial for trial in all_trials(full) if kind in trial.kinds]


def keys(trial):
    return [arm.key for arm in trial.arms]


def classes(make):
    return {node["class_type"] for node in make(BATCH, SETTINGS).values()}


@pytest.mark.parametrize("full", [False, True])
def test_names_differ_and_fit_for_files(full):
    names = [trial.name for trial in all_trials(full)]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalnum() and name.isascii() for name in names)
    strips = {trial.strip for trial in all_trials(full)} - {None}
    assert not strips & set(names)


def test_full_only_adds():
    names = {trial.name for trial in all_trials(True)}
    assert {trial.name for trial in all_trials(False)} < names


def test_every_edit_stands_beside_what_people_do_instead():
    for trial in all_trials(True):
        assert keys(trial)[:3] == STOCK
        for arm in trial.arms[:2]:
            assert not any(name.startswith("P2P") and name != "P2PMiniSDXL" for name in classes(arm.take.graph))
            assert (arm.take.group, arm.take.place) == (1, 0)
        assert "ConditioningSetTimestepRange" in classes(trial.arms[1].take.graph)


def test_trials_of_one_source_follow_each_other():
    sources = [trial.source for trial in all_trials(True)]
    changes = sum(before != after for before, after in itertools.pairwise(sources))
    assert changes == len(set(sources)) - 1


def test_swaps_are_blended_where_the_background_stays():
    swaps = of_kind("replace")
    assert [trial.name for trial in swaps if "blend" in trial.kinds] == [
        trial.name for trial in swaps if trial.attribute != "background"
    ]
    for trial in swaps:
        assert keys(trial) == STOCK + (["blend"] if "blend" in trial.kinds else [])
    assert len(of_kind("blend")) == 8


def test_additions_refine():
    assert len(of_kind("refine")) >= 3
    assert all("P2PRefineController" in classes(trial.arms[2].take.graph) for trial in of_kind("refine"))


def test_colours_are_faded_at_every_scale():
    faded = of_kind("reweight")
    scales = {}
    for trial in faded:
        scales.setdefault(trial.strip, []).append(trial.value)
    assert list(scales.values()) == [list(edits.SCALES)] * len(edits.FADED)
    assert "a photo of a (red:-1) car on grass" in {trial.arms[0].prompt for trial in faded}


def test_every_scene_is_moved_every_way():
    moved = of_kind("move")
    assert len(moved) == len(edits.MOVED) * len(edits.SHIFTS)
    assert {trial.aim.offset for trial in moved} == {(0.25, 0.0), (-0.125, 0.0), (0.0, -0.2)}
    told = {trial.arms[0].prompt for trial in moved}
    assert "a photo of a red car on grass, on the right" in told


def test_two_targets_are_places_of_one_run():
    first, second = of_kind("together")
    assert keys(first) == [*STOCK, "together"]
    takes = [trial.arms[3].take for trial in (first, second)]
    assert [(take.group, take.place) for take in takes] == [(3, 1), (3, 2)]
    assert takes[0].graph(BATCH, SETTINGS) == takes[1].graph(BATCH, SETTINGS)
    assert first.target != second.target


def test_times_of_two_targets_are_of_all_three_pictures():
    trial = of_kind("together")[0]
    plain, switching, alone, both = [[make(BATCH, SETTINGS) for make in arm.timed] for arm in trial.arms]
    assert len({str(graph) for graph in plain}) == len({str(graph) for graph in switching}) == 3
    assert len({str(graph) for graph in alone}) == 2
    assert len(both) == 1


def test_times_of_a_swap_are_of_two_pictures():
    source, target = (graphs.plain_graph(scene.prompt, BATCH, SETTINGS) for scene in (EDITS[0].source, EDITS[0].target))
    plain, switching, paired = trials.swap_arms(EDITS[0])
    assert [make(BATCH, SETTINGS) for make in plain.timed] == [source, target]
    assert switching.timed[0](BATCH, SETTINGS) == source
    assert [make(BATCH, SETTINGS) for make in paired.timed] == [paired.take.graph(BATCH, SETTINGS)]


def test_the_first_of_a_group_is_the_source():
    take = trials.swap_arms(EDITS[0])[2].take
    assert (take.place, take.first.place, take.first.group) == (1, 0, 2)
