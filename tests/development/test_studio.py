"""Runs are made once, counted once, and cut into the pictures of each arm."""

import asyncio
from functools import partial

from p2p.development import graphs
from p2p.development.graphs import Batch, Settings
from p2p.development.studio import Studio
from p2p.development.trials import Take

PLAIN = partial(graphs.plain_graph, "a cat")
SAME = partial(graphs.plain_graph, "a cat")
OTHER = partial(graphs.plain_graph, "a dog")
THREE = partial(graphs.two_targets_graph, "a cat", "a dog", "a fish")
BATCHES = [Batch(1, 2), Batch(2, 1)]


def studio_of(stand_in, judge=None):
    return Studio(stand_in, Settings(4), BATCHES, judge)


def shades(shot):
    return [int(picture.max()) for picture in shot.pictures]


def test_a_take_has_its_place_of_every_group(stand_in):
    studio = studio_of(stand_in)
    takes = [Take(THREE, 3, place) for place in range(3)]
    found = [shades(asyncio.run(studio.shot(take, ""))) for take in takes]
    assert found == [[10] * 3, [20] * 3, [30] * 3]
    assert len(stand_in.sent) == len(BATCHES)


def test_the_same_graph_is_run_once_until_it_is_forgotten(stand_in):
    studio = studio_of(stand_in)
    first = asyncio.run(studio.shot(Take(PLAIN), ""))
    assert asyncio.run(studio.shot(Take(SAME), "")) is first
    assert len(stand_in.sent) == 2
    studio.forget()
    asyncio.run(studio.shot(Take(SAME), ""))
    assert len(stand_in.sent) == 4


def test_seconds_count_a_run_once(stand_in):
    studio = studio_of(stand_in)
    assert asyncio.run(studio.seconds((PLAIN, OTHER, SAME), "")) == 2 * len(BATCHES) * 1.5


def test_the_judge_is_asked_once(stand_in, judge):
    asked = []

    def counting(images):
        asked.append(len(images))
        return judge(images)

    shot = asyncio.run(studio_of(stand_in, counting).shot(Take(PLAIN), ""))
    assert shot.verdict is shot.verdict
    assert asked == [3]
    assert asyncio.run(studio_of(stand_in).shot(Take(PLAIN), "")).verdict is None
