"""Any text in any input: what it asks for, or one sentence, in a time that nobody minds."""

import json

import pytest
import torch
from p2p.nodes._host.words_route import PromptReader, view_of
from p2p.nodes.attention_maps import P2PAttentionMaps
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.local_blend import P2PLocalBlend
from p2p.nodes.move import P2PMoveController
from p2p.nodes.refine import P2PRefineController
from p2p.nodes.replace import P2PReplaceController
from p2p.nodes.reweight import P2PReweightController
from p2p.nodes.tag_prompt import P2PTagPrompt
from p2p.nodes.text_encode import P2PTextEncode
from p2p.p2p_core.errors import P2PError
from p2p.tests.host.graph import outputs, plain_text, replace_controller, text

from . import hostile_files
from .counts import count
from .hostile_measuring import cheap
from .hostile_texts import TEXTS, common_words, distinct_words

SECONDS, MEMORY = 10, 700  # of any text; the encoder itself takes most of both
MOST_WORDS = 10_000
LONG = common_words(count(MOST_WORDS, 500), "a red cat on grass at night with rain")
CONTROLLERS = {"replace": P2PReplaceController, "refine": P2PRefineController}
WINDOWS = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4}


def attempt(node, **inputs):
    """The outputs of a node, or the sentence with which it refuses, within the time and memory of any text."""
    with cheap(SECONDS, MEMORY):
        try:
            return outputs(node, **inputs)
        except P2PError as error:
            sentence = str(error)
    assert 20 < len(sentence) <= 2100 and sentence[-1] in '.?!"…'
    return sentence


@pytest.mark.parametrize("name", TEXTS)
def test_as_a_prompt(tiny, name):
    """It is encoded exactly as the host encodes it, or refused."""
    _, clip, _ = tiny
    encoded = attempt(P2PTextEncode, clip=clip, text=TEXTS[name])
    if isinstance(encoded, str):
        assert not isinstance(attempt(P2PTextEncode, clip=clip, text="a cat"), str)
        return
    conditioning = encoded[0]
    plain = plain_text(clip, TEXTS[name])
    assert torch.equal(conditioning[0][0], plain[0][0]) or not plain[0][0].isfinite().all()
    assert not isinstance(attempt(P2PTagPrompt, clip=clip, text=TEXTS[name], conditioning=plain), str)
    other = text(clip, "a dog on grass")
    for source, target in ((other, conditioning), (conditioning, conditioning)):
        attempt(P2PReplaceController, source=source, target=target, word_windows="", **WINDOWS)


def test_what_can_be_read_is_read(tiny):
    """Refusing everything would be safe, too."""
    _, clip, _ = tiny
    readable = ["10,000 words", "families", "Chinese without spaces", "right to left", "markup", "no character",
                "control characters", "combining marks", "weights 100 deep", "invisible characters"]  # fmt: skip
    assert all(not isinstance(attempt(P2PTextEncode, clip=clip, text=TEXTS[name]), str) for name in readable)


@pytest.fixture(scope="module")
def prompts(tiny):
    """A short prompt and a long one."""
    with torch.inference_mode():
        return {"short": text(tiny[1], "a cat"), "long": text(tiny[1], LONG)}


@pytest.mark.parametrize("name", TEXTS)
def test_as_a_text_of_every_other_input(tiny, prompts, name):
    model, clip, _ = tiny
    given, store = TEXTS[name], hostile_files.store()
    where = {"offset_x": 0.1, "offset_y": 0.0, "scale": 1.0, "start": 0.0, "end": 0.5}
    blend = {"target_words": "", "source_words": "", "keep_words": "", "threshold": 0.3, "threshold_rule": "max"}
    store_settings = {"prompt": "positive", "largest_grid": "medium", "start": 0.0, "end": 1.0, "keep_steps": False}
    for conditioning in prompts.values():
        both = {"source": conditioning, "target": conditioning}
        attempt(P2PReplaceController, **both, word_windows=given, **WINDOWS)
        attempt(P2PReweightController, conditioning=conditioning, controller=None, scales=given)
        attempt(P2PMoveController, conditioning=conditioning, controller=None, word=given, **where)
    controller = replace_controller(clip)
    for kind in ("target_words", "source_words", "keep_words"):
        attempt(P2PLocalBlend, controller=controller, start=0.2, **{**blend, kind: given})
    attempt(P2PAttentionStore, model=model, words=given, **store_settings)
    attempt(P2PAttentionMaps, attention=store, image=torch.zeros(2, 64, 64, 3), words=given)
    for node, typed in (
        (P2PReplaceController, {**WINDOWS, "word_windows": given}),
        (P2PAttentionStore, {"words": given}),
        (P2PAttentionMaps, {"words": given}),
    ):
        with cheap(SECONDS, MEMORY):
            assert node.validate_inputs(**typed) is True or len(node.validate_inputs(**typed)) > 20


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_two_prompts_of_ten_thousand_words(tiny, kind):
    """Every word of both is accounted for once; the matrix of their tokens alone has 400 MiB."""
    _, clip, _ = tiny
    source = text(clip, common_words(MOST_WORDS, "a red cat on grass at night with rain"))
    target = text(clip, common_words(MOST_WORDS, "a blue dog on snow at noon with two small rain"))
    with cheap(15, 900):
        (controller,) = outputs(CONTROLLERS[kind], source=source, target=target, word_windows="dog: 0-0.4", **WINDOWS)
    (edit,) = controller.entries[0].controller.edits
    for side in ("source", "target"):
        seen = [word.positions for pair in edit.alignment.pairs for word in getattr(pair, side)]
        assert seen == [word.positions for word in getattr(edit, side).words] and len(seen) == MOST_WORDS
    assert {pair.change for pair in edit.alignment.pairs} >= {"kept", "replaced"}


def test_two_prompts_without_a_common_word(tiny):
    _, clip, _ = tiny
    source, target = text(clip, distinct_words(2500)), text(clip, distinct_words(2500, first=2500))
    with cheap(10, 900):
        outputs(P2PReplaceController, source=source, target=target, word_windows="", **WINDOWS)


@pytest.fixture(scope="module")
def reader():
    made = PromptReader()
    made.read("a cat")  # it makes its tokenizer now
    return made


@pytest.mark.parametrize("name", TEXTS)
def test_shown_in_the_browser(reader, name):
    for asked in ({"target": TEXTS[name]}, {"target": "a cat", "source": TEXTS[name], "kind": "refine"}):
        with cheap(SECONDS, MEMORY):
            try:
                json.dumps(view_of(reader, asked))
            except P2PError as error:
                assert 20 < len(str(error)) <= 2100
