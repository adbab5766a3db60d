"""Byte-pair-encoding pieces to readable text.

CLIP's tokenizer (Radford et al. 2021, ``simple_tokenizer.py``) writes every byte of UTF-8 as one printable
character and ends the last piece of a word with ``</w>``: ``"café"`` is the pieces ``"caf"``, ``"Ã©</w>"``.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

END_OF_WORD = "</w>"


@cache
def byte_of_character() -> Mapping[str, int]:
    """The inverse of CLIP's byte-to-character table: printable bytes stand for themselves, the rest from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(256 + index): byte for index, byte in enumerate(others)})
    return MappingProxyType(table)


def readable_text(pieces: Sequence[str]) -> str:
    """The text that the BPE pieces of one word spell, without the end-of-word mark."""
    spelled = "".join(pieces).removesuffix(END_OF_WORD)
    table = byte_of_character()
    if not all(character in table for character in spelled):
        return spelled  # another kind of vocabulary, which spells in characters already
    return bytes(table[character] for character in spelled).decode("utf-8", errors="replace")
