"""Words, their tokens, and finding a phrase."""

import pytest
import torch
from core_tokenizers import SPECIAL, ToyTokenizer, embedding
from hypothesis import given
from hypothesis import strategies as st
from p2p.p2p_core.bpe import readable_text
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.prompt import read_prompt

TOKENIZER = ToyTokenizer()


def texts(prompt):
    return [word.text for word in prompt.words]


@given(st.lists(st.sampled_from(["a", "cat", "hippopotamus", "café", "dog's", ",", "!", "2024", "🐱"]), max_size=120))
def test_every_token_belongs_to_exactly_one_word_or_is_special(words):
    prompt = TOKENIZER.read(" ".join(words))
    owned = [position for word in prompt.words for position in word.positions]
    special = [position for position, kind in enumerate(prompt.special) if kind is not None]
    assert sorted(owned + special) == list(range(prompt.token_count))
    assert owned == sorted(owned)
    assert len(prompt.token_keys) == prompt.token_count == prompt.chunk_count * 77
    assert "".join(texts(prompt)) == "".join(words)


def test_words_are_numbered_by_occurrence():
    prompt = TOKENIZER.read("the cat, the Cat, THE dog")
    assert [(word.text, word.occurrence) for word in prompt.words if not word.is_punctuation] == [
        ("the", 1), ("cat", 1), ("the", 2), ("cat", 2), ("the", 3), ("dog", 1),
    ]  # fmt: skip


def test_padding_is_told_from_the_word_of_the_same_token_number():
    """CLIP-G pads with token 0, which is also "!": rows 2 and 16 of the known pitfalls meet here."""
    prompt = TOKENIZER.read("wow !")
    exclamation = prompt.words[-1]
    assert exclamation.text == "!" and exclamation.is_punctuation
    (end,) = prompt.positions_of("end", range(1))
    assert exclamation.positions == (end - 1,)
    assert prompt.positions_of("padding", range(1)) == tuple(range(end + 1, 77))


def test_weights_are_no_part_of_the_words():
    plain, weighted = TOKENIZER.read("a fluffy cat"), TOKENIZER.read("a (fluffy cat:1.3)")
    assert plain.words == weighted.words
    assert plain.token_keys == weighted.token_keys


def test_appended_tokens_belong_to_no_word():
    prompt = TOKENIZER.read("a cat")
    extended = prompt.extended("ab").extended("c")
    assert extended.words == prompt.words and extended.find("cat") == prompt.find("cat")
    assert (extended.token_count, extended.own_token_count, extended.appended) == (80, 77, 3)
    assert extended.chunk_count == 1
    assert extended.special[77:] == ("appended",) * 3
    assert extended.token_keys[77:] == tuple("abc")
    assert extended.positions_of("padding", range(1)) == prompt.positions_of("padding", range(1))
    assert prompt.extended("") == prompt
    assert extended == prompt.extended("abc") != prompt.extended("abd")


def test_a_word_cut_in_two_by_a_chunk_is_one_word():
    tokenizer = ToyTokenizer(chunk_length=6)
    word = next(
        word for word in ("photorealistic", "hippopotamus", "archaeopteryx") if len(tokenizer.tokens(word)) == 3
    )
    prompt = tokenizer.read(f"a b c {word} d e f g")  # a segment of 8 tokens and more is cut anywhere
    (found,) = [w for w in prompt.words if w.text == word]
    assert found.positions == (4, 7, 8)
    assert prompt.find(word) == found.positions


def test_bytes_become_readable():
    assert readable_text(["caf", "Ã©</w>"]) == "café"
    assert readable_text(["日本</w>"]) == "日本"  # a vocabulary that spells in characters


