"""What the published implementations get wrong with prompts, each by its row in the list of known pitfalls.

The rows about tokens, words and masks are here: equal word counts (1), the mapper after a word of another token count
(2), padding of a shorter target (3), words that are not found (4), empty maps (5), whole numbers as windows (6),
reweighting several words (10), transposed masks (11), undefined names (12), devices (13), and chunks, embeddings and
weights (16). ``tests/test_pitfalls_table.py`` has the list.
"""

import itertools
import re
from pathlib import Path

import pytest
import torch
from core_tokenizers import ToyTokenizer, embedding
from p2p.p2p_core import attention, operators
from p2p.p2p_core.alignment import align
from p2p.p2p_core.edit import move, refine, replace, reweight
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.local_blend import LocalBlend, blend_mask, blended
from p2p.p2p_core.operators import token_operators
from p2p.p2p_core.placement import Placement
from p2p.p2p_core.row_edits import row_edits, self_reads
from p2p.p2p_core.self_maps import SelfMapSums, mean_self_map
from p2p.p2p_core.windows import Window, paper_window
from p2p.p2p_core.word_maps import MapSums, indicator, word_maps

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


def test_pitfall_01_replace_takes_any_word_counts():
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


def test_pitfall_01_replace_takes_fewer_words():
    source, target = TOKENIZER.read("a big fluffy dog on the grass"), TOKENIZER.read("a cat")
    edit = replace(source, target, ALWAYS, None)
    assert dict(inherited_words(edit.alignment, source, target)) == {"a": {"a"}, "cat": {"big", "fluffy", "dog"}}


@pytest.mark.parametrize(
    ("old", "new"), [("burger", "cheeseburger-lasagne"), ("hippopotamus", "cat"), ("cat", "hippopotamus")]
)
def test_pitfall_02_what_follows_a_word_of_another_token_count_stays_aligned(old, new):
    source, target = TOKENIZER.read(f"a {old} at night"), TOKENIZER.read(f"a {new} at night")
    assert len(source.find(old)) != len(target.find(new))
    alignment = align(source, target)
    words = inherited_words(alignment, source, target)
    assert words[-2:] == [("at", {"at"}), ("night", {"night"})]
    ends = source.positions_of("end", range(1)), target.positions_of("end", range(1))
    assert alignment.mapper[ends[0][0], ends[1][0]] == 1
    assert (alignment.mapper.sum(dim=1) <= 1 + 1e-6).all()  # no source token is used twice
    assert (alignment.mapper[:, -10:].sum(dim=0) == 1).all()  # the last columns have their mass


def test_pitfall_03_a_shorter_target_never_wires_removed_words_to_padding():
    source, target = TOKENIZER.read("a man with a red hat and a dog"), TOKENIZER.read("a man and a dog")
    alignment = align(source, target)
    for position in target.positions_of("padding", range(1)):
        read = {source.special[row] for row in alignment.mapper[:, position].nonzero().flatten().tolist()}
        assert read == {"padding"}


class TestPitfall04:
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


def spot(height: int, width: int, y: int, x: int) -> torch.Tensor:
    """(1, 2, height, width) maps of a word seen at one place only, and of no word to keep."""
    maps = torch.zeros(1, 2, height, width)
    maps[0, 0, y, x] = 1
    return maps


@pytest.mark.parametrize("rule", ["max", "quantile"])
def test_pitfall_05_a_map_of_zeros_gives_an_empty_mask_and_no_nan(rule):
    blend = LocalBlend((1,), (1,), threshold=0.3, rule=rule)
    nothing = torch.zeros(1, 2, 4, 4)
    mask = blend_mask(nothing, nothing, blend, (8, 8))
    assert mask.dtype == torch.bool
    assert not mask.any()
    assert blended(torch.rand(2, 4, 8, 8), mask[:, None], 2).isfinite().all()


def test_pitfall_06_a_whole_number_is_a_window():
    assert [paper_window(1, 10).contains(step / 10) for step in range(10)] == [True] * 10
    assert not paper_window(0, 10).contains(0)
    assert Window(0, 1).contains(0.5)


def test_pitfall_10_several_words_of_several_tokens_are_reweighted_in_one_target():
    source = TOKENIZER.read("a fluffy hippopotamus with a cheeseburger")
    edit = reweight(reweight(replace(source, source, Window(0, 0), None), "cheeseburger", 2), "fluffy", -1)
    assert len(source.find("cheeseburger")) > 1
    own = token_operators(edit, 0).own
    expected = torch.ones(77)
    expected[list(source.find("cheeseburger"))] = 2
    expected[list(source.find("fluffy"))] = -1
    assert torch.equal(own, expected)


