"""Ten thousand texts and prompts that were made to break the parsers, the search and the aligner.

They are the same in every run. Nothing but ``P2PError`` may come out, and what is accepted must mean what it says.
"""

import re
from collections import Counter
from random import Random

import core_fuzz
import pytest
import torch
from core_grammar import GRAMMAR, word_windows_of_first_version
from p2p.p2p_core import edit as edits
from p2p.p2p_core.alignment import align
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.grammar import format_scales, format_word_windows, format_words, parse_scales, parse_word_windows
from p2p.p2p_core.phrases import is_punctuation, split_occurrence
from p2p.p2p_core.windows import Window

TEXTS, PAIRS, PHRASES, EDITS = 10_000, 2000, 2000, 1000
PROMPTS_OF_A_TOKENIZER = 20  # it is slow once it has seen many words
ALWAYS = Window(0, 1)


def test_there_are_ten_thousand_cases():
    assert TEXTS + PAIRS + PHRASES + EDITS >= 10_000


def run(cases, check):
    """Check every case; returns how many there were of each outcome, which ``check`` names."""
    outcomes = Counter()
    for case in cases:
        try:
            outcomes[check(*case)] += 1
        except Exception as error:
            parts = [getattr(part, "chunk_length", part) for part in case]  # of a tokenizer, its chunks
            raise AssertionError(f"with {parts!r:.2000}") from error
    return outcomes


def least_shares(outcomes, **shares):
    """Fuzzing that is always refused, or never, tests nothing: each outcome makes up its share of the cases."""
    found = {name: outcomes[name] / outcomes.total() for name in shares}
    assert all(found[name] >= share for name, share in shares.items()), found


def tokenizers(random, prompts):
    """One for every prompt, a new one now and then."""
    for number in range(prompts):
        if number % PROMPTS_OF_A_TOKENIZER == 0:
            tokenizer = core_fuzz.tokenizer(random)
        yield tokenizer


class TestTexts:
    def texts(self):
        random = Random(1)
        return [(core_fuzz.input_text(random),) for _ in range(TEXTS)]

    @pytest.mark.parametrize("kind", GRAMMAR)
    def test_a_text_is_read_or_refused(self, kind):
        grammar = GRAMMAR[kind]

        def check(text):
            try:
                parsed = grammar.parse(text)
            except P2PError as error:
                assert 20 < len(str(error)) < 500
                return "refused"
            written = grammar.write(parsed)
            assert grammar.parse(written) == parsed
            assert grammar.write(grammar.parse(written)) == written
            return "read" if parsed else "blank"

        outcomes = run(self.texts(), check)
        assert outcomes.total() == TEXTS
        least_shares(outcomes, read=0.1, refused=0.005, blank=0.01)

    def test_texts_of_old_workflows_keep_their_meaning(self):
        def check(text):
            try:
                old = word_windows_of_first_version(text)
            except P2PError:
                return "refused"
            if any(not places(phrase) or is_quoted_number(phrase) for phrase, _ in old):
                return "found no word"
            assert [(places(phrase), window) for phrase, window in parse_word_windows(text)] == [
                (places(phrase), window) for phrase, window in old
            ]
            return "read" if old else "blank"

        outcomes = run(self.texts(), check)
        assert outcomes.total() == TEXTS
        least_shares(outcomes, read=0.1, refused=0.3)


def places(phrase):
    """What the search of a prompt sees of a phrase: its characters but punctuation, in words, and which occurrence."""
    wanted, number = split_occurrence(phrase)
    bare = "".join(" " if is_punctuation(character) else character for character in wanted.casefold())
    return (bare.split(), number) if bare.strip() and number != 0 else None


def is_quoted_number(phrase):
    """``"dog#2"`` in quotes was the words dog and 2, and is now the second dog."""
    unquoted = phrase.strip(core_fuzz.QUOTES)
    return split_occurrence(phrase)[1] is None and split_occurrence(unquoted)[1] is not None