class TestFind:
    prompt = TOKENIZER.read("A fluffy teddy-bear, the dog's bowl and a dog. Café 2024, a red cat, a red dog")

    def positions(self, *texts_and_occurrences):
        table = {(word.text, word.occurrence): word.positions for word in self.prompt.words}
        return tuple(position for key in texts_and_occurrences for position in table[key])

    def test_a_word(self):
        assert self.prompt.find("fluffy") == self.positions(("fluffy", 1))

    @pytest.mark.parametrize("phrase", ["FLUFFY", " fluffy ", "fluffy,", '"Fluffy"'])
    def test_case_and_surrounding_punctuation_do_not_matter(self, phrase):
        assert self.prompt.find(phrase) == self.positions(("fluffy", 1))

    def test_all_occurrences(self):
        assert self.prompt.find("dog") == self.positions(("dog", 1), ("dog", 2), ("dog", 3))

    def test_one_occurrence(self):
        assert self.prompt.find("dog#2") == self.positions(("dog", 2))
        assert self.prompt.find("a red #2") == self.positions(("a", 4), ("red", 2))

    def test_a_phrase(self):
        assert self.prompt.find("red cat") == self.positions(("red", 1), ("cat", 1))

    @pytest.mark.parametrize("phrase", ["teddy bear", "teddy-bear", "Teddy  Bear"])
    def test_a_compound_owns_its_hyphen(self, phrase):
        assert self.prompt.find(phrase) == self.positions(("teddy", 1), ("-", 1), ("bear", 1))

    @pytest.mark.parametrize(("phrase", "words"), [
        ("dog's", [("dog", 1), ("'s", 1)]),
        ("2024", [("2", 1), ("0", 1), ("2", 2), ("4", 1)]),
        ("café", [("café", 1)]),
    ])  # fmt: skip
    def test_what_the_tokenizer_splits(self, phrase, words):
        assert self.prompt.find(phrase) == self.positions(*words)

    def test_repeated_phrases_do_not_overlap(self):
        prompt = TOKENIZER.read("the the the")
        assert prompt.find("the the") == prompt.words[0].positions + prompt.words[1].positions

    @pytest.mark.parametrize(("phrase", "message"), [
        ("flufy", r'"flufy" is not in the prompt "A fluffy.*Its words are: a, fluffy, .*Did you mean "fluffy"\?'),
        ("red fluffy", '"red fluffy" is not in the prompt'),
        ("dog#4", 'asks for occurrence 4 of "dog", but .* has 3. Count from #1 to #3'),
        ("dog#0", "asks for occurrence 0"),
        (" , ", "names no word. Its words are: a"),
        ("", "names no word"),
        ("#2", '"#2" names no word'),
    ])  # fmt: skip
    def test_what_is_not_there(self, phrase, message):
        with pytest.raises(P2PError, match=message):
            self.prompt.find(phrase)

    def test_an_occurrence_of_more_digits_than_python_reads(self):
        with pytest.raises(P2PError, match="is not in the prompt"):
            self.prompt.find("dog#" + "9" * 5000)

    def test_punctuation_is_not_offered(self):
        with pytest.raises(P2PError) as error:
            self.prompt.find("zzz")
        assert " ,," not in str(error.value) and ", -," not in str(error.value)

    def test_an_empty_prompt(self):
        with pytest.raises(P2PError, match="has no words: write some first"):
            TOKENIZER.read("").find("cat")


