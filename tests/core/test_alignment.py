"""The alignment of any two prompts: against the published mappers, against brute force, and by its properties."""

import dataclasses
import itertools

import pytest
import torch
from core_cases import TOKENIZER, prompts, texts
from core_golden import PAIRS, alignment_cases, prompts_of_pair
from core_tokenizers import ToyTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st
from p2p.p2p_core.alignment import align
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.word_alignment import align_words, summary
from p2p.p2p_core.word_kinds import kinds_of_words

# The published replace mapper goes by the place in the prompt only; here the cat is the same cat in another place.
REORDERED = [("the the the cat", "the the cat the")]


def short_account(source, target):
    """``a:a cat>dog +red -old`` of two prompts of the toy tokenizer."""
    marks = {"kept": "{}:{}", "replaced": "{}>{}", "added": "+{1}", "removed": "-{0}"}
    pairs = align_words(TOKENIZER.read(source), TOKENIZER.read(target))
    return " ".join(
        marks[pair.change].format(*(" ".join(word.text for word in words) for words in (pair.source, pair.target)))
        for pair in pairs
    )


class TestPublished:
    @pytest.mark.parametrize("index", range(PAIRS))
    def test_replace_mapper(self, index):
        case = alignment_cases()[index]
        if case["replace_mapper"] is None:
            pytest.skip("the published replace mapper refuses or misaligns this pair")
        expected = torch.eye(77)
        for row, column, value in case["replace_mapper"]:
            expected[row, column] = value
        found = align(*prompts_of_pair(case)).mapper
        if (case["source"], case["target"]) in REORDERED:
            assert not torch.equal(found, expected)
            assert found[4, 3] == 1  # the cat
        else:
            assert torch.equal(found, expected)

    @pytest.mark.parametrize("index", range(PAIRS))
    def test_refine_mapper(self, index):
        case = alignment_cases()[index]
        source, target = prompts_of_pair(case)
        alignment = align(source, target)
        assert alignment.carried.tolist() == [alpha == 1 for alpha in case["refine_alphas"]]
        shorter = len(case["target_ids"]) < len(case["source_ids"])
        for column, row in enumerate(case["refine_mapper"]):
            wrong_there = shorter and target.special[column] == "padding"
            if alignment.carried[column] and not wrong_there:
                assert alignment.mapper[:, column].nonzero().tolist() == [[row]]
                assert alignment.mapper[row, column] == 1

    def test_all_pairs_are_tested(self):
        assert len(alignment_cases()) == PAIRS


class TestChoices:
    """Which words belong together, where several alignments keep as much."""

    @pytest.mark.parametrize(("source", "target", "account"), [
        ("a cat", "a fluffy dog", "a:a +fluffy cat>dog"),
        ("a fluffy cat", "a dog", "a:a fluffy cat>dog"),
        ("a teddy bear on a chair", "a lion on a chair", "a:a teddy bear>lion on:on a:a chair:chair"),
        ("a cat", "a dog wearing a hat", "a:a cat>dog +wearing +a +hat"),
        ("a cat wearing a red hat", "a dog", "a:a cat>dog -wearing -a -red -hat"),
        ("the cat", "a small dog", "the>a +small cat>dog"),
        ("a portrait of a man", "an oil portrait of an old man", "a>an +oil portrait:portrait of:of a>an +old man:man"),
        ("a red car", "a car", "a:a -red car:car"),
        ("a cat and a dog", "a dog and a cat", "a:a cat>dog and:and a:a dog>cat"),
        ("a cat", "a photo of a cat", "a:a +photo +of +a cat:cat"),
        ("a red cat", "a dog on grass", "a:a red cat>dog +on +grass"),
        ("a cat yawning", "a cat sitting", "a:a cat:cat yawning>sitting"),
        ("cat, dog", "cat dog", "cat:cat -, dog:dog"),
        ("cat, dog", "wolf; bear", "cat>wolf ,>; dog>bear"),
        ("cat, dog, bird", "bird, cat", "-cat -, -dog -, bird:bird +, +cat"),
        ("Cat!", "cat .", "cat:cat !>."),
        ("", "a cat", "+a +cat"),
        ("a cat", "", "-a -cat"),
        ("", "", ""),
    ])  # fmt: skip
    def test_account(self, source, target, account):
        assert short_account(source, target) == account

    def test_heads_and_modifiers(self):
        words = ["a", "big", "red", "car", "on", "grass", ",", "wet"]
        kinds = kinds_of_words(words, [word == "," for word in words])
        assert kinds == ("linking", "modifier", "modifier", "head", "linking", "head", "punctuation", "head")

    def test_summary(self):
        pairs = align_words(TOKENIZER.read("a red cat"), TOKENIZER.read("a dog on grass"))
        assert summary(pairs) == "red cat → dog, + on, + grass"
        assert summary(align_words(TOKENIZER.read("red dog"), TOKENIZER.read("dog"))) == "− red"


