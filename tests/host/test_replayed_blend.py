"""A local blend whose source was recorded makes the masks of the batch, and does not look at the source again."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as with_changes

import pytest
import torch
from p2p.nodes._host import attention, layer_watches
from p2p.nodes.adjust_scale import P2PAdjustScale
from p2p.p2p_core.source_record import RecordHandle

from .graph import empty_latent, outputs, relative
from .kinds import blended, combined, following, moved, refined, reweighted
from .test_record_runs import Graph, by
from .tiny_models import sd15, sdxl_shaped


@dataclass(frozen=True)
class Case:
    """A blend, and whether what the record has of the source's words is enough for it."""

    made: Callable
    is_enough: bool = True


def halved(controller, **settings):
    """Blended with a mask of half the picture, whatever the maps of random weights are."""
    return blended(controller, **{"threshold_rule": "quantile", "threshold": 0.5, **settings})


CASES = {
    "replace": Case(lambda clip: halved(following(clip))),
    "replace, always inherited": Case(lambda clip: halved(following(clip, window=(0.0, 1.0)))),
    "coarse maps": Case(lambda clip: halved(following(clip), grids="coarse")),
    "refine": Case(lambda clip: halved(refined(clip))),
    "words of the source that stay": Case(lambda clip: halved(following(clip), keep_words="grass")),
    "a word's own window": Case(lambda clip: halved(following(clip, word_windows="dog: 0.2-0.5"))),
    "louder words": Case(lambda clip: halved(reweighted("dog: 3", controller=following(clip)))),
    "reweight alone": Case(lambda clip: halved(reweighted("cat: 2.5", clip))),
    "two targets, one free": Case(lambda clip: combined(refined(clip), halved(following(clip)))),
    "two grids": Case(lambda clip: combined(halved(refined(clip), grids="coarse"), halved(following(clip)))),
    "maps of all grids": Case(lambda clip: halved(following(clip), grids="all")),
    "a word that moves": Case(lambda clip: halved(moved(controller=following(clip), word="dog")), is_enough=False),
}
GRAPH = Graph(latent=lambda: empty_latent(64, 96), run=by("heun", steps=4))


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("small")


@pytest.fixture(scope="module")
def recorded(small):
    return GRAPH.record(small)


@pytest.fixture
def looks(monkeypatch) -> list:
    """Every look at a recorded source."""
    found, look = [], layer_watches.seen_sources

    def counted(*args):
        sources = look(*args)
        if sources is not None:  # they are no rows of the batch
            found.append(sources)
        return sources

    monkeypatch.setattr(layer_watches, "seen_sources", counted)
    return found


@pytest.mark.parametrize(("case", "are_projected"), [("replace", False), ("refine", True)])
def test_an_edit_of_one_term_acts_before_the_projections(small, recorded, monkeypatch, case, are_projected):
    """Also in a run that needs them at other steps, where the blend looks at what targets see by themselves."""
    projected, join = [], attention.with_sources

    def counted(tensor, sources):
        projected.append(sources)
        return join(tensor, sources)

    monkeypatch.setattr(attention, "with_sources", counted)
    GRAPH.replay(small, CASES[case].made(small[1]), *recorded)
    assert bool(projected) == are_projected


def without_maps(record: RecordHandle) -> RecordHandle:
    """The same record, as if nothing were known of what its words looked at."""
    whole = record.recorded()
    exact = {name: tensor for name, tensor in whole.exact.items() if not name.startswith("token_maps/")}
    assert len(exact) < len(whole.exact)
    return RecordHandle(record.request, with_changes(whole, exact=exact))


@pytest.mark.parametrize("case", CASES)
def test_it_is_that_of_the_batch(small, recorded, looks, case):
    controller, (record, source) = CASES[case].made(small[1]), recorded
    both = GRAPH.both(small, controller)
    assert not looks
    made = GRAPH.replay(small, controller, record, source)
    assert bool(looks) == (not CASES[case].is_enough)
    assert relative(made, both[1:]) < 1e-5
    free = GRAPH.both(small, combined(refined(small[1]), following(small[1])))
    assert relative(made[-1:], free[-1:]) > 1e-3, "its mask leaves things out"
    looks.clear()
    assert relative(GRAPH.replay(small, controller, without_maps(record), source), made) < 1e-5
    assert looks


@pytest.mark.parametrize(("grids", "is_enough"), [("coarse", True), ("medium", True), ("all", False)])
def test_a_model_with_four_grids(looks, grids, is_enough):
    """Maps of its finest grid would be the larger part of the record."""
    with torch.inference_mode():
        setup = sd15()
    Graph(latent=lambda: empty_latent(64, 96)).expect(setup, halved(following(setup[1]), grids=grids))
    assert bool(looks) == (not is_enough)


def test_several_pictures(small, looks):
    graph = Graph(latent=lambda: {**empty_latent(64, 64, 2), "batch_index": [0, 1]})
    controller = combined(halved(following(small[1])), halved(refined(small[1])))
    graph.expect(small, controller)
    assert not looks


def test_adjusted_maps(small, recorded, looks):
    """Their targets see the source's map as it was adjusted."""
    record, source = recorded
    louder = outputs(P2PAdjustScale, record=record, scales="cat: -1", latent=None)[0]
    controller = halved(following(small[1]))
    made = GRAPH.replay(small, controller, louder, source)
    assert not looks
    bare = without_maps(record)
    again = outputs(P2PAdjustScale, record=bare, scales="cat: -1", latent=None)[0]
    assert relative(GRAPH.replay(small, controller, again, source), made) < 1e-5
    assert relative(GRAPH.replay(small, controller, record, source), made) > 1e-3


@pytest.mark.parametrize(
    "settings",
    [{"start": 0.3, "end": 0.8}, {"cross_grids": "coarse"}, {"budget": 1}, {"keep": "key words", "words": "cat"}],
)
def test_a_record_of_a_part(small, looks, settings):
    """Nothing is seen where nothing is kept, as if all had to be made of it."""
    record, source = GRAPH.record(small, **settings)
    controller = halved(following(small[1]), grids="coarse")
    made = GRAPH.replay(small, controller, record, source)
    if settings.get("keep"):
        assert looks
        assert not any(name.startswith("token_maps/") for name in record.recorded().exact)
        return
    assert not looks
    assert relative(GRAPH.replay(small, controller, without_maps(record), source), made) < 1e-5


def test_maps_of_grids_that_are_not_kept_are_not(small):
    record, _ = GRAPH.record(small, cross_grids="coarse")
    kept = {name.rsplit("/")[-1] for name in record.recorded().exact if name.startswith("token_maps/")}
    whole = {name.rsplit("/")[-1] for name in GRAPH.record(small)[0].recorded().exact if name.startswith("token_maps/")}
    assert kept < whole


def test_they_are_exact_whatever_the_precision_of_the_rest(small):
    """A mask has hard edges: a rounded map may put a place on the other side."""
    exact = GRAPH.record(small, precision="int8")[0].recorded().exact
    assert {tensor.dtype for name, tensor in exact.items() if name.startswith("token_maps/")} == {torch.float32}
