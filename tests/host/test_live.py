"""What the browser is told while a run goes on: the right steps of the right node, and nothing that costs."""

import asyncio
import base64
import statistics
import sys
import time
from types import SimpleNamespace

import comfy.model_management
import numpy as np
import pytest
import torch
from p2p.nodes import PromptToPromptExtension
from p2p.nodes._host.conditioning import GROUP_KEY
from p2p.nodes._host.live import Live
from p2p.nodes._host.pacing import SHARE, Pace
from p2p.nodes.adjust_move import P2PAdjustMove
from p2p.nodes.apply import P2PApply
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.record import P2PRecord
from p2p.p2p_core.operators import plan
from torch.utils._python_dispatch import TorchDispatchMode

import nodes as host_nodes

from .executors import new_executor
from .graph import SOURCE, applied, empty_latent, outputs, plain_text, replace_controller, sample, text
from .kinds import KINDS, following, refined
from .test_record import EXACT
from .tiny_models import sdxl_shaped

STEPS = 5
STORE = {"words": "", "prompt": "positive", "largest_grid": "medium", "start": 0.0, "end": 1.0, "keep_steps": False}


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("smallest")


class Browser:
    """A server with somebody who listens."""

    client_id = "a browser"

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict]] = []

    def send_sync(self, event, data, client) -> None:
        assert client == self.client_id
        self.heard.append((event.removeprefix("prompt_to_prompt."), data))

    def of(self, *events: str) -> list[dict]:
        return [data for event, data in self.heard if event in events]


@pytest.fixture
def browser(monkeypatch) -> Browser:
    made = Browser()
    monkeypatch.setitem(sys.modules, "server", SimpleNamespace(PromptServer=SimpleNamespace(instance=made)))
    return made


def as_node(node, identity: str):
    """A node as the server runs it, which tells it its id."""
    return type(node.__name__, (node,), {"hidden": SimpleNamespace(unique_id=identity)})


def applied_as(identity: str, model, clip, controller, size: int = 64):
    inputs = {"model": model, "controller": controller, "negative": plain_text(clip, "")}
    return outputs(as_node(P2PApply, identity), **inputs, latent=empty_latent(size, size))


def live_store(model, identity: str = "9", **settings):
    return outputs(as_node(P2PAttentionStore, identity), model=model, **{**STORE, **settings}, live=True)


def acting(rows: list[dict], step: int) -> list[dict]:
    return [row for row in rows if any(first <= step < end for first, end in row["active"])]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_told_as_the_plan_has_it(small, browser, kind):
    model, clip, _ = small
    patched, positive, *rest = applied_as("3:7", model, clip, KINDS[kind](clip))
    sample(patched, positive, *rest, steps=STEPS)
    assert [event for event, _ in browser.heard] == ["run", *["step"] * STEPS, "end"]
    assert {data["node"] for _, data in browser.heard} == {"3:7"}
    assert len({data["run"] for _, data in browser.heard}) == 1
    assert [(data["step"], data["total"]) for data in browser.of("step")] == [(i, STEPS) for i in range(STEPS)]
    (begin,) = browser.of("run")
    assert begin["progress"] == sorted(begin["progress"]) and begin["end_progress"] == 1
    edits = positive[0][1][GROUP_KEY].controller.edits
    assert [target["prompt"] for target in begin["targets"]] == [edit.target.text for edit in edits]
    for edit, target in zip(edits, begin["targets"], strict=True):
        for step, operators in enumerate(plan(edit, begin["progress"])):
            rows = acting(target["rows"], step)
            kinds = {row["kind"] for row in rows}
            assert ((kinds - {"blend"}) != set()) == (operators is not None)
            assert ("self" in kinds) == (operators is not None and operators.self_attention is not None)
            assert ("move" in kinds) == (operators is not None and bool(operators.moved))
            assert ("blend" in kinds) == (edit.blend is not None and begin["progress"][step] >= edit.blend.start)
    assert browser.of("end")[0]["outcome"] == "done"


def test_what_was_adjusted_in_a_record_is_told(small, browser):
    """Of the same prompt again, which would be no edit."""
    model, clip, _ = small
    patched, record = outputs(P2PRecord, model=model, **EXACT)
    inputs = {"negative": plain_text(clip, "")}
    made = sample(patched, text(clip, SOURCE), *inputs.values(), empty_latent(64, 64), steps=STEPS)
    adjusted, _ = outputs(P2PAdjustMove, record=record, word="cat", offset_x=0.25, offset_y=0.0, scale=1.0)
    again = following(clip, target=SOURCE)
    for own in (record, adjusted):
        inputs |= {"controller": again, "latent": {"samples": made}, "record": own}
        sample(*outputs(as_node(P2PApply, "7"), model=model, **inputs), steps=STEPS)
    rows = [row for begin in browser.of("run") for target in begin["targets"] for row in target["rows"]]
    assert [(row["kind"], row["words"]) for row in rows if row["kind"] != "self"] == [
        ("adjust", "cat"),
        ("keep", "a photo of a cat on grass"),
    ]