def _all_alignments(left, right):
    """Every order-preserving pairing of two word lists, punctuation never with a word: lists of pairs."""
    if not left or not right:
        yield []
        return
    first = left[0]
    yield from _all_alignments(left[1:], right)
    for place, word in enumerate(right):
        if first.is_punctuation == word.is_punctuation or first.text == word.text:
            for rest in _all_alignments(left[1:], right[place + 1 :]):
                yield [(first, word), *rest]


def _score(pairs):
    """Larger is better: kept words, then kept punctuation."""
    kept = [first for first, second in pairs if first.text == second.text]
    punctuation = sum(word.is_punctuation for word in kept)
    return len(kept) - punctuation, punctuation


@settings(max_examples=150)
@given(*[st.lists(st.sampled_from(["a", "cat", "red", ",", "."]), max_size=5).map(" ".join)] * 2)
def test_no_alignment_is_better(source, target):
    first, second = TOKENIZER.read(source), TOKENIZER.read(target)
    best = max(_score(pairs) for pairs in _all_alignments(first.words, second.words))
    pairs = align_words(first, second)
    found = [(pair.source[-1], pair.target[0]) for pair in pairs if pair.change in ("kept", "replaced")]
    assert _score(found) == best


@given(prompts, prompts)
def test_as_many_new_words_as_old_ones_replace_them(source, target):
    """The published rule, between two kept words; punctuation only takes the place of punctuation."""
    pairs = align_words(source, target)
    for is_kept, gap in itertools.groupby(pairs, key=lambda pair: pair.change == "kept"):
        gap = list(gap)
        old, new = ([word for pair in gap for word in getattr(pair, side)] for side in ("source", "target"))
        if not is_kept and len(old) == len(new) and not any(word.is_punctuation for word in old + new):
            assert {pair.change for pair in gap} == {"replaced"}


