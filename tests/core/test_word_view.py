"""The words of an edit as plain data: phrases that mean one word each, tokens, and what the aligner did."""

import json

import pytest
from core_cases import TOKENIZER
from core_tokenizers import ToyTokenizer, embedding
from hypothesis import given
from hypothesis import strategies as st
from p2p.p2p_core.alignment import align
from p2p.p2p_core.edit import WHOLE, refine, replace
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.grammar import format_words, parse_words
from p2p.p2p_core.word_view import word_view


def view(source, target, kind="replace", tokenizer=TOKENIZER):
    return word_view(tokenizer.read(source), tokenizer.read(target), kind)


def texts(words, numbers):
    return " ".join(words[number]["text"] for number in numbers)


def account(shown):
    return [
        (pair["change"], texts(shown["source"], pair["source"]), texts(shown["target"], pair["target"]))
        for pair in shown["pairs"]
    ]


def phrases(shown):
    return [word["phrase"] for word in shown["target"]]


def test_what_became_of_every_word():
    assert account(view("a red cat on grass", "a dog on green grass")) == [
        ("kept", "a", "a"),
        ("replaced", "red cat", "dog"),
        ("kept", "on", "on"),
        ("added", "", "green"),
        ("kept", "grass", "grass"),
    ]
    assert account(view("a cat at night", "a cat"))[2:] == [("removed", "at", ""), ("removed", "night", "")]


def test_a_prompt_alone_is_kept():
    assert {pair["change"] for pair in view("a cat, a dog", "a cat, a dog")["pairs"]} == {"kept"}


@pytest.mark.parametrize(("kind", "inherits"), [("replace", [True, True, False]), ("refine", [True, False, False])])
def test_which_words_inherit_depends_on_the_kind_of_edit(kind, inherits):
    assert [word["inherits"] for word in view("a cat", "a dog on", kind)["target"]] == inherits


def test_words_that_stand_more_than_once_are_numbered():
    assert phrases(view("x", "a dog, a cat and a Dog")) == ["a#1", "dog#1", None, "a#2", "cat", "and", "a#3", "dog#2"]


def test_punctuation_is_marked_and_has_no_phrase():
    comma = view("x", "a, b")["target"][1]
    assert comma["punctuation"] and comma["phrase"] is None


def test_tokens_are_counted_in_their_chunk_and_the_special_ones_are_not_shown():
    shown = view("x", "cat " * 80)["target"]
    tokens = [token for word in shown for token in word["tokens"]]
    assert tokens[0] == [0, 1] and [1, 1] in tokens and [0, 0] not in tokens
    assert all(1 <= place <= 75 for _, place in tokens)


def test_a_sharp_in_the_name_of_an_embedding_is_no_occurrence():
    vectors = {name: {"style#2": embedding(2, name), "style": embedding(1, name, 1)} for name in ("g", "l")}
    tokenizer = ToyTokenizer(embeddings=vectors)
    shown = view("x", "embedding:style embedding:style#2", tokenizer=tokenizer)
    prompt = tokenizer.read("embedding:style embedding:style#2")
    assert [prompt.find(word["phrase"]) for word in shown["target"]] == [(1,), (2, 3)]


def test_a_kind_that_there_is_not():
    with pytest.raises(P2PError, match='no kind of edit "blur": use replace or refine'):
        view("a", "b", "blur")


WORDS = ["cat", "Dog", "red", "teddy-bear", "don't", "'t", "20", "2", ",", "night", "(fog:1.3)", "#", "犬", "«x»"]
prompts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


@given(prompts, prompts, st.sampled_from(["replace", "refine"]))
def test_phrases_mean_their_word_alone_and_pairs_are_those_of_the_edit(source, target, kind):
    prompt = TOKENIZER.read(target)
    shown = json.loads(json.dumps(view(source, target, kind)))
    for word, told in zip(prompt.words, shown["target"], strict=True):
        assert (told["phrase"] is None) == word.is_punctuation
        if told["phrase"] is not None:
            assert prompt.find(told["phrase"]) == word.positions
            assert parse_words(format_words([told["phrase"]])) == (told["phrase"],)
    edit = {"replace": replace, "refine": refine}[kind](TOKENIZER.read(source), prompt, WHOLE, None)
    for word, told in zip(prompt.words, shown["target"], strict=True):
        assert told["inherits"] == all(bool(edit.inherits[position]) for position in word.positions)
    words = [tuple(word.text for word in pair.target) for pair in align(TOKENIZER.read(source), prompt).pairs]
    assert [tuple(shown["target"][number]["text"] for number in pair["target"]) for pair in shown["pairs"]] == words