@pytest.mark.parametrize(("height", "width"), [(4, 8), (8, 4), (5, 3)])
def test_pitfall_11_the_mask_of_a_word_lies_where_the_word_is(height, width):
    """In portrait and landscape: a place near one corner, and no other."""
    y, x = height - 1, 0
    blend = LocalBlend((1,), (1,), threshold=0.5)
    mask = blend_mask(spot(height, width, y, x), spot(height, width, y, x), blend, (2 * height, 2 * width))[0, 0]
    expected = torch.zeros(2 * height, 2 * width, dtype=torch.bool)
    expected[2 * (y - 1) :, : 2 * (x + 2)] = True  # the place and its neighbours
    assert torch.equal(mask, expected)


@pytest.mark.parametrize("rule", ["max", "quantile"])
@pytest.mark.parametrize("mode", [None, "union", "intersection", "instead"])
@pytest.mark.parametrize("keeps", [False, True])
def test_pitfall_12_every_branch_of_the_blend_runs(rule, mode, keeps):
    """No name in it is undefined or comes from outside."""
    drawn = None if mode is None else torch.ones(1, 4, 6)
    kept = (2,) if keeps else ()
    blend = LocalBlend((1,), (1,), kept, kept, rule=rule, mask=drawn, mask_mode=mode or "union")
    maps = torch.rand(2, 2, 4, 6, generator=torch.Generator().manual_seed(0))
    mask = blend_mask(maps, maps.flip(0), blend, (8, 12))
    latents = torch.rand(4, 4, 8, 12)
    tied = blended(latents, mask[:, None], 2)
    assert torch.equal(tied[::2], latents[::2])
    assert torch.equal(tied[1::2], torch.where(mask, latents[1::2], latents[::2]))


HEADS, GRID = 2, (4, 6)
EVERY_EDIT = {
    "replace": lambda a, b: replace(a, b, Window(0, 0.5), ALWAYS),
    "two terms": lambda a, b: replace(a, b, ALWAYS, None, (("hippopotamus", Window(0.5, 1)),)),
    "refine": lambda a, b: refine(a, b, ALWAYS, ALWAYS, self_mode="mutual"),
    "reweight": lambda a, b: reweight(refine(a, b, ALWAYS, None), "hippopotamus", -2),
    "move": lambda a, b: move(replace(a, b, ALWAYS, None), "hippopotamus", Placement(0.25, -0.1, 2)),
}


@pytest.mark.parametrize("make", EVERY_EDIT.values(), ids=EVERY_EDIT)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_pitfall_13_the_core_runs_on_any_device(make, dtype):
    """On ``meta``, which refuses both to mix with other devices and to tell its values."""
    edit = make(TOKENIZER.read("a cat on grass"), TOKENIZER.read("a hippopotamus on grass"))

    def there(*shape):
        return torch.empty(*shape, dtype=dtype, device="meta")

    q, text = there(4, GRID[0] * GRID[1], 8), there(4, 77, 8)
    words = indicator([((1,),), ((1, 2),)], (77, 77), 77).to(q)
    sums, self_sums = MapSums(), SelfMapSums()
    for step, progress in enumerate((0.0, 0.4, 0.9)):
        found = [token_operators(edit, progress)]
        edits = row_edits([found], *text.shape[:2], text.device, dtype)
        edited = attention.edited_cross_attention(_attend, q, text, edits.values(text), edits, GRID, HEADS)
        reads = self_reads([found], len(q), ("coarse", "medium", "all"), q.device)
        looked = attention.edit_self_attention(q, q, q, reads)
        maps = word_maps(q, text, edits.values(words.repeat(2, 1, 1)), edits, HEADS, GRID)
        sums.add(step, "site", maps, GRID, (8, 12))
        self_sums.add(step, "site", mean_self_map(q, q, HEADS), GRID)
        for tensor in (edited, *looked, maps):
            assert (tensor.device.type, tensor.dtype) == ("meta", dtype)
    drawn = torch.ones(1, 4, 6)
    seen = sums.mean()[0][:, :2]
    for blend in (LocalBlend((1,), (1,)), LocalBlend((1,), (1,), mask=drawn), LocalBlend((1,), (1,), rule="quantile")):
        mask = blend_mask(seen[:2], seen[2:], blend, (8, 12))
        assert blended(there(4, 4, 8, 12), mask[:, None], 2).device.type == "meta"
    assert self_sums.mean().device.type == "meta"


def _attend(q, k, v):
    folded = (tensor.unflatten(2, (HEADS, -1)).transpose(1, 2) for tensor in (q, k, v))
    return torch.nn.functional.scaled_dot_product_attention(*folded).transpose(1, 2).flatten(2)


def test_pitfall_13_no_device_is_named_in_the_code():
    pack = Path(operators.__file__).parent.parent
    code = itertools.chain((pack / "p2p_core").rglob("*.py"), (pack / "nodes").rglob("*.py"))
    named = [path.name for path in code if re.search(r"[\"'.]cuda\b", path.read_text(encoding="utf-8"))]
    assert not named


class TestPitfall16:
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