class TestProperties:
    @given(prompts)
    def test_a_prompt_aligns_with_itself_as_the_identity(self, prompt):
        alignment = align(prompt, prompt)
        assert torch.equal(alignment.mapper, torch.eye(prompt.token_count))
        assert alignment.carried.all() and alignment.inherited.all()
        assert all(pair.change == "kept" for pair in alignment.pairs)

    @given(prompts, prompts)
    def test_every_word_is_accounted_for_once_and_in_order(self, source, target):
        pairs = align(source, target).pairs
        assert tuple(word for pair in pairs for word in pair.source) == source.words
        assert tuple(word for pair in pairs for word in pair.target) == target.words

    @given(prompts, prompts)
    def test_every_source_token_gives_its_map_once_or_not_at_all(self, source, target):
        rows = align(source, target).mapper.sum(dim=1)
        given_away = (rows - 1).abs() < 1e-6
        assert (given_away | (rows == 0)).all()
        dropped = set((rows == 0).nonzero().flatten().tolist())
        removed = {
            position
            for pair in align(source, target).pairs
            if pair.change == "removed"
            for word in pair.source
            for position in word.positions
        }
        assert dropped - removed == {p for p in dropped if source.special[p] == "padding"}
        assert removed <= dropped

    @given(prompts, prompts)
    def test_columns_of_words_sum_to_what_they_inherit(self, source, target):
        alignment = align(source, target)
        columns = alignment.mapper.sum(dim=0)
        for pair in alignment.pairs:
            sources = [position for word in pair.source for position in word.positions]
            targets = [position for word in pair.target for position in word.positions]
            for position in targets:
                assert columns[position] == pytest.approx(len(sources) / len(targets))
                assert bool(alignment.carried[position]) == (pair.change == "kept")
                assert bool(alignment.inherited[position]) == (pair.change in ("kept", "replaced"))
            if pair.change == "kept":
                assert torch.equal(alignment.mapper[sources][:, targets], torch.eye(len(targets)))

    @given(prompts, prompts)
    def test_words_and_structure_never_meet(self, source, target):
        mapper = align(source, target).mapper
        of_source = torch.tensor([kind is not None for kind in source.special])
        of_target = torch.tensor([kind is not None for kind in target.special])
        assert not mapper[of_source][:, ~of_target].any()
        assert not mapper[~of_source][:, of_target].any()

    @given(prompts, prompts)
    def test_every_role_reads_its_own_role(self, source, target):
        alignment = align(source, target)
        for column, role in enumerate(target.special):
            if role is None:
                continue
            read = {source.special[row] for row in alignment.mapper[:, column].nonzero().flatten().tolist()}
            without_padding = {"end"} if role == "padding" else set()
            assert read in ({role}, without_padding)
            assert read
            assert alignment.carried[column]

    @given(prompts, prompts)
    def test_as_much_is_kept_in_both_directions(self, source, target):
        changes = [[pair.change for pair in align(*both).pairs] for both in ((source, target), (target, source))]
        assert changes[0].count("kept") == changes[1].count("kept")

    @given(prompts, prompts)
    def test_the_same_twice(self, source, target):
        first, second = align(source, target), align(source, target)
        assert torch.equal(first.mapper, second.mapper) and first.pairs == second.pairs

    @given(texts)
    def test_weights_and_case_do_not_matter(self, text):
        weighted = " ".join(f"({word}:1.5)" for word in text.split()).upper()
        plain, changed = TOKENIZER.read(text), TOKENIZER.read(weighted)
        assert all(pair.change == "kept" for pair in align(plain, changed).pairs)

    @settings(max_examples=300)
    @given(st.text(max_size=60), st.text(max_size=60))
    def test_any_text_aligns(self, source, target):
        first, second = TOKENIZER.read(source), TOKENIZER.read(target)
        alignment = align(first, second)
        assert alignment.mapper.shape == (first.token_count, second.token_count)
        assert alignment.mapper.isfinite().all()


