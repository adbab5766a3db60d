"""Bad input (design, section 6): each mistake gets its sentence before the model is called, and harms nothing."""

import asyncio
import inspect
import re
from collections.abc import Mapping

import execution
import folder_paths
import pytest
import torch
from p2p.p2p_core.errors import P2PError

import nodes as host_nodes

from .graph import applied, outputs, relative, replace_controller, sample, text
from .test_schema import NODES
from .tiny_models import sdxl_shaped
from .tiny_sdxl import initialised, tiny_clip
from .wrong_inputs import CHOICES, NUMBERS, TEXTS, Good
from .wrong_objects import GRAPHS, KINDS, OBJECTS

NEED_A_FILE = ("P2PLoadAttention", "P2PLoadRecord")
CASES = [*NUMBERS, *CHOICES, *TEXTS, *KINDS, *OBJECTS]


@pytest.fixture(scope="module")
def good():
    with torch.inference_mode():
        made = Good(sdxl_shaped("smallest"), _no_clip())
        made.wide_clip = tiny_clip()
        initialised(made.wide_clip.cond_stage_model, 7)
        yield made


def _no_clip():
    """A text encoder of another kind: T5's tokenizer has no start token and no pieces of words."""

    class T5Tokenizer:
        def tokenize_with_weights(self, text, return_word_ids=False, **kwargs):
            return {"t5xxl": [[(1, 1.0)]]}

    clip = tiny_clip()
    clip.tokenizer = T5Tokenizer()
    return clip


@pytest.fixture(scope="module")
def good_picture(good):
    with torch.inference_mode():
        return good.run()


@pytest.fixture(autouse=True)
def _no_harm(good, good_picture, tmp_path, monkeypatch):
    """After every case the same objects work as before."""
    for name in ("input", "output"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
    yield
    assert torch.equal(good.run(), good_picture)


def refused(good, attempt) -> str:
    """The sentence of an attempt, which must not reach the model."""
    before = len(good.calls)
    with pytest.raises(P2PError) as caught:
        attempt()
    assert len(good.calls) == before, "the model was called"
    return str(caught.value)


def check(sentence: str, parts: tuple[str, str]) -> None:
    names, does = parts
    assert re.search(names, sentence), sentence
    assert re.search(does, sentence), sentence
    assert sentence[-1] in ".?", sentence


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_wrong_input(good, case):
    check(refused(good, lambda: outputs(NODES[case.node], **case.given(good))), case.sentence)


@pytest.mark.parametrize("case", GRAPHS, ids=[case.name for case in GRAPHS])
def test_a_wrong_graph(good, case):
    check(refused(good, lambda: case.run(good)), case.sentence)


@pytest.mark.parametrize("name", [name for name in NODES if name not in NEED_A_FILE])
def test_what_a_case_changes_was_right(good, name):
    """Otherwise a case could be refused for another reason."""
    outputs(NODES[name], **good.inputs_of(name))


def test_every_input_is_in_the_table():
    changed = {(case.node, name) for case in CASES for name in case.inputs}
    kinds = ("INT", "FLOAT", "STRING", "COMBO", "CONDITIONING", "LATENT", "MASK", "IMAGE", "MODEL", "CLIP")
    kinds += ("P2P_CONTROLLER", "P2P_ATTENTION", "P2P_RECORD")
    inputs = {
        (name, wanted.id)
        for name, node in NODES.items()
        for wanted in node.define_schema().inputs
        if str(wanted.get_io_type()) in kinds
    }
    assert inputs - changed == set()
    assert len({case.name for case in [*CASES, *GRAPHS]}) == len(CASES) + len(GRAPHS) >= 60


def validated(case) -> bool:
    """Whether the node looks at all that is wrong before the queue. The host then leaves it to the node."""
    return set(case.inputs) <= set(inspect.signature(NODES[case.node].validate_inputs).parameters)


TYPED = [
    case
    for case in [*NUMBERS, *CHOICES, *TEXTS]
    if validated(case) and not case.depends_on_a_prompt and None not in case.inputs.values()
]


@pytest.mark.parametrize("case", TYPED, ids=[case.name for case in TYPED])
def test_what_is_typed_is_refused_before_the_queue(case):
    sentence = NODES[case.node].validate_inputs(**case.inputs)
    assert isinstance(sentence, str)
    check(sentence, case.sentence)


@pytest.mark.parametrize("name", [name for name, node in NODES.items() if "validate_inputs" in vars(node)])
def test_what_comes_through_a_link_is_not_known_before_the_queue(name):
    """The host gives None for it."""
    validate = NODES[name].validate_inputs
    assert validate(**dict.fromkeys(inspect.signature(validate).parameters)) is True


# The host makes texts of numbers and numbers of switches. It looks at no choice of a node of this kind.
API = [case for case in TYPED if case in TEXTS or type(next(iter(case.inputs.values()))) in (int, float)]
API = [case for case in API if not case.name.endswith("is no text")]


class TestTheHost:
    """Through the API no widget checks anything: only the host's own validation, and that of the nodes in it."""

    @pytest.mark.parametrize("case", API, ids=[case.name for case in API])
    def test_refuses_what_is_typed(self, good, case, monkeypatch):
        assert host_errors(good, case.node, case.inputs, monkeypatch)

    @pytest.mark.parametrize("name", [name for name in NODES if name not in NEED_A_FILE])
    def test_accepts_what_is_right(self, good, name, monkeypatch):
        assert not host_errors(good, name, {}, monkeypatch)


def host_errors(good, name: str, typed: Mapping[str, object], monkeypatch) -> list:
    """What the host says of one node, whose objects come from nodes that give what is asked for."""
    monkeypatch.setitem(host_nodes.NODE_CLASS_MAPPINGS, name, NODES[name])
    widgets = {key: value for key, value in good.inputs_of(name).items() if isinstance(value, (str, int, float))}
    prompt = {"1": {"class_type": name, "inputs": {**widgets, **typed}}}
    objects = {key: value for key, value in good.inputs_of(name).items() if key not in widgets}
    kinds = {wanted.id: str(wanted.get_io_type()) for wanted in NODES[name].define_schema().inputs}
    for key in objects:
        source = type(f"Gives{kinds[key]}", (), {"RETURN_TYPES": (kinds[key],), "INPUT_TYPES": classmethod(dict)})
        monkeypatch.setitem(host_nodes.NODE_CLASS_MAPPINGS, source.__name__, source)
        prompt[key] = {"class_type": source.__name__, "inputs": {}}
        prompt["1"]["inputs"][key] = [key, 0]
    return asyncio.run(execution.validate_inputs("id", prompt, "1", {}))[1]


@pytest.mark.parametrize(("source", "target"), [("", ""), ("", "a cat"), ("a cat", ""), ("!!", "?, ."), ("a cat", ",")])
def test_prompts_without_words_are_prompts(good, source, target):
    """Any two prompts align; what is wrong is only to ask for a word of one."""
    found = sample(*applied(good.model, good.clip, replace_controller(good.clip, source, target), good.latent), steps=2)
    assert found.isfinite().all()
    alone = sample(good.model, text(good.clip, source), good.negative, good.latent, steps=2)
    assert relative(found[:1], alone) < 1e-5
