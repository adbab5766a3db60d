"""Adjusted records: a replayed edit is the one that the batch makes with the same change, or that of explicit maps."""

from functools import partial

import pytest
import torch
from p2p.nodes.adjust_blend import P2PAdjustBlend
from p2p.nodes.adjust_mask import P2PAdjustMask
from p2p.nodes.adjust_move import P2PAdjustMove
from p2p.nodes.adjust_scale import P2PAdjustScale
from p2p.p2p_core import naive
from p2p.p2p_core.adjusted_pictures import adjusted_columns, columns_of_words, picture_of
from p2p.p2p_core.adjusted_record import recorded_prompts
from p2p.p2p_core.adjustment import adjusted_maps
from p2p.p2p_core.edit import replace
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.source_record import RecordHandle
from p2p.p2p_core.windows import Window
from p2p.tests.adjusted_maps import adjusted_and_edited_map

from .graph import SOURCE, applied, empty_latent, outputs, relative, sample
from .kinds import blended, combined, following, moved, refined, reweighted
from .oracle import with_explicit_maps
from .test_record import in_batch, recorded, replayed

MASK = torch.rand(1, 40, 24, generator=torch.Generator().manual_seed(4))
WHOLE = (0.0, 0.8)
WORDS = {"keep": "key words", "words": "cat, grass", "self_grids": "none"}


def same(clip, **settings):
    """The source again, its attention inherited: what adjustments alone are seen in."""
    return following(clip, target=SOURCE, **settings)


def of_words(clip, **settings):
    """The same with two words' attention alone."""
    windows = {"word_windows": "cat: 0-0.8\ngrass: 0-0.8", "self_attention": "off"}
    return same(clip, window=(0.0, 0.0), **windows, **settings)


def move(record, word="cat", x=0.25, y=-0.125, scale=1.5):
    return outputs(P2PAdjustMove, record=record, word=word, offset_x=x, offset_y=y, scale=scale)[0]


def scale(record, scales="cat: 2.5\ngrass: -0.5"):
    return outputs(P2PAdjustScale, record=record, scales=scales)[0]


def mix(record, word="cat", other="grass", amount=0.7):
    return outputs(P2PAdjustBlend, record=record, word=word, with_word=other, amount=amount)[0]


def draw(record, word="cat", strength=0.5):
    return outputs(P2PAdjustMask, record=record, mask=MASK, word=word, strength=strength)[0]


def louder(controller):
    return reweighted("cat: 2.5 @ 0-0.8\ngrass: -0.5 @ 0-0.8", controller=controller)


def moved_there(controller):
    return moved(controller=controller, window=WHOLE)


@pytest.mark.parametrize("make", [same, of_words], ids=["queries", "key words"])
@pytest.mark.parametrize(
    ("adjust", "edit"),
    [
        (move, moved_there),
        (scale, louder),
        (lambda record: move(scale(record)), lambda edit: moved_there(louder(edit))),
        (lambda record: move(move(record, x=0.1), x=0.15, scale=1.0), lambda edit: moved(
            controller=edit, x=0.25, y=-0.25, window=WHOLE)),
    ],
    ids=["move", "scale", "scale and move", "move twice"],
)  # fmt: skip
def test_it_is_the_edit_that_does_the_same_to_what_is_inherited(tiny, make, adjust, edit):
    model, clip, _ = tiny
    settings = WORDS if make is of_words else {"self_grids": "all"}
    record, source = recorded(model, clip, settings=settings)
    both = in_batch(model, clip, edit(make(clip)))
    made = replayed(model, clip, make(clip), adjust(record), source)
    assert relative(made, both[1:]) < 1e-5
    assert relative(made, source) > 2e-3
    assert torch.equal(replayed(model, clip, make(clip), record, source), source_again(tiny, make, record, source))


def source_again(tiny, make, record, source):
    """Of the record as it came in, which no adjustment touches."""
    model, clip, _ = tiny
    return replayed(model, clip, make(clip), RecordHandle(record.request, record.recorded()), source)


EDITS = {
    "reweight": lambda clip: reweighted("cat: 2\ngrass: -0.5 @ 0.3-1", controller=same(clip)),
    "combine": lambda clip: combined(following(clip), moved(controller=refined(clip), word="fluffy cat")),
}


def all_of_them(record):
    return move(mix(draw(move(scale(record)), "grass"), amount=0.4), "cat", x=-0.1, scale=0.8)


@pytest.mark.parametrize("kind", EDITS)
def test_it_equals_explicit_maps(tiny, kind, monkeypatch):
    model, clip, _ = tiny
    controller = EDITS[kind](clip)
    latent = {**empty_latent(136, 72, 2), "batch_index": [0, 1]}
    record, source = recorded(model, clip, latent)
    changed = all_of_them(record)
    made = replayed(model, clip, controller, changed, source)
    found = explicitly(tiny, controller, latent, changed.recorded().adjustments, monkeypatch)
    assert relative(made, found) < 1e-5
    assert relative(replayed(model, clip, controller, record, source), found) > 1e-2


def explicitly(tiny, controller, latent, adjustments, monkeypatch):
    """The targets of a batch with the adjusted maps of its source."""
    model, clip, _ = tiny
    monkeypatch.setattr(naive, "edited_map", partial(adjusted_and_edited_map, adjustments=adjustments))
    _, positive, negative, rows = applied(model, clip, controller, latent)
    edits = controller.entries[0].controller.edits
    both = sample(with_explicit_maps(model, edits), positive, negative, rows)
    return both.unflatten(0, (2, -1))[:, 1:].flatten(0, 1)