class TestPairs:
    def pairs(self):
        random = Random(2)
        for tokenizer in tokenizers(random, PAIRS):
            source = core_fuzz.prompt_text(random)
            yield tokenizer, source, core_fuzz.changed_prompt_text(random, source), *core_fuzz.appended_keys(random)

    def test_any_two_prompts_align(self):
        changes = Counter()

        def check(tokenizer, source_text, target_text, source_keys, target_keys):
            source = tokenizer.read(source_text).extended(source_keys)
            target = tokenizer.read(target_text).extended(target_keys)
            alignment = align(source, target)
            assert words_once(alignment.pairs, source, target)
            check_mapper(alignment, source, target)
            back = align(target, source)
            assert count_kept(back) == count_kept(alignment)
            check_identity(source)
            changes.update({pair.change for pair in alignment.pairs})
            return "several chunks" if max(source.chunk_count, target.chunk_count) > 1 else "one chunk"

        outcomes = run(self.pairs(), check)
        assert outcomes.total() == PAIRS
        least_shares(outcomes, **{"several chunks": 0.25, "one chunk": 0.25})
        assert min(changes[change] for change in ("kept", "replaced", "added", "removed")) > PAIRS / 10


def words_once(pairs, source, target):
    """Every word of both prompts, once and in order."""
    return (
        tuple(word for pair in pairs for word in pair.source) == source.words
        and tuple(word for pair in pairs for word in pair.target) == target.words
    )


def positions_of(words):
    return [position for word in words for position in word.positions]


def check_mapper(alignment, source, target):
    mapper, carried, inherited = alignment.mapper, alignment.carried, alignment.inherited
    assert mapper.shape == (source.token_count, target.token_count)
    assert (mapper >= 0).all() and mapper.isfinite().all()
    rows, columns = mapper.sum(dim=1), mapper.sum(dim=0)
    assert ((rows == 0) | ((rows - 1).abs() < 1e-5)).all()  # a source token gives its map once or not at all
    assert not (carried & ~inherited).any()
    assert torch.equal(inherited, columns > 0)
    inherits = torch.zeros(target.token_count)
    for pair in alignment.pairs:
        old, new = positions_of(pair.source), positions_of(pair.target)
        inherits[new] = len(old) / max(len(new), 1)
        assert carried[new].tolist() == [pair.change == "kept"] * len(new)
        if pair.change == "kept":
            assert torch.equal(mapper[old][:, new], torch.eye(len(new)))
            assert (columns[new] == 1).all()
    for position in range(target.own_token_count, target.token_count):
        inherits[position] = source.appended == target.appended
    is_checked = torch.tensor([kind in (None, "appended") for kind in target.special])
    assert torch.allclose(columns[is_checked], inherits[is_checked], atol=1e-5)
    assert inherited[~is_checked].all()  # start, end and padding always read something
    kinds = {None: 0, "appended": 1, "start": 2, "end": 2, "padding": 2}
    read_by, reads = (torch.tensor([kinds[kind] for kind in prompt.special]) for prompt in (source, target))
    assert not mapper[read_by[:, None] != reads].any()


def check_identity(prompt):
    alignment = align(prompt, prompt)
    assert torch.equal(alignment.mapper, torch.eye(prompt.token_count))
    assert alignment.carried.all() and {pair.change for pair in alignment.pairs} <= {"kept"}


def count_kept(alignment):
    return sum(pair.change == "kept" for pair in alignment.pairs)


class TestPhrases:
    def prompts_and_phrases(self):
        random = Random(3)
        for tokenizer in tokenizers(random, PHRASES):
            text = core_fuzz.prompt_text(random)
            strange = random.choice([core_fuzz.phrase(random), core_fuzz.soup(random)])
            yield tokenizer, text, core_fuzz.phrase_of(random, text) if random.random() < 0.6 else strange

    def test_a_phrase_is_found_or_refused(self):
        def check(tokenizer, text, phrase):
            prompt = tokenizer.read(text)
            check_own_words_are_found(prompt)
            try:
                found = prompt.find(phrase)
            except P2PError as error:
                assert "Its words are: " in str(error) or re.search("write some first|Count from #1", str(error))
                return "refused"
            check_found(prompt, phrase, found)
            return "found"

        outcomes = run(self.prompts_and_phrases(), check)
        assert outcomes.total() == PHRASES
        least_shares(outcomes, found=0.2, refused=0.2)


