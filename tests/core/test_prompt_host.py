"""The words of prompts as ComfyUI's own SDXL tokenizer reads them."""

import pytest
import torch
from core_tokenizers import host_tokenizer
from p2p.p2p_core.alignment import align
from p2p.p2p_core.errors import P2PError


@pytest.fixture(scope="module")
def tokenizer():
    return host_tokenizer()


@pytest.mark.parametrize(("text", "words"), [
    ("a photo of a cat", ["a", "photo", "of", "a", "cat"]),
    ("Teddy-bear, (fluffy dog:1.3)s!", ["teddy", "-", "bear", ",", "fluffy", "dog", "s", "!"]),
    ("archaeopteryx don't 20", ["archaeopteryx", "don", "'t", "2", "0"]),
    ("café naïve 日本", ["café", "naïve", "日本"]),
    ("", []),
])  # fmt: skip
def test_words(tokenizer, text, words):
    assert [word.text for word in tokenizer.read(text).words] == words


def test_a_word_of_several_tokens(tokenizer):
    assert tokenizer.read("a hippopotamus in the savanna").find("hippopotamus") == (2, 3, 4)


def test_a_word_cut_in_two_by_a_chunk(tokenizer):
    prompt = tokenizer.read("cat " * 74 + "photorealistic dog")
    assert prompt.find("photorealistic") == (75, 78)
    assert prompt.token_count == 154


def test_a_closing_exclamation_mark_is_a_word_and_padding_is_not(tokenizer):
    prompt = tokenizer.read("wow!!! !")
    assert [word.positions for word in prompt.words] == [(1,), (2,), (3,)]
    assert len(prompt.positions_of("padding", range(1))) == 72


def test_an_embedding_of_both_encoders_and_of_one(tmp_path):
    both = {"clip_l": torch.randn(2, 768), "clip_g": torch.randn(2, 1280)}
    torch.save(both, tmp_path / "style.pt")
    torch.save({"emb_params": torch.randn(2, 768)}, tmp_path / "old.pt")
    tokenizer = host_tokenizer(str(tmp_path))
    prompt = tokenizer.read("a cat, embedding:style on grass, (embedding:style:1.2) embedding:style")
    assert prompt.find("embedding:style#1") == (4, 5)
    assert [len(prompt.find(f"embedding:style#{number}")) for number in (1, 2, 3)] == [2, 2, 2]
    with pytest.raises(P2PError, match="has 768 channels, but the text encoder"):
        tokenizer.read("a cat, embedding:old")


def test_real_prompts_align(tokenizer):
    alignment = align(tokenizer.read("a hippopotamus at night"), tokenizer.read("a dog at night"))
    assert [pair.change for pair in alignment.pairs] == ["kept", "replaced", "kept", "kept"]
    assert alignment.mapper[2:5, 2].tolist() == [1, 1, 1]