class TestEmbeddings:
    def tokenizer(self, **lengths):
        embeddings = {
            stream: {name: embedding(count, stream, seed) for seed, (name, count) in enumerate(lengths.items())}
            for stream in "gl"
        }
        return ToyTokenizer(embeddings=embeddings)

    def test_an_embedding_is_one_word(self):
        prompt = self.tokenizer(style=3).read("a cat, embedding:style on grass")
        (word,) = [word for word in prompt.words if word.text == "embedding:style"]
        assert len(word.positions) == 3
        assert prompt.find("embedding:style") == word.positions

    def test_two_embeddings_side_by_side_are_two_words(self):
        prompt = self.tokenizer(style=2, mood=1).read("embedding:style embedding:mood embedding:style")
        assert [(w.text, w.occurrence, len(w.positions)) for w in prompt.words] == [
            ("embedding:style", 1, 2), ("embedding:mood", 1, 1), ("embedding:style", 2, 2),
        ]  # fmt: skip

    def test_a_weighted_embedding_keeps_its_name(self):
        assert texts(self.tokenizer(style=1).read("(embedding:style:1.2), cat"))[0] == "embedding:style"

    def test_same_content_same_key(self):
        tokenizer = self.tokenizer(style=1, mood=1)
        first, second, other = (
            tokenizer.read(f"embedding:{name}").token_keys[1] for name in ("style", "style", "mood")
        )
        assert first == second != other

    def test_one_whose_file_is_missing_leaves_the_names_unknown(self):
        prompt = self.tokenizer(style=1).read("embedding:gone embedding:style cat")
        assert texts(prompt) == ["embedding", "cat"]

    def test_missing_in_one_encoder(self):
        tokenizer = ToyTokenizer(embeddings={"l": {"style": embedding(2, "l")}})
        with pytest.raises(P2PError, match='as different numbers of tokens: "g" 3, "l" 5'):
            tokenizer.read("a embedding:style cat")

    def test_of_the_width_of_another_encoder(self):
        tokenizer = ToyTokenizer(embeddings={"l": {"style": embedding(2, "l")}, "g": {"style": embedding(2, "l")}})
        with pytest.raises(P2PError, match='has 768 channels, but the text encoder "g" takes 1280'):
            tokenizer.read("a embedding:style cat")

    def test_beside_a_number_in_the_other_encoder(self):
        streams = {
            "g": [[(49406, 1.0), (5, 1.0), (49407, 1.0)]],
            "l": [[(49406, 1.0), (torch.ones(768), 1.0), (49407, 1.0)]],
        }
        with pytest.raises(P2PError, match='Token 1 of "x" is an embedding only for the text encoder "l"'):
            read_prompt("x", streams, {"g": str, "l": str}, SPECIAL)


class TestStreams:
    def test_one_encoder_is_enough(self):
        one, two = ToyTokenizer(streams=("l",)), ToyTokenizer()
        text = "a fluffy cat, on grass"
        assert one.read(text).words == two.read(text).words

    def test_different_numbers_of_chunks(self):
        chunk = [(49406, 1.0), (5, 1.0), (49407, 1.0)]
        with pytest.raises(P2PError, match='into different numbers of chunks: "g" 2, "l" 1'):
            read_prompt("x", {"g": [chunk, chunk], "l": [chunk]}, {"g": str, "l": str}, SPECIAL)

    def test_chunks_of_different_lengths(self):
        chunks = [[(49406, 1.0), (5, 1.0), (49407, 1.0)], [(49406, 1.0), (49407, 1.0)]]
        with pytest.raises(P2PError, match=r"have different lengths \[2, 3\]"):
            read_prompt("x", {"l": chunks}, {"l": str}, SPECIAL)

    @pytest.mark.parametrize("chunk", [[5, 1], [5, 49407], [49406, 5], []])
    def test_an_encoder_of_another_kind(self, chunk):
        with pytest.raises(P2PError, match='The text encoder "l" does not put a start and an end token'):
            read_prompt("x", {"l": [[(token, 1.0) for token in chunk]]}, {"l": str}, SPECIAL)

    def test_no_encoder(self):
        with pytest.raises(P2PError, match='returned no tokens for "x"'):
            read_prompt("x", {}, {}, {})

    def test_tokens_with_word_numbers(self):
        """``clip.tokenize(text, return_word_ids=True)`` adds a third entry."""
        prompt = read_prompt(
            "x", {"l": [[(49406, 1.0, 0), (5, 1.0, 1), (49407, 1.0, 0)]]}, {"l": lambda _: "x</w>"}, SPECIAL
        )
        assert texts(prompt) == ["x"]


def test_occurrences_count_as_they_are_found():
    """ "It's an s": CLIP makes "'s" a word of its own, which a search for "s" finds too."""
    for text in ("it's an s class", "don't t", "a dog, a dog!"):
        prompt = TOKENIZER.read(text)
        for word in prompt.words:
            if not word.is_punctuation:
                assert prompt.find(f"{word.text}#{word.occurrence}") == word.positions
