"""The store's handle, and which of its maps belong to which words."""

import copy

import pytest
import torch
from core_attention import request, row, row_stochastic, store
from p2p.p2p_core.attention_store import AttentionRecord, AttentionStore
from p2p.p2p_core.attention_words import picture_labels, word_columns
from p2p.p2p_core.errors import P2PError


def labels(columns):
    return [[word and word.label for word in column] for column in columns]


def values(columns):
    """The maps of the fixtures are constant: their value in 1/100."""
    return [[word and round(100 * float(word.attention.mean())) for word in column] for column in columns]


class TestStore:
    def test_an_empty_store_says_what_to_do(self):
        with pytest.raises(P2PError, match=r"is empty.*Connect the model output.*change the seed"):
            AttentionStore(request()).recorded()

    def test_a_run_that_recorded_nothing_is_told_apart(self):
        with pytest.raises(P2PError, match=r"recorded nothing.*Widen start and end"):
            AttentionStore(request(), AttentionRecord((), ())).recorded()

    def test_a_window_with_steps_is_not_blamed(self):
        with pytest.raises(P2PError, match=r"recorded nothing: in its window no prompt .* mask .* range .* cfg"):
            AttentionStore(request(), AttentionRecord((), (0.5,))).recorded()

    def test_copies_of_model_options_share_the_handle(self):
        handle = AttentionStore(request())
        options = copy.deepcopy({"transformer_options": {"store": [handle]}})
        assert options["transformer_options"]["store"][0] is handle

    def test_two_handles_of_equal_requests_are_two(self):
        assert AttentionStore(request()) != AttentionStore(request())

    def test_memory_is_that_of_its_tensors(self):
        assert AttentionStore(request()).get_ram_usage() == 0
        filled = store(row(0, "a cat", self_map=row_stochastic(2, 3)), row(1, "a dog"))
        assert filled.get_ram_usage() == 2 * (2 * 2 * 4 * 6 + 2 * 3 * 2 * 3)


class TestEveryWord:
    def test_one_prompt(self):
        columns = word_columns(store(row(0, "a cat on grass")))
        assert labels(columns) == [["a"], ["cat"], ["on"], ["grass"]]
        assert values(columns) == [[0], [1], [2], [3]]
        assert columns[0][0].attention.shape == (4, 6)
        assert columns[0][0].attention.dtype == torch.float32

    def test_a_replaced_word_shares_the_column(self):
        columns = word_columns(store(row(0, "a cat on grass"), row(1, "a dog on grass")))
        assert labels(columns) == [["a", "a"], ["cat", "dog"], ["on", "on"], ["grass", "grass"]]
        assert values(columns)[1] == [1, 11]

    def test_of_several_replaced_words_the_last_ones_share_columns(self):
        columns = word_columns(store(row(0, "a red car"), row(1, "a large blue house"), row(2, "a bus")))
        assert labels(columns) == [
            ["a", "a", "a"],
            [None, "large", None],
            ["red", "blue", None],
            ["car", "house", "bus"],
        ]

    def test_added_and_removed_words_leave_the_others_in_line(self):
        columns = word_columns(store(row(0, "a red cat"), row(1, "a cat asleep"), row(2, "a tiny red dog")))
        assert labels(columns) == [
            ["a", "a", "a"],
            [None, None, "tiny"],
            ["red", None, "red"],
            ["cat", "cat", "dog"],
            [None, "asleep", None],
        ]

    @pytest.mark.parametrize("other", ["", "dog", "cat cat dog on a grass", "grass on cat a"])
    def test_every_word_of_every_row_is_there_once_and_in_order(self, other):
        rows = [row(0, "a cat on grass"), row(1, other), row(2, "the cat")]
        columns = labels(word_columns(store(*rows)))
        for number, maps in enumerate(rows):
            assert [column[number] for column in columns if column[number]] == list(maps.words)

    def test_a_word_that_is_repeated_in_another_prompt_stays_in_line(self):
        columns = word_columns(store(row(0, "dog on grass"), row(1, "dog#1 on grass with dog#2")))
        assert labels(columns)[:3] == [["dog", "dog#1"], ["on", "on"], ["grass", "grass"]]

    def test_the_negative_prompt_follows_and_says_so(self):
        negative = row(0, "blur cat", side="negative")
        columns = word_columns(store(negative, row(0, "a cat")))
        assert labels(columns) == [["a"], ["cat"], ["blur (negative)"], ["cat (negative)"]]

    def test_a_row_without_maps_is_blank(self):
        assert labels(word_columns(store(row(2, "cat")))) == [[None, None, "cat"]]

    def test_several_prompts_of_one_row(self):
        combined = [row(number, text) for number in (0, 1) for text in ("a cat", "a moon")]
        assert labels(word_columns(store(*combined))) == [["a"] * 2, ["cat"] * 2, ["a"] * 2, ["moon"] * 2]