class TestStructure:
    """Start, end and padding, with chunks of 12 tokens and words of one token."""

    def prompt(self, words):
        return TOKENIZER.read(" ".join(["a"] * words))

    def test_padding_reads_the_same_place(self):
        mapper = align(self.prompt(2), self.prompt(5)).mapper
        assert torch.equal(mapper[7:, 7:], torch.eye(5))
        assert mapper[3, 6] == 1  # end reads end
        assert not mapper[4:7].any()  # padding whose place the target gave to words

    def test_padding_in_the_place_of_words_shares_the_first_padding(self):
        mapper = align(self.prompt(5), self.prompt(2)).mapper
        assert mapper[7, 4:8].tolist() == [0.25] * 4
        assert torch.equal(mapper[8:, 8:], torch.eye(4))

    def test_padding_of_a_full_chunk_shares_the_end(self):
        mapper = align(self.prompt(10), self.prompt(8)).mapper
        assert mapper[11, 9:].tolist() == pytest.approx([1 / 3] * 3)

    def test_a_second_chunk_shares_start_and_padding_with_the_first(self):
        source, target = self.prompt(3), self.prompt(12)
        mapper = align(source, target).mapper
        assert mapper.shape == (12, 24)
        assert mapper[0, [0, 12]].tolist() == [0.5, 0.5]
        assert mapper[4, [11, 15]].tolist() == [0.5, 0.5]
        assert mapper[5, 16:18].tolist() == [0.5, 0.5]
        assert torch.equal(mapper[6:12, 18:24], torch.eye(6))

    def test_a_chunk_that_the_target_lacks_adds_to_the_last_it_has(self):
        mapper = align(self.prompt(12), self.prompt(3)).mapper
        assert mapper.shape == (24, 12)
        assert mapper[[0, 12], 0].tolist() == [1, 1]
        assert mapper[[11, 15], 4].tolist() == [1, 1]

    def test_of_many_chunks(self):
        mapper = align(self.prompt(35), self.prompt(15)).mapper
        starts = mapper[[0, 12, 24, 36]][:, [0, 12]].tolist()
        assert starts == [[1, 0], [0, 1], [0, 1], [0, 1]]


class TestAppended:
    """Tokens that another node put after the prompt's own, in chunks of 12."""

    keys = st.sampled_from(["", "ab", "abcd" * 3, "abdc" * 3, "abcd" * 6])

    @given(prompts, prompts, keys, keys)
    def test_the_prompts_own_tokens_align_as_without_them(self, source, target, first, second):
        own = align(source, target)
        found = align(source.extended(first), target.extended(second))
        inside = slice(source.token_count), slice(target.token_count)
        assert torch.equal(found.mapper[inside], own.mapper)
        assert torch.equal(found.carried[: target.token_count], own.carried)
        assert torch.equal(found.inherited[: target.token_count], own.inherited)
        assert found.pairs == own.pairs

    @given(prompts, prompts, keys, keys)
    def test_they_never_meet_the_prompts_own_tokens(self, source, target, first, second):
        mapper = align(source.extended(first), target.extended(second)).mapper
        assert not mapper[source.token_count :, : target.token_count].any()
        assert not mapper[: source.token_count, target.token_count :].any()

    def test_as_many_on_both_sides_go_together_in_order(self):
        source, target = TOKENIZER.read("a cat").extended("abcd"), TOKENIZER.read("a " * 12 + "dog").extended("abxd")
        alignment = align(source, target)
        assert torch.equal(alignment.mapper[12:, 24:], torch.eye(4))
        assert alignment.inherited[24:].all()
        assert alignment.carried[24:].tolist() == [True, True, False, True]  # x is another token than c

    @pytest.mark.parametrize(("first", "second"), [("", "abcd"), ("abcd", ""), ("abcd", "ab"), ("ab", "abcd")])
    def test_of_other_numbers_nothing_is_known(self, first, second):
        source, target = TOKENIZER.read("a cat").extended(first), TOKENIZER.read("a dog").extended(second)
        alignment = align(source, target)
        assert alignment.mapper.shape == (12 + len(first), 12 + len(second))
        assert not alignment.mapper[12:].any() and not alignment.mapper[:, 12:].any()
        assert not alignment.carried[12:].any() and not alignment.inherited[12:].any()


def test_chunks_of_different_lengths_are_refused():
    short, long = ToyTokenizer(chunk_length=12).read("a cat"), ToyTokenizer(chunk_length=77).read("a dog")
    with pytest.raises(P2PError, match='"a cat" is cut in chunks of 12 tokens, "a dog" in chunks of 77: encode both'):
        align(short, long)


def test_an_alignment_is_frozen():
    alignment = align(TOKENIZER.read("a"), TOKENIZER.read("b"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        alignment.mapper = torch.eye(12)