@pytest.mark.parametrize("adjust", [mix, draw, all_of_them])
def test_key_words_alone_equal_explicit_maps(tiny, adjust, monkeypatch):
    model, clip, _ = tiny
    latent = {**empty_latent(136, 72, 2), "batch_index": [0, 1]}
    record, source = recorded(model, clip, latent, settings=WORDS)
    changed = adjust(record)
    made = replayed(model, clip, of_words(clip), changed, source)
    found = explicitly(tiny, of_words(clip), latent, changed.recorded().adjustments, monkeypatch)
    assert relative(made, found) < 1e-5


def test_key_words_of_any_edit_are_all_that_it_inherits(tiny):
    model, clip, _ = tiny
    record, source = recorded(model, clip, settings=WORDS)
    made = replayed(model, clip, same(clip), move(record), source)
    assert relative(made, replayed(model, clip, of_words(clip), move(record), source)) < 1e-5


def test_a_prompt_alone_is_no_identity_any_more(tiny):
    """The article's own example: record, move the cat, run again."""
    model, clip, _ = tiny
    record, source = recorded(model, clip, settings={"self_grids": "none"})
    alone = reweighted("", clip)
    assert relative(replayed(model, clip, alone, record, source), source) < 1e-5
    assert relative(replayed(model, clip, alone, move(record), source), source) > 2e-3
    assert relative(replayed(model, clip, alone, move(record, x=0.0, y=0.0, scale=1.0), source), source) < 1e-5


def test_a_local_blend_sees_the_adjusted_maps(tiny):
    model, clip, _ = tiny
    record, source = recorded(model, clip, settings={"self_grids": "all"})
    controller = blended(same(clip), target_words="cat", source_words="cat")
    both = in_batch(model, clip, blended(moved_there(same(clip)), target_words="cat", source_words="cat"))
    assert relative(replayed(model, clip, controller, move(record), source), both[1:]) < 1e-5


def test_it_follows_a_new_run_of_the_record(tiny):
    model, clip, _ = tiny
    record, _ = recorded(model, clip)
    changed = scale(move(record))
    first = changed.recorded()
    assert changed.recorded() is first
    assert len(first.adjustments) == 3
    other, _ = recorded(model, clip, seed=5)
    record.replace(other.recorded())
    assert changed.recorded().storage is other.recorded().storage
    assert changed.recorded().adjustments == first.adjustments
    assert record.recorded().adjustments == ()


class TestPreview:
    def test_it_shows_the_maps_of_the_adjusted_words(self, tiny):
        model, clip, _ = tiny
        latent = {**empty_latent(136, 72, 2), "batch_index": [0, 1]}
        record, _ = recorded(model, clip, latent)
        first = outputs(P2PAdjustMask, record=record, mask=MASK, word="cat", strength=0.5)
        second = outputs(P2PAdjustScale, record=first[0], scales="grass: 2")
        for (_, preview), lines in ((first, 2), (second, 4)):
            assert preview.shape[0] == 1 and preview.shape[3] == 3
            assert preview.shape[1] // lines == pytest.approx(first[1].shape[1] // 2, abs=4)
        assert not torch.equal(*first[1][..., :256, :].chunk(2, dim=1))

    def test_the_maps_are_those_that_edits_inherit(self, tiny):
        model, clip, _ = tiny
        source = same(clip).entries[0].controller.source
        record, _ = recorded(model, clip, empty_latent(136, 72))
        prompt, maps = recorded_prompts(record.recorded())[0], record.recorded().exact["word_maps/0"]
        grid = tuple(maps.shape[2:])
        columns = columns_of_words(prompt, maps)
        for number, word in enumerate(word for word in prompt.words if not word.is_punctuation):
            assert torch.allclose(picture_of(columns, word.positions, grid), maps[:, number].float(), atol=1e-4)
        for adjusted in (all_of_them(record), move(scale(record, "cat: -2"), scale=1.6)):
            adjustments = adjusted.recorded().adjustments
            (found,) = adjusted_columns(columns, adjusted_maps(prompt, adjustments), grid)
            edit = replace(source, source, Window(0, 1), None)
            expected = adjusted_and_edited_map(columns, columns, edit, 0.0, grid, adjustments)[0]
            assert torch.allclose(found, expected, atol=1e-5)
            assert not torch.allclose(found, columns[0], atol=1e-2)


class TestRefusals:
    @pytest.mark.parametrize(
        ("adjust", "sentence"),
        [
            (partial(move, word="dog"), '"dog" is not in the prompt'),
            (partial(scale, scales="dog: 2"), '"dog" is not in the prompt'),
            (partial(mix, other="dog"), '"dog" is not in the prompt'),
            (partial(draw, word="dog"), '"dog" is not in the prompt'),
            (partial(mix, other="photo"), 'keeps no map of "photo", only of: cat, grass'),
            (partial(move, word="cat on"), 'keeps no map of "cat on"'),
        ],
    )
    def test_a_word_that_the_record_lacks(self, tiny, adjust, sentence):
        model, clip, _ = tiny
        record, _ = recorded(model, clip, settings=WORDS)
        with pytest.raises(P2PError, match=sentence):
            adjust(record)

    def test_a_record_before_its_run(self):
        with pytest.raises(P2PError, match="The record is empty"):
            move(RecordHandle(None))
