"""What hypothesis makes for the tests: prompts, windows and edits; and attention as the host calls it."""

import torch
import torch.nn.functional as F
from core_tokenizers import ToyTokenizer
from einops import rearrange
from hypothesis import strategies as st
from p2p.p2p_core import edit as edits
from p2p.p2p_core.placement import Placement
from p2p.p2p_core.windows import Window

WORDS = ["a", "the", "of", "on", "with", "cat", "dog", "red", "fluffy", "teddy", "bear", "burger", "!", ",", "."]
TOKENIZER = ToyTokenizer(chunk_length=12)  # short chunks, so that a few words already fill several

texts = st.lists(st.sampled_from(WORDS), max_size=22).map(" ".join)
prompts = texts.map(TOKENIZER.read)
fractions = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
windows = st.tuples(fractions, fractions).map(lambda bounds: Window(min(bounds), max(bounds)))
scales = st.sampled_from([-1.5, 0.0, 0.5, 1.0, 3.0])
offsets = st.sampled_from([-0.3, 0.0, 0.25, 0.5])
placements = st.builds(Placement, offsets, offsets, st.sampled_from([0.5, 1.0, 1.7]))


@st.composite
def edits_of(draw, source):
    """Any edit of a source: replace or refine, with windows per word, and a chain of scales and moves."""
    target = draw(st.one_of(prompts, st.just(source)))
    words = [word.text for word in target.words if not word.is_punctuation]
    phrases = st.sampled_from(words) if words else st.nothing()
    word_windows = draw(st.lists(st.tuples(phrases, windows), max_size=3)) if words else []
    make = draw(st.sampled_from([edits.replace, edits.refine]))
    mode = draw(st.sampled_from(["inject", "mutual"]))
    edit = make(source, target, draw(windows), draw(st.none() | windows), tuple(word_windows), mode)
    for phrase, scale, window in draw(st.lists(st.tuples(phrases, scales, windows), max_size=3)) if words else []:
        edit = edits.reweight(edit, phrase, scale, window)
    for phrase, placement, window in (
        draw(st.lists(st.tuples(phrases, placements, windows), max_size=2)) if words else []
    ):
        edit = edits.move(edit, phrase, placement, window)
    return edit


@st.composite
def groups_of_edits(draw):
    """The edits of one source, one to three targets."""
    source = draw(prompts)
    return tuple(draw(edits_of(source)) for _ in range(draw(st.integers(1, 3))))


def attend_with(heads):
    """Fused attention with the heads inside the channels, (rows, tokens, channels), as the host's kernel."""

    def attend(q, k, v):
        q, k, v = (rearrange(tensor, "b t (h c) -> b h t c", h=heads) for tensor in (q, k, v))
        return rearrange(F.scaled_dot_product_attention(q, k, v), "b h t c -> b t (h c)")

    return attend


def fold(tensor):
    """(rows, heads, tokens, channels) as the host passes it: (rows, tokens, heads·channels)."""
    return rearrange(tensor, "b h t c -> b t (h c)")


def largest_difference(first, second):
    return (first.double() - second.double()).abs().max().item() if first.numel() else 0.0


def repeated_tokens(prompt_rows, count):
    """Rows of different token counts as one tensor: each repeated to the common number of tokens, as the host does."""
    return torch.stack([row.repeat(count // row.shape[0], 1) for row in prompt_rows])
