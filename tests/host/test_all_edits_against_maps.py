"""Every kind of edit, in whole sampling runs, against the same runs with explicit maps (invariants 3 and 9)."""

from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.combine import P2PCombine
from p2p.nodes.local_blend import P2PLocalBlend
from p2p.nodes.move import P2PMoveController
from p2p.nodes.refine import P2PRefineController
from p2p.nodes.replace import P2PReplaceController
from p2p.nodes.reweight import P2PReweightController

from .graph import SOURCE, TARGET, applied, empty_latent, for_any_model, outputs, relative, sample, text
from .oracle import with_explicit_maps
from .tiny_models import sd15, sdxl_shaped
from .tiny_sdxl import tiny_sdxl

WINDOWS = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": ""}
PLACE = {"offset_x": 0.25, "offset_y": 0.0, "scale": 1.0, "start": 0.0, "end": 0.5}
LONGER = "a photo of a small fluffy cat on grass at night"
OTHER = "a drawing of a teddybear"
TOLERANCE = 1e-5  # measured: 7.4e-7 at most


@dataclass(frozen=True)
class Graph:
    """P2P nodes in the order of their chain."""

    pair: type | None = None  # Replace or Refine; None: the first of the chain takes the prompt alone
    prompts: tuple[str, str] = (SOURCE, TARGET)
    windows: dict = field(default_factory=dict)
    chain: tuple = ()  # (node, inputs) after it

    def controller(self, clip):
        controller = None
        source, target = (text(clip, prompt) for prompt in self.prompts)
        if self.pair is not None:
            controller = outputs(self.pair, source=source, target=target, **{**WINDOWS, **self.windows})[0]
        for node, inputs in self.chain:
            start = {"conditioning": source} if controller is None else {"controller": controller}
            controller = outputs(node, **inputs, **start)[0]
        return controller


def replace(source=SOURCE, target=TARGET, *chain, **windows):
    return Graph(P2PReplaceController, (source, target), windows, chain)


def refine(source=SOURCE, target=LONGER, *chain, **windows):
    return Graph(P2PRefineController, (source, target), windows, chain)


def alone(*chain):
    return Graph(None, (SOURCE, SOURCE), {}, chain)


def scaled(scales):
    return P2PReweightController, {"scales": scales}


def moved(word, **place):
    return P2PMoveController, {"word": word, **PLACE, **place}


CASES = {
    "replace": (replace(),),
    "replace, another length": (replace(LONGER, OTHER),),
    "replace, windows of words": (replace(word_windows="dog: 0-0.3\non grass: 0.2-0.6\nphoto: 0"),),
    "replace, late": (replace(cross_start=0.3, cross_end=1.0, self_start=0.5, self_end=1.0),),
    "refine": (refine(),),
    "refine, fewer words": (refine(LONGER, SOURCE),),
    "refine, other words": (refine(SOURCE, OTHER),),
    "refine, windows of words": (refine(word_windows="cat: 0.3-1\nphoto of a: 0-0.2"),),
    "self-attention off": (replace(self_attention="off"),),
    "only self-attention": (replace(cross_end=0.0, self_end=1.0),),
    "reweight alone": (alone(scaled("cat: 2.5")),),
    "reweight alone, negative": (alone(scaled("cat: -1\ngrass: 0 @ 0.2-0.7")),),
    "reweight a replacement": (replace(SOURCE, TARGET, scaled("dog: 1.7\na#2: -0.5 @ 0.3-1")),),
    "reweight a refinement twice": (
        refine(SOURCE, LONGER, scaled("fluffy cat: 2"), scaled("cat: 0.25 @ 0-0.5\nnight: -2")),
    ),
    "shift": (alone(moved("cat")),),
    "shift on the source's maps": (replace(SOURCE, SOURCE, moved("cat", offset_y=-0.3, end=1.0), self_end=0.0),),
    "shift of a swapped word": (replace(SOURCE, TARGET, moved("dog", end=1.0)),),
    "shift of a word with a window": (replace(SOURCE, TARGET, moved("dog", end=1.0), word_windows="dog: 0.2-0.5"),),
    "resize": (alone(moved("cat", offset_x=0.0, scale=1.8)),),
    "shrink and shift on mixed maps": (
        refine(SOURCE, LONGER, moved("fluffy cat", offset_x=-0.2, offset_y=0.1, scale=0.6, end=1.0)),
    ),
    "two words moved alike": (alone(moved("cat, grass", scale=1.3)),),
    "one word moved twice": (alone(moved("cat"), moved("cat", offset_x=-0.1, offset_y=0.2, scale=0.8, end=0.9)),),
    "moved and scaled": (replace(SOURCE, TARGET, moved("dog"), scaled("dog: 2\ngrass: -1 @ 0.2-0.6")),),
    "scaled and moved": (alone(scaled("cat: -1.5"), moved("cat", scale=1.4, end=1.0)),),
    "two targets": (replace(), refine()),
    "three targets of all kinds": (
        replace(self_attention="off", word_windows="dog: 0-0.3"),
        refine(SOURCE, LONGER, scaled("fluffy: 2")),
        replace(SOURCE, SOURCE, moved("cat", scale=0.7), self_end=0.0),
    ),
}

