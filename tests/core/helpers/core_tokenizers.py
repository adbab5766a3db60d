"""Tokenizers for the tests: a toy one with CLIP's habits, and the host's own where a ComfyUI folder is given.

Both return what ComfyUI's ``clip.tokenize`` returns, and ``read`` makes a Prompt of it.
"""

import os
import re
import sys
import zlib

import pytest
import torch
from p2p.p2p_core.bpe import byte_of_character
from p2p.p2p_core.prompt import Prompt, SpecialTokens, read_prompt

START, END = 49406, 49407
SPECIAL = {"l": SpecialTokens(START, END, END), "g": SpecialTokens(START, END, 0)}
WIDTHS = {"l": 768, "g": 1280}
# CLIP's own pattern, with Python's classes: contractions, runs of letters, single digits, runs of the rest.
CLIP_PATTERN = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\w\s]|_)+")


class ToyTokenizer:
    """Cuts words into one to three pieces, chunks and pads as ComfyUI 0.3.75 does (``SDTokenizer``).

    ``embeddings``: per stream, name → tensor (vectors, channels).
    """

    def __init__(self, chunk_length=77, streams=("g", "l"), embeddings=None):
        self.chunk_length = chunk_length
        self.streams = streams
        self.embeddings = embeddings or {}
        self.pieces = ["!</w>"]  # token 0, as in CLIP's vocabulary
        self.spelling = {byte: character for character, byte in byte_of_character().items()}

    def read(self, text) -> Prompt:
        special = {name: SPECIAL[name] for name in self.streams}
        piece = dict.fromkeys(self.streams, self.pieces.__getitem__)
        return read_prompt(text, self.tokenize(text), piece, special, WIDTHS)

    def tokenize(self, text):
        return {name: self._chunks(self._segments(text, name), SPECIAL[name]) for name in self.streams}

    def _segments(self, text, stream):
        """Lists of (token, weight): one per weighted part of the text and per embedding."""
        segments = []
        for part in re.split(r"(\([^()]*:[\d.]+\))", text):
            weighted = re.fullmatch(r"\((.*):([\d.]+)\)", part)
            part, weight = (weighted[1], float(weighted[2])) if weighted else (part, 1.0)
            for bit in re.split(r"(embedding:[^\s,]+)", part):
                if bit.startswith("embedding:"):
                    vectors = self.embeddings.get(stream, {}).get(bit.removeprefix("embedding:"))
                    if vectors is not None:
                        copy = vectors.clone()  # the host loads the file anew for every mention
                        segments.append([(vector, weight) for vector in copy])
                else:
                    segments.append([(token, weight) for token in self.tokens(bit)])
        return segments

    def tokens(self, text):
        tokens = []
        for word in CLIP_PATTERN.findall(text.lower()):
            spelled = "".join(self.spelling[byte] for byte in word.encode())
            count = min(len(spelled), 1 + zlib.crc32(word.encode()) % 3)
            size = -(-len(spelled) // count)
            pieces = [spelled[first : first + size] for first in range(0, len(spelled), size)]
            tokens += [self._token(piece) for piece in [*pieces[:-1], pieces[-1] + "</w>"]]
        return tokens

    def _token(self, piece):
        if piece not in self.pieces:
            self.pieces.append(piece)
        return self.pieces.index(piece)

    def _chunks(self, segments, special):
        chunks = [[(special.start, 1.0)]]
        for segment in segments:
            is_large = len(segment) >= 8
            while segment:
                room = self.chunk_length - len(chunks[-1]) - 1
                if len(segment) <= room:
                    chunks[-1] += segment
                    break
                if is_large:
                    chunks[-1] += segment[:room]
                    segment = segment[room:]
                self._close(chunks[-1], special)
                chunks.append([(special.start, 1.0)])
        self._close(chunks[-1], special)
        return chunks

    def _close(self, chunk, special):
        chunk.append((special.end, 1.0))
        chunk += [(special.pad, 1.0)] * (self.chunk_length - len(chunk))


class HostTokenizer:
    """ComfyUI's own SDXL tokenizer."""

    def __init__(self, embedding_directory=None):
        from comfy.cli_args import args

        args.cpu = args.cpu or not torch.cuda.is_available()
        from comfy.sdxl_clip import SDXLTokenizer

        self.tokenizer = SDXLTokenizer(embedding_directory=embedding_directory)

    def read(self, text) -> Prompt:
        encoders = {"g": self.tokenizer.clip_g, "l": self.tokenizer.clip_l}
        piece = {name: encoder.inv_vocab.__getitem__ for name, encoder in encoders.items()}
        special = {name: (e.start_token, e.end_token, e.pad_token) for name, e in encoders.items()}
        return read_prompt(text, self.tokenizer.tokenize_with_weights(text), piece, special, WIDTHS)


def host_tokenizer(embedding_directory=None) -> HostTokenizer:
    """Skips the test where no ComfyUI folder is given."""
    folder = os.environ.get("P2P_COMFYUI")
    if not folder:
        pytest.skip("needs a ComfyUI folder in the environment variable P2P_COMFYUI")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return HostTokenizer(embedding_directory)


def embedding(vectors, stream, seed=0):
    """A textual-inversion embedding of the right width for a stream."""
    return torch.randn(vectors, WIDTHS[stream], generator=torch.Generator().manual_seed(seed))