def test_a_sampler_of_several_calls_tells_each_step_once(small, browser):
    model, clip, _ = small
    sample(*applied_as("7", model, clip, following(clip)), steps=STEPS, sampler="heun")
    assert [data["step"] for data in browser.of("step")] == [*range(STEPS)]


def test_stages_and_runs_have_names_of_their_own(small, browser):
    """Two samplers share one P2P Apply, the second goes on where the first stopped."""
    model, clip, _ = small
    patched, *inputs, latent = applied_as("7", model, clip, following(clip))
    first = sample(patched, *inputs, latent, steps=STEPS, last_step=2, force_full_denoise=False)
    sample(patched, *inputs, {**latent, "samples": first}, steps=STEPS, start_step=2, disable_noise=True)
    begins = browser.of("run")
    assert begins[0]["run"] != begins[1]["run"]
    assert begins[0]["end_progress"] == begins[1]["progress"][0] < 1
    assert [data["run"] for data in browser.of("end")] == [begin["run"] for begin in begins]


def test_each_p2p_apply_is_told_of_its_own_edits(small, browser):
    model, clip, _ = small
    first, second = following(clip), refined(clip)
    patched, positive, negative, latent = applied_as("1", model, clip, first)
    patched, other, *_ = applied_as("2", patched, clip, second)
    sample(patched, [*positive, *other], negative, latent, steps=2)
    prompts = {data["node"]: [target["prompt"] for target in data["targets"]] for data in browser.of("run")}
    assert prompts == {"1": ["a photo of a dog on grass"], "2": ["a photo of a fluffy cat on grass at night"]}
    assert [data["node"] for data in browser.of("end")] == ["1", "2"]


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(RuntimeError, "failed"), (comfy.model_management.InterruptProcessingException, "stopped")],
)
def test_a_run_that_stops_tells_its_end(small, browser, failure, outcome):
    model, clip, _ = small
    patched, *inputs = applied_as("7", model, clip, following(clip))
    calls = []

    def failing(function, call):
        calls.append(call)
        if len(calls) == 3:
            raise failure("on purpose")
        return function(call["input"], call["timestep"], **call["c"])

    patched = patched.clone()
    patched.set_model_unet_function_wrapper(failing)
    watching, _ = live_store(patched)
    with pytest.raises(failure):
        sample(watching, *inputs, steps=STEPS)
    assert [event for event, _ in browser.heard if event != "maps"] == ["run", "step", "step", "step", "end"]
    assert browser.of("end")[0]["outcome"] == outcome