def check_own_words_are_found(prompt):
    """What is offered to users is found, also when it was written into a text input and read again."""
    offered = {word.text: word for word in prompt.words if not word.is_punctuation}
    for word in offered.values():
        found = prompt.find(word.text)
        assert set(word.positions) <= set(found)
        (read_back,) = GRAMMAR["words"].parse(format_words([word.text]))
        assert prompt.find(read_back) == found


def check_found(prompt, phrase, found):
    assert found and list(found) == sorted(set(found))
    owners = [word for word in prompt.words if set(word.positions) & set(found)]
    assert sorted(positions_of(owners)) == list(found)  # whole words only
    assert not all(word.is_punctuation for word in owners)
    wanted, number = split_occurrence(phrase)
    if split_occurrence(wanted)[1] is None:  # of dog#2#3, "dog#2" alone would be something else
        assert set(found) <= set(prompt.find(wanted))
    if number is None:
        assert sorted(position for part in occurrences(prompt, wanted) for position in part) == list(found)


def occurrences(prompt, wanted):
    """The positions of the first occurrence, the second, and so on until there is none."""
    for number in range(1, len(prompt.words) + 2):
        try:
            yield prompt.find(f"{wanted}#{number}")
        except P2PError:
            return


class TestEdits:
    def edits(self):
        random = Random(4)
        for tokenizer in tokenizers(random, EDITS):
            source = core_fuzz.prompt_text(random)
            target = core_fuzz.changed_prompt_text(random, source)
            both = f"{core_fuzz.phrase_of(random, target)}: {random.random():.2f}"  # a window, and a scale
            text = core_fuzz.input_text(random) if random.random() < 0.4 else both
            yield tokenizer, source, target, text, random.choice([edits.replace, edits.refine]), random.random()

    def test_any_text_makes_an_edit_or_is_refused(self):
        def check(tokenizer, source_text, target_text, text, make, seed):
            source, target = tokenizer.read(source_text), tokenizer.read(target_text)
            check_written_words(source, target, make, Random(seed))
            assert make(target, target, ALWAYS, ALWAYS).is_identity
            assert make(source, target, Window(0, 0), None).is_identity
            try:
                edit = make(source, target, ALWAYS, None, parse_word_windows(text))
                for phrase, scale, window in parse_scales(text):
                    edit = edits.reweight(edit, phrase, scale, window)
            except P2PError:
                return "refused"
            for positions in (positions for positions, *_ in (*edit.word_windows, *edit.scales)):
                assert positions and all(target.special[position] is None for position in positions)
            return "made" if edit.scales else "made without words"

        outcomes = run(self.edits(), check)
        assert outcomes.total() == EDITS
        least_shares(outcomes, made=0.1, refused=0.2)


def check_written_words(source, target, make, random):
    """Words of the target that were written into the text inputs, as the browser does, reach their own tokens."""
    offered = [word for word in target.words if not word.is_punctuation]
    chosen = random.choices(offered, k=2) if offered else []
    windows = [(word.text, Window(0, random.random())) for word in chosen]
    scales = [(phrase, random.uniform(-100, 100), window) for phrase, window in windows]
    edit = make(source, target, ALWAYS, None, parse_word_windows(format_word_windows(windows)))
    assert torch.equal(edit.inherits, edit.alignment.inherited if make is edits.replace else edit.alignment.carried)
    for phrase, scale, window in parse_scales(format_scales(scales)):
        edit = edits.reweight(edit, phrase, scale, window)
    assert edit.word_windows == tuple((target.find(phrase), window) for phrase, window in windows)
    assert edit.scales == tuple((target.find(phrase), scale, window) for phrase, scale, window in scales)
    for word, (positions, _, _) in zip(chosen, edit.scales, strict=True):
        assert set(word.positions) <= set(positions)
