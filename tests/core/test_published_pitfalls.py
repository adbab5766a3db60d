"""What the published implementations get wrong with prompts, each by its row in the list of known pitfalls.

The rows about tokens and words are here: equal word counts (1), the mapper after a word of another token count (2),
padding of a shorter target (3), words that are not found (4), whole numbers as windows (6), reweighting several words
(10), and chunks, embeddings and weights (16).
"""

import pytest
import torch
from core_tokenizers import ToyTokenizer, embedding
from p2p.p2p_core.alignment import align
from p2p.p2p_core.edit import replace, reweight
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.operators import token_operators
from p2p.p2p_core.windows import Window, paper_window

TOKENIZER = ToyTokenizer()
ALWAYS = Window(0, 1)


def inherited_words(alignment, source, target):
    """target word → the source words whose tokens it inherits from."""
    owner = {position: word.text for word in source.words for position in word.positions}
    return [
        (
            word.text,
            {
                owner.get(row, source.special[row])
                for row in alignment.mapper[:, word.positions].nonzero()[:, 0].tolist()
            },
        )
        for word in target.words
    ]


def test_row_1_replace_takes_any_word_counts():
    source, target = TOKENIZER.read("a cat"), TOKENIZER.read("a big fluffy dog on the grass")
    edit = replace(source, target, ALWAYS, None)
    words = dict(inherited_words(edit.alignment, source, target))
    assert words == {
        "a": {"a"},
        "big": set(),
        "fluffy": set(),
        "dog": {"cat"},
        "on": set(),
        "the": set(),
        "grass": set(),
    }


def test_row_1_replace_takes_fewer_words():
    source, target = TOKENIZER.read("a big fluffy dog on the grass"), TOKENIZER.read("a cat")
    edit = replace(source, target, ALWAYS, None)
    assert dict(inherited_words(edit.alignment, source, target)) == {"a": {"a"}, "cat": {"big", "fluffy", "dog"}}


@pytest.mark.parametrize(
    ("old", "new"), [("burger", "cheeseburger-lasagne"), ("hippopotamus", "cat"), ("cat", "hippopotamus")]
)
def test_row_2_what_follows_a_word_of_another_token_count_stays_aligned(old, new):
    source, target = TOKENIZER.read(f"a {old} at night"), TOKENIZER.read(f"a {new} at night")
    assert len(source.find(old)) != len(target.find(new))
    alignment = align(source, target)
    words = inherited_words(alignment, source, target)
    assert words[-2:] == [("at", {"at"}), ("night", {"night"})]
    ends = source.positions_of("end", range(1)), target.positions_of("end", range(1))
    assert alignment.mapper[ends[0][0], ends[1][0]] == 1
    assert (alignment.mapper.sum(dim=1) <= 1 + 1e-6).all()  # no source token is used twice
    assert (alignment.mapper[:, -10:].sum(dim=0) == 1).all()  # the last columns have their mass


def test_row_3_a_shorter_target_never_wires_removed_words_to_padding():
    source, target = TOKENIZER.read("a man with a red hat and a dog"), TOKENIZER.read("a man and a dog")
    alignment = align(source, target)
    for position in target.positions_of("padding", range(1)):
        read = {source.special[row] for row in alignment.mapper[:, position].nonzero().flatten().tolist()}
        assert read == {"padding"}


class TestRow4:
    """Words with punctuation, capitals, hyphens and double spaces are found; what is missing is never silent."""

    @pytest.mark.parametrize(("text", "phrase", "words"), [
        ("a cat, sitting", "cat", ["cat"]),
        ("a cat, sitting", "cat,", ["cat"]),
        ("a Cat sitting", "CAT", ["cat"]),
        ("a teddy bear", "teddy bear", ["teddy", "bear"]),
        ("a teddy-bear, sitting", "Teddy-Bear", ["teddy", "-", "bear"]),
        ("a  cat   sitting", "sitting", ["sitting"]),
        ("a\ncat", "a cat", ["a", "cat"]),
    ])  # fmt: skip
    def test_found(self, text, phrase, words):
        prompt = TOKENIZER.read(text)
        positions = tuple(position for word in prompt.words if word.text in words for position in word.positions)
        assert prompt.find(phrase) == positions

    def test_not_found(self):
        with pytest.raises(P2PError, match='"dog" is not in the prompt "a cat, sitting"'):
            TOKENIZER.read("a cat, sitting").find("dog")


def test_row_6_a_whole_number_is_a_window():
    assert [paper_window(1, 10).contains(step / 10) for step in range(10)] == [True] * 10
    assert not paper_window(0, 10).contains(0)
    assert Window(0, 1).contains(0.5)


def test_row_10_several_words_of_several_tokens_are_reweighted_in_one_target():
    source = TOKENIZER.read("a fluffy hippopotamus with a cheeseburger")
    edit = reweight(reweight(replace(source, source, Window(0, 0), None), "cheeseburger", 2), "fluffy", -1)
    assert len(source.find("cheeseburger")) > 1
    own = token_operators(edit, 0).own
    expected = torch.ones(77)
    expected[list(source.find("cheeseburger"))] = 2
    expected[list(source.find("fluffy"))] = -1
    assert torch.equal(own, expected)


class TestRow16:
    def test_prompts_of_several_chunks(self):
        start = "a photo of a cat , " * 14
        source, target = TOKENIZER.read(start + "and a red burger"), TOKENIZER.read(start + "and a blue burger")
        assert source.chunk_count == target.chunk_count > 1
        assert source.find("red")[0] > 77
        alignment = align(source, target)
        assert [pair.change for pair in alignment.pairs].count("kept") == len(source.words) - 1
        assert alignment.mapper[list(source.find("red"))][:, target.find("blue")].any()

    @pytest.mark.parametrize("longer_is_target", [True, False])
    def test_different_numbers_of_chunks(self, longer_is_target):
        long, short = TOKENIZER.read("a cat , " * 30 + "a dog"), TOKENIZER.read("a cat , a dog")
        source, target = (short, long) if longer_is_target else (long, short)
        edit = replace(source, target, ALWAYS, None)
        operators = token_operators(edit, 0)
        assert operators.inherit.shape == (source.token_count, target.token_count)
        assert source.token_count != target.token_count

    def test_embeddings(self):
        tokenizer = ToyTokenizer(embeddings={stream: {"style": embedding(4, stream)} for stream in "gl"})
        source, target = (
            tokenizer.read("a cat, embedding:style on grass"),
            tokenizer.read("a dog, embedding:style on grass"),
        )
        pairs = align(source, target).pairs
        assert [pair.change for pair in pairs] == ["kept", "replaced", "kept", "kept", "kept", "kept"]
        assert len(target.find("embedding:style")) == 4

    def test_weights(self):
        source, target = TOKENIZER.read("a (fluffy cat:1.3)s"), TOKENIZER.read("a fluffy (dog:0.7)s")
        assert [pair.change for pair in align(source, target).pairs] == ["kept", "kept", "replaced", "kept"]

    def test_weights_do_not_change_the_alignment(self):
        plain, weighted = (
            align(TOKENIZER.read(f"a {cat} on grass"), TOKENIZER.read(f"a {dog} on grass"))
            for cat, dog in (("fluffy cat", "fluffy dog"), ("(fluffy cat:1.3)", "fluffy (dog:0.7)"))
        )
        assert torch.equal(weighted.mapper, plain.mapper)
        assert torch.equal(weighted.carried, plain.carried)
