"""The known pitfalls of published implementations of Prompt-to-Prompt, and the tests that each has here."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

CORE, HOST = "tests/core/test_published_pitfalls.py", "tests/host/test_pitfalls.py"
BLEND, STORE = "tests/host/test_local_blend.py", "tests/host/test_attention_store.py"
INVARIANTS, SAMPLERS = "tests/host/test_every_node_invariants.py", "tests/host/test_samplers.py"
BESIDE = "tests/host/beside"

# row: (what goes wrong elsewhere, tests)
PITFALLS: dict[int, tuple[str, list[str]]] = {
    1: (
        "replace needs equal word counts",
        [
            f"{CORE}::test_pitfall_01_replace_takes_any_word_counts",
            f"{CORE}::test_pitfall_01_replace_takes_fewer_words",
        ],
    ),
    2: (
        "the mapper of replace misaligns what follows a word of another token count",
        [f"{CORE}::test_pitfall_02_what_follows_a_word_of_another_token_count_stays_aligned"],
    ),
    3: (
        "refine wires the removed words of a shorter target to padding",
        [f"{CORE}::test_pitfall_03_a_shorter_target_never_wires_removed_words_to_padding"],
    ),
    4: (
        "a word that is not found is silent, and punctuation, case and phrases are not found",
        [
            f"{CORE}::TestPitfall04::test_found",
            f"{CORE}::TestPitfall04::test_not_found",
            "tests/host/test_wrong_inputs.py::test_a_wrong_input",
        ],
    ),
    5: (
        "an empty blend divides by zero and the edit vanishes silently",
        [
            f"{CORE}::test_pitfall_05_a_map_of_zeros_gives_an_empty_mask_and_no_nan",
            f"{HOST}::test_pitfall_05_an_edit_that_its_blend_takes_away_is_said",
            f"{BLEND}::TestRefusalsAndWarnings::test_an_edit_that_is_lost_in_all_pictures",
            f"{BLEND}::TestRefusalsAndWarnings::test_an_edit_that_is_lost_in_one_of_two_pictures",
        ],
    ),
    6: (
        "a whole number as a window is a TypeError",
        [f"{CORE}::test_pitfall_06_a_whole_number_is_a_window"],
    ),
    7: (
        "without guidance the heads of the target are split into a source and a target",
        [f"{HOST}::test_pitfall_07_cfg_off_edits_target_rows_and_mixes_no_heads"],
    ),
    8: (
        "the starting noise is not shared, and the windows of users are ignored",
        [
            f"{HOST}::test_pitfalls_08_and_09_all_targets_start_from_their_source_s_noise",
            f"{HOST}::test_pitfall_08_every_setting_of_the_user_acts",
        ],
    ),
    9: (
        "the noise is shared with the first target only, and one prompt is an IndexError",
        [
            f"{HOST}::test_pitfalls_08_and_09_all_targets_start_from_their_source_s_noise",
            f"{HOST}::test_pitfall_09_a_group_of_one_prompt_needs_no_second",
            f"{INVARIANTS}::test_invariant_5_two_targets_get_the_noise_of_their_source",
        ],
    ),
    10: (
        "reweighting several words makes rows of them, and words of several tokens do not fit",
        [
            f"{CORE}::test_pitfall_10_several_words_of_several_tokens_are_reweighted_in_one_target",
            f"{HOST}::test_pitfall_10_words_of_several_tokens_and_several_words",
        ],
    ),
    11: (
        "pictures that are not square get transposed masks, and no self-attention in portrait",
        [
            f"{CORE}::test_pitfall_11_the_mask_of_a_word_lies_where_the_word_is",
            f"{HOST}::test_pitfall_11_self_attention_is_injected_in_portrait_and_landscape",
            f"{HOST}::test_pitfall_11_a_drawn_mask_is_not_transposed",
            "tests/host/test_local_blend_literally.py::TestTheLiteralLoop::test_equal_to_the_bit",
        ],
    ),
    12: (
        "the blend uses undefined and global names",
        [f"{CORE}::test_pitfall_12_every_branch_of_the_blend_runs"],
    ),
    13: (
        "the device is hard-coded",
        [
            f"{CORE}::test_pitfall_13_the_core_runs_on_any_device",
            f"{CORE}::test_pitfall_13_no_device_is_named_in_the_code",
        ],
    ),
    14: (
        "stochastic samplers draw other noise for each row, and samplers of several calls unsync the schedule",
        [
            f"{HOST}::test_pitfall_14_the_step_is_that_of_the_noise_level",
            f"{HOST}::test_pitfall_14_a_window_ends_with_its_step_however_often_the_model_is_called",
            f"{SAMPLERS}::test_invariant_5_rows_of_a_group_get_the_same_noise",
            f"{INVARIANTS}::test_invariant_5_two_targets_get_the_noise_of_their_source",
            f"{STORE}::TestCallsOfTheModel::test_samplers_of_several_calls_record_each_step_once",
        ],
    ),
    15: (
        "a counter of layers breaks where layers are skipped or conditions run in separate passes",
        [
            f"{HOST}::test_pitfall_15_layers_that_are_skipped_in_some_steps",
            f"{HOST}::test_pitfall_15_conditions_in_separate_passes",
            f"{BESIDE}/test_attention_patches.py::test_caches_of_steps",
            f"{BESIDE}/test_samplers_custom.py::test_little_memory",
        ],
    ),
    16: (
        "prompts of over 77 tokens, embeddings and weights are not handled",
        [
            f"{CORE}::TestPitfall16::test_prompts_of_several_chunks",
            f"{CORE}::TestPitfall16::test_different_numbers_of_chunks",
            f"{CORE}::TestPitfall16::test_embeddings",
            f"{CORE}::TestPitfall16::test_weights",
            f"{HOST}::test_pitfall_16_chunks_and_weights_of_the_host_s_own_encoder",
        ],
    ),
    17: (
        "stored maps are views that pin the maps of the whole batch",
        [f"{HOST}::test_pitfall_17_what_is_stored_pins_no_other_memory"],
    ),
    18: (
        "both branches are fed the same latents, so that editing has no effect",
        [
            f"{HOST}::test_pitfall_18_source_and_targets_have_latents_of_their_own",
            f"{HOST}::test_pitfall_18_a_target_that_inherits_nothing_is_its_prompt_alone",
        ],
    ),
}
TESTS = [(row, test) for row, (_, tests) in PITFALLS.items() for test in tests]


def test_every_row_has_tests():
    assert list(PITFALLS) == list(range(1, 19))
    assert all(what and tests for what, tests in PITFALLS.values())


@pytest.mark.parametrize(("row", "test"), TESTS, ids=[f"{row}-{test.rpartition('::')[2]}" for row, test in TESTS])
def test_the_tests_of_a_row_exist(row, test):
    path, *names = test.split("::")
    scope = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    for name in names:
        found = [node for node in scope if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name]
        assert len(found) == 1, f"{name} is not in {path}"
        scope = found[0].body
        marks = [ast.unparse(mark) for mark in found[0].decorator_list]
        assert not any("skip" in mark or "xfail" in mark for mark in marks)


def test_every_pitfall_in_the_tests_is_in_the_table():
    """A test of a row that the table does not name would be one that nobody looks for."""
    named = {test for _, test in TESTS}
    for path in (CORE, HOST):
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
            if getattr(node, "name", "").startswith(("test_pitfall", "TestPitfall")):
                assert any(test.startswith(f"{path}::{node.name}") for test in named), node.name