GRID_CASES = {
    f"{mode}, {grids}": replace(self_attention=mode, self_grids=grids, self_start=0.2, self_end=0.9)
    for mode in ("inject", "mutual")
    for grids in ("coarse", "medium", "all")
}


def controller_of(clip, graphs):
    controllers = [graph.controller(clip) for graph in graphs]
    controller = controllers[0]
    for other in controllers[1:]:
        controller = outputs(P2PCombine, first=controller, second=other)[0]
    return controller


def compare(model, clip, controller, latent, **sampling) -> tuple[float, float]:
    """How far the run is from the one with explicit maps, and how far a run without the edit is."""
    patched, *inputs = applied(model, clip, controller, latent)
    (edits,) = (entry.controller.edits for entry in controller.entries)
    expected = sample(with_explicit_maps(model, edits), *inputs, **sampling)
    return relative(sample(patched, *inputs, **sampling), expected), relative(
        sample(model, *for_any_model(*inputs), **sampling), expected
    )


@pytest.mark.parametrize("graphs", CASES.values(), ids=CASES)
def test_a_run_equals_the_one_with_explicit_maps(tiny, graphs):
    model, clip, _ = tiny
    found, plain = compare(model, clip, controller_of(clip, graphs), empty_latent(72, 104), steps=5)
    assert found < TOLERANCE
    assert plain > 20 * TOLERANCE


@pytest.fixture(scope="module")
def four_grids():
    return sd15()


class TestGridsOfSelfAttention:
    """SD 1.5 attends on four grids, so that coarse, medium and all are three different sets."""

    @pytest.mark.parametrize("graph", GRID_CASES.values(), ids=GRID_CASES)
    @pytest.mark.parametrize(("width", "height"), [(128, 128), (72, 136)])
    def test_a_run_equals_the_one_with_explicit_maps(self, four_grids, graph, width, height):
        model, clip, _ = four_grids
        found, plain = compare(model, clip, graph.controller(clip), empty_latent(width, height), steps=3)
        assert found < TOLERANCE
        assert plain > 20 * TOLERANCE

    @pytest.mark.parametrize("mode", ["inject", "mutual"])
    def test_the_sets_differ(self, four_grids, mode):
        model, clip, _ = four_grids
        found = [
            sample(*applied(model, clip, GRID_CASES[f"{mode}, {grids}"].controller(clip), empty_latent()), steps=3)[1]
            for grids in ("coarse", "medium", "all")
        ]
        assert relative(found[0], found[1]) > 10 * TOLERANCE
        assert relative(found[1], found[2]) > 10 * TOLERANCE


@pytest.mark.parametrize("graphs", [CASES["three targets of all kinds"], CASES["shift of a word with a window"]])
def test_groups_of_targets(tiny, graphs):
    model, clip, _ = tiny
    found, plain = compare(model, clip, controller_of(clip, graphs), empty_latent(104, 72, batch=2), steps=3)
    assert found < TOLERANCE
    assert plain > 20 * TOLERANCE


@pytest.mark.parametrize(
    ("sampler", "graph"),
    [
        ("heun", CASES["moved and scaled"][0]),
        ("dpmpp_2m", CASES["moved and scaled"][0]),
        ("euler_ancestral", CASES["moved and scaled"][0]),
        ("dpm_2", CASES["moved and scaled"][0]),
        ("dpmpp_sde", CASES["moved and scaled"][0]),
        ("seeds_3", CASES["moved and scaled"][0]),
        ("uni_pc", CASES["moved and scaled"][0]),
    ],
)
def test_other_samplers(tiny, sampler, graph):
    """The run with explicit maps gets the noise of a run whose edit does nothing: the same in all rows."""
    model, clip, _ = tiny
    controller = graph.controller(clip)
    (edits,) = (entry.controller.edits for entry in controller.entries)
    patched, positive, *rest = applied(model, clip, controller, empty_latent(72, 104))
    tying, of_nothing, *_ = applied(model, clip, replace(SOURCE, SOURCE).controller(clip))
    untouched = [[positive[0][0], {**positive[0][1], "p2p_group": of_nothing[0][1]["p2p_group"]}]]
    expected = sample(with_explicit_maps(tying, edits), untouched, *rest, sampler=sampler)
    plain = sample(tying, untouched, *rest, sampler=sampler)
    assert relative(sample(patched, positive, *rest, sampler=sampler), expected) < TOLERANCE
    assert relative(plain, expected) > 20 * TOLERANCE


WORDS = ["a", "the", "cat", "dog", "red", "fluffy", "teddybear", "hat", "on", "grass", "night", ",", "(blue:1.3)"]
prompts = st.lists(st.sampled_from(WORDS), min_size=3, max_size=9).map(" ".join)
windows = st.sampled_from([(0.0, 1.0), (0.0, 0.8), (0.2, 0.5), (0.4, 1.0), (0.0, 0.4), (0.3, 0.3)])
lengths = st.sampled_from([64, 72, 80, 104])