class TestChosenWords:
    def test_in_the_order_asked_for(self):
        columns = word_columns(store(row(0, "a cat on grass"), row(1, "a dog on grass")), ["grass", "Cat"])
        assert labels(columns) == [["grass", "grass"], ["cat", None]]

    def test_a_phrase_is_the_sum_of_its_words(self):
        columns = word_columns(store(row(0, "two teddy bear toys")), ["teddy bear"])
        assert (labels(columns), values(columns)) == ([["teddy bear"]], [[1 + 2]])

    def test_a_word_is_the_sum_of_its_occurrences_and_one_can_be_chosen(self):
        twice = store(row(0, ["a#1", "dog#1", "and", "a#2", "dog#2"], prompt="a dog and a dog"))
        assert values(word_columns(twice, ["dog", "dog#1", "dog#2", "a dog#2"])) == [[1 + 4], [1], [4], [3 + 4]]

    def test_in_both_prompts(self):
        both = store(row(0, "a cat"), row(0, "blurred cat", side="negative"))
        assert labels(word_columns(both, ["cat"])) == [["cat"], ["cat (negative)"]]
        assert labels(word_columns(both, ["blurred"])) == [["blurred (negative)"]]

    def test_phrases_that_were_chosen_for_the_store_are_found_as_typed(self):
        chosen = store(row(0, ["Teddy  bear", "dog#2"], prompt="a dog, a teddy bear, a dog"), words=["teddy bear"])
        assert labels(word_columns(chosen, ["teddy bear", "DOG#2"])) == [["Teddy  bear"], ["dog#2"]]
        for missing in ("teddy", "teddy bear dog", "dog"):
            with pytest.raises(P2PError, match=rf'No map of "{missing}".*Teddy  bear, dog#2'):
                word_columns(chosen, [missing])

    @pytest.mark.parametrize("missing", ["horse", "cat#2", "cat grass", "#1", "!"])
    def test_a_word_that_was_not_recorded_is_named_with_those_that_were(self, missing):
        with pytest.raises(P2PError, match=rf'No map of "{missing}".*a, cat, on, grass, dog\. Choose'):
            word_columns(store(row(0, "a cat on grass"), row(1, "a dog")), [missing])


class TestSteps:
    def test_one_step_or_the_mean(self):
        kept = row(0, "cat", maps=torch.tensor([0.1, 0.2, 0.6]).half()[:, None, None, None].expand(3, 1, 4, 6))
        filled = store(kept, keep_steps=True)
        assert [values(word_columns(filled, step=step)) for step in (0, 1, 2, -1)] == [[[10]], [[20]], [[60]], [[30]]]

    def test_a_prompt_of_some_of_the_steps(self):
        """Two prompts with timestep ranges: each has maps of its own steps only."""
        early, late = row(0, "cat", steps=1, steps_of=(0,)), row(0, "a dog", steps=2, steps_of=(1, 2))
        filled = AttentionStore(request(keep_steps=True), AttentionRecord((early, late), (0.0, 0.3, 0.6)))
        shown = [
            [column[0] and column[0].label for column in word_columns(filled, step=step)] for step in (0, 1, 2, -1)
        ]
        assert shown == [["cat", None, None], [None, "a", "dog"], [None, "a", "dog"], ["cat", "a", "dog"]]

    @pytest.mark.parametrize(
        ("keep_steps", "step", "message"), [(True, 3, "steps 0 to 2 were"), (False, 0, "only the mean")]
    )
    def test_a_step_that_was_not_kept(self, keep_steps, step, message):
        filled = store(row(0, "cat", steps=3 if keep_steps else 1), keep_steps=keep_steps)
        with pytest.raises(P2PError, match=rf"Step {step} was not kept, {message}.*-1 for the mean"):
            word_columns(filled, step=step)


def test_pictures_are_called_by_their_role_or_their_number():
    edited = store(
        row(0, "a", role="source"), row(1, "a", role="target 1"), row(1, "b", side="negative", role="target 1")
    )
    assert picture_labels(edited.recorded()) == ("source", "target 1")
    assert picture_labels(store(row(1, "a")).recorded()) == ("picture 1", "picture 2")