class Forbidden(TorchDispatchMode):
    """No operation at all."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} was called while telling a step")


def test_telling_a_step_asks_the_device_for_nothing(small, browser, monkeypatch):
    model, clip, _ = small
    original, told = Live.step, []

    def guarded(self, *args):
        told.append(args)
        with Forbidden():
            original(self, *args)

    monkeypatch.setattr(Live, "step", guarded)
    sample(*applied_as("7", model, clip, following(clip)), steps=STEPS)
    assert len(told) == STEPS and len(browser.of("step")) == STEPS


def test_without_a_listener_nothing_is_sent_or_made(small, browser, monkeypatch):
    model, clip, _ = small
    browser.client_id = None
    monkeypatch.setattr(Pace, "allows", lambda self: pytest.fail("maps are offered to nobody"))
    monkeypatch.setattr("p2p.nodes._host.live.timeline", lambda *_: pytest.fail("a timeline for nobody"))
    patched, *inputs = applied_as("7", model, clip, following(clip))
    sample(live_store(patched)[0], *inputs, steps=2)
    monkeypatch.delitem(sys.modules, "server")
    sample(live_store(patched)[0], *inputs, steps=2)
    assert browser.heard == []


def test_a_node_that_nobody_called_by_id_is_silent(small, browser):
    model, clip, _ = small
    sample(*applied(model, clip, following(clip), empty_latent(64, 64)), steps=2)
    assert browser.heard == []


class TestMaps:
    @pytest.mark.parametrize("settings", [{}, {"keep_steps": True}, {"words": "cat, dog"}, {"prompt": "both"}], ids=str)
    def test_the_last_ones_are_the_record(self, small, browser, monkeypatch, settings):
        model, clip, _ = small
        monkeypatch.setattr(Pace, "allows", lambda self: True)
        patched, *inputs = applied_as("7", model, clip, replace_controller(clip))
        inputs[1] = text(clip, "blurry")
        watching, store = live_store(patched, "3:9", **settings)
        sample(watching, *inputs, steps=STEPS)
        told = browser.of("maps")
        assert [data["step"] for data in told] == [1, 2, 3, 4, 5]  # before the first there is nothing to see
        assert {data["node"] for data in told} == {"3:9"}
        last = told[-1]
        tiles = np.frombuffer(base64.b64decode(last["data"]), np.uint8).reshape(-1, last["height"], last["width"])
        assert len(tiles) == sum(len(row["words"]) for row in last["rows"])
        # The negative prompt is that of every picture, and shown of the first.
        recorded = [maps for maps in store.record.rows if maps.role or maps.row == 0]
        place = 0
        for row, maps in zip(last["rows"], sorted(recorded, key=lambda maps: maps.side == "negative"), strict=True):
            assert (row["side"], tuple(row["words"])) == (maps.side, maps.words)
            role = {None: "", 0: "source"}.get(row["target"], f"target {row['target']}")
            assert role == maps.role
            for map_ in maps.maps.float().mean(dim=0):
                expected = map_ / map_.max() * 255
                assert np.abs(tiles[place].astype(float) - expected.numpy()).max() <= 1
                place += 1

    def test_many_words_are_cut(self, small, browser, monkeypatch):
        model, clip, _ = small
        monkeypatch.setattr(Pace, "allows", lambda self: True)
        prompt = " ".join(f"word {chr(97 + i)}" for i in range(20))
        watching, _ = live_store(model)
        sample(watching, text(clip, prompt), plain_text(clip, ""), empty_latent(64, 64), steps=2)
        (row,) = browser.of("maps")[-1]["rows"]
        assert (len(row["words"]), row["left_out"], row["target"]) == (32, 8, None)

    def test_results_are_the_same_to_the_bit(self, small, browser, monkeypatch):
        model, clip, _ = small
        patched, *inputs = applied_as("7", model, clip, following(clip))
        plain, silent = outputs(P2PAttentionStore, model=patched, **STORE)
        expected = sample(plain, *inputs, steps=STEPS, sampler="dpmpp_2m_sde")
        assert not browser.of("maps")
        monkeypatch.setattr(Pace, "allows", lambda self: True)
        watching, store = live_store(patched)
        assert torch.equal(sample(watching, *inputs, steps=STEPS, sampler="dpmpp_2m_sde"), expected)
        assert len(browser.of("maps")) == STEPS
        for own, other in zip(store.record.rows, silent.record.rows, strict=True):
            assert torch.equal(own.maps, other.maps)

    def test_two_stores_take_turns(self, small, browser, monkeypatch):
        model, clip, _ = small
        monkeypatch.setattr(Pace, "allows", lambda self: True)
        watching, _ = live_store(model, "1")
        watching, _ = live_store(watching, "2")
        sample(watching, text(clip, "a cat"), plain_text(clip, ""), empty_latent(64, 64), steps=4)
        assert [data["node"] for data in browser.of("maps")] in (["1", "2", "1", "2"], ["2", "1", "2", "1"])


class TestPace:
    @staticmethod
    def run(cost, step: float, steps: int) -> tuple[Pace, int]:
        now = [0.0]
        pace, sent = Pace(0.01, lambda: now[0]), 0
        for number in range(steps):
            now[0] += step
            if pace.allows():
                with pace.counted():
                    now[0] += cost(number)
                pace.expect(cost(number))
                sent += 1
                assert pace.spent <= 0.01 * pace.elapsed or sent == 1
        return pace, sent

    @pytest.mark.parametrize("cost", [0.0001, 0.001, 0.004])
    def test_what_is_spent_stays_within_the_share(self, cost):
        pace, sent = self.run(lambda _: cost, step=0.1, steps=200)
        assert pace.spent == pytest.approx(sent * cost)
        assert pace.spent <= 0.01 * pace.elapsed
        assert sent == pytest.approx(min(0.01 * pace.elapsed / cost, 200 - 5), abs=3)

    def test_a_short_run_is_left_alone(self):
        assert self.run(lambda _: 0.001, step=0.02, steps=20)[1] == 0

    def test_a_dear_time_is_paid_back(self):
        pace, _ = self.run(lambda number: 0.05 if number < 6 else 0.001, step=0.1, steps=100)
        assert pace.spent <= 0.01 * pace.elapsed


def test_all_of_it_takes_at_most_one_percent(browser, monkeypatch):
    """On the embedded model, where a step is short: the time inside everything that only serves the display."""
    from p2p.nodes.mini_sdxl import P2PMiniSDXL

    model, clip, _ = outputs(P2PMiniSDXL, precision="fp32")
    inside = [0.0]

    def timed(owner, name):
        original = getattr(owner, name)

        def measuring(*args, **kwargs):
            begin = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                inside[0] += time.perf_counter() - begin

        monkeypatch.setattr(owner, name, measuring)

    for name in ("__init__", "begin", "step", "finish", "end"):
        timed(Live, name)
    patched, *inputs = applied_as("7", model, clip, replace_controller(clip), size=128)
    watching, _ = live_store(patched)
    shares = []
    for seed in range(3):
        inside[0], begin = 0.0, time.perf_counter()
        sample(watching, *inputs, steps=20, seed=seed)
        shares.append(inside[0] / (time.perf_counter() - begin))
    assert len(browser.of("step")) == 60
    assert browser.of("maps")
    assert 0 < statistics.median(shares) <= SHARE, shares


GRAPH = {
    "1": {"class_type": "P2PMiniSDXL", "inputs": {"precision": "fp32"}},
    "2": {"class_type": "P2PTextEncode", "inputs": {"clip": ["1", 1], "text": "a photo of a cat on grass"}},
    "3": {"class_type": "P2PReweightController", "inputs": {"conditioning": ["2", 0], "scales": "cat: 2"}},
    "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 128, "height": 128, "batch_size": 1}},
    "5:6": {
        "class_type": "P2PApply",
        "inputs": {"model": ["1", 0], "controller": ["3", 0], "negative": ["2", 0], "latent": ["4", 0]},
    },
    "7": {"class_type": "P2PAttentionStore", "inputs": {"model": ["5:6", 0], **STORE, "live": True}},
    "8": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["7", 0], "positive": ["5:6", 1], "negative": ["5:6", 2], "latent_image": ["5:6", 3], "seed": 1,
            "steps": 2, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        },
    },
    "9": {"class_type": "SaveLatent", "inputs": {"samples": ["8", 0], "filename_prefix": "live"}},
}  # fmt: skip


def renamed(graph: dict, old: str, new: str) -> dict:
    """The graph with another id for a node."""

    def link(value):
        return [new, value[1]] if isinstance(value, list) and value[0] == old else value

    return {
        new if name == old else name: {**node, "inputs": {key: link(value) for key, value in node["inputs"].items()}}
        for name, node in graph.items()
    }


@pytest.fixture
def queue(monkeypatch, tmp_path):
    """A function that queues a graph on a server that keeps its cache, and gives the ids of the nodes it had there."""
    monkeypatch.setattr("folder_paths.output_directory", str(tmp_path))
    for node in asyncio.run(PromptToPromptExtension().get_node_list()):
        monkeypatch.setitem(host_nodes.NODE_CLASS_MAPPINGS, node.GET_SCHEMA().node_id, node)
    monkeypatch.setattr(Pace, "allows", lambda self: True)
    executor = new_executor(client="a browser")

    def run(graph: dict) -> set[str]:
        executor.execute(graph, "run", {"client_id": "a browser"}, ["9"])
        failures = [message for event, message in executor.status_messages if event == "execution_error"]
        assert not failures, failures[0]["exception_message"]
        (cached,) = (data["nodes"] for event, data in executor.status_messages if event == "execution_cached")
        return set(cached)

    return run


def test_the_host_gives_the_id_and_caches_an_unchanged_graph(queue, browser):
    assert queue(GRAPH) == set()
    assert {data["node"] for data in browser.of("run", "step", "end")} == {"5:6"}
    assert {data["node"] for data in browser.of("maps")} == {"7"}
    assert queue(GRAPH) == set(GRAPH)
    assert len(browser.of("run")) == 1


def test_a_node_of_another_id_is_told_by_its_own(queue, browser):
    """As when it is copied, or put into a subgraph: the cache has the results of the same inputs."""
    queue(GRAPH)
    browser.heard.clear()
    cached = queue(renamed(renamed(GRAPH, "5:6", "6"), "7", "3:7"))
    assert {"1", "2", "3", "4"} <= cached
    assert {data["node"] for data in browser.of("run", "step", "end")} == {"6"}
    assert {data["node"] for data in browser.of("maps")} == {"3:7"}