@st.composite
def graphs_of(draw, source: str, clip_words):
    """A chain of nodes on a source, with words that its target has."""
    target = draw(st.one_of(prompts, st.just(source)))
    words = st.sampled_from(clip_words(target))
    cross, attention = draw(windows), draw(windows)
    timed = draw(st.lists(st.tuples(words, windows), max_size=2))
    inputs = {
        "cross_start": cross[0], "cross_end": cross[1], "self_start": attention[0], "self_end": attention[1],
        "word_windows": "\n".join(f"{word}: {start}-{end}" for word, (start, end) in timed),
        "self_attention": draw(st.sampled_from(["inject", "mutual", "off"])),
        "self_grids": draw(st.sampled_from(["coarse", "medium", "all"])),
    }  # fmt: skip
    scales = draw(st.lists(st.tuples(words, st.sampled_from([-1.5, 0, 0.5, 2]), windows), max_size=2))
    chain = [scaled("\n".join(f"{word}: {scale} @ {a}-{b}" for word, scale, (a, b) in scales))] if scales else []
    if draw(st.booleans()):
        offset, size, (start, end) = (
            draw(st.sampled_from([-0.3, 0.1, 0.25])),
            draw(st.sampled_from([0.6, 1, 1.5])),
            draw(windows),
        )
        chain.append(moved(draw(words), offset_x=offset, offset_y=-offset / 2, scale=size, start=start, end=end))
    node = draw(st.sampled_from([P2PReplaceController, P2PRefineController]))
    return Graph(node, (source, target), inputs, tuple(draw(st.permutations(chain))))


def spoken_words(prompt: str) -> list[str]:
    return [word.strip("(:.13)") for word in prompt.split() if word != ","]


@st.composite
def runs(draw):
    """(graphs of one source's targets, width, height)."""
    has_words = prompts.filter(spoken_words)
    source = draw(has_words)
    with_words = graphs_of(source, lambda target: spoken_words(target) or ["a"])
    graphs = draw(st.lists(with_words.filter(lambda graph: spoken_words(graph.prompts[1])), min_size=1, max_size=2))
    return graphs, draw(lengths), draw(lengths)


@pytest.fixture(scope="module")
def smallest():
    return sdxl_shaped("smallest")


@settings(max_examples=20, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run=runs())
def test_any_edit_of_any_prompts_in_any_size(smallest, run):
    model, clip, _ = smallest
    graphs, width, height = run
    found, _ = compare(model, clip, controller_of(clip, graphs), empty_latent(width, height), steps=3)
    assert found < TOLERANCE


def everything(clip, **blend):
    """All edits at once: three targets, word windows, scales, moves, both self-attention modes, a local blend."""
    first = replace(SOURCE, TARGET, scaled("dog: 1.7\ngrass: -0.5 @ 0.2-0.8"), word_windows="dog: 0-0.4")
    second = refine(SOURCE, LONGER, moved("fluffy cat", scale=1.3), self_attention="mutual", self_grids="all")
    both = controller_of(clip, (first, second, alone(moved("cat"), scaled("cat: 1.5"))))
    names = {"target_words": "photo", "source_words": "", "keep_words": "", "threshold": 0.97, "start": 0.2}
    return outputs(P2PLocalBlend, controller=both, threshold_rule="max", **{**names, **blend})[0]


# Measured: 1.1e-3 and 7.6e-3 of the latents, 3e-4 and 1.5e-3 of the maps.
HALF = [(torch.float16, 2e-3, 1e-3), (torch.bfloat16, 1.2e-2, 4e-3)]


@pytest.mark.parametrize(("dtype", "of_latents", "of_maps"), HALF)
@pytest.mark.parametrize("mode", ["union", "instead"])
def test_everything_at_once_in_half_precision(tiny, dtype, of_latents, of_maps, mode):
    """Invariant 9. A place at the threshold may fall on the other side of it, here none does."""
    mask = torch.zeros(1, 104, 72)
    mask[:, 16:80, 8:56] = 1
    results = []
    for model, clip, _ in (tiny_sdxl(dtype), tiny):
        patched, *inputs = applied(model, clip, everything(clip, mask=mask, mask_mode=mode), empty_latent(72, 104))
        watched, store = outputs(
            P2PAttentionStore, model=patched, words="", prompt="positive", largest_grid="all", start=0.0, end=1.0,
            keep_steps=False,
        )  # fmt: skip
        results.append((sample(watched, *inputs), store.record, sample(model, *for_any_model(*inputs))))
    (found, record, _), (expected, expected_record, plain) = results
    for row in range(4):
        assert relative(found[row], expected[row]) < of_latents
    for row in (1, 2):  # what the edit changes is far more
        assert relative(plain[row], expected[row]) > 2 * of_latents
    for row, expected_row in zip(record.rows, expected_record.rows, strict=True):
        assert relative(row.maps.float(), expected_row.maps.float()) < of_maps
