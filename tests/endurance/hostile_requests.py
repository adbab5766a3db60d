"""What anybody may post to the address of the words."""

import json

from .hostile_texts import TEXTS

PAIR = {"target": "a cat", "source": "a dog"}
WRONG = [None, True, 3, 1.5, [], {}, ["a"], {"a": "b"}]


def bodies() -> dict[str, bytes]:
    """Bodies by what is wrong with them; of some, nothing is."""
    plain = {
        "not JSON": b"{",
        "empty": b"",
        "bytes": bytes(range(256)),
        "another encoding": '{"target": "ä"}'.encode("utf-16"),
        "half a character": b'{"target": "a \\ud83d cat"}',
        "no character": b'{"target": "a\\u0000cat"}',
        "a list": b"[]",
        "null": b"null",
        "a text": b'"target"',
        "a number": b"1e999",
        "nothing asked": b"{}",
        "nested": b"[" * 60_000,
        "a nested target": b'{"target":' * 10_000,
        "a long number": b'{"target": ' + b"9" * 10_000 + b"}",
        "100 MB": b'{"target": "' + b"x" * 99_000_000 + b'"}',
        "thousands of prompts": json.dumps([PAIR] * 5000).encode(),
        "thousands of fields": json.dumps({str(number): "cat" for number in range(10_000)}).encode(),
        "a record that is a list": b'{"record": ["a.record.safetensors"]}',
        "a record outside": b'{"record": "../../../secret.record.safetensors [output]"}',
        "a record of half a character": b'{"record": "\\ud83d\\u0000.record.safetensors"}',
        "a long record": json.dumps({"record": "x" * 100_000 + ".record.safetensors"}).encode(),
        "3,000 letters": json.dumps({"target": "x" * 3000}).encode(),
        "1,500 words": json.dumps({"target": "a " * 1500, "source": "b " * 1500}).encode(),
    }
    kinds = {
        f"{name} {value}": json.dumps({**PAIR, name: value}).encode() for name in (*PAIR, "kind") for value in WRONG
    }
    texts = {f"text: {name}": json.dumps({"target": text, "source": "a cat"}).encode() for name, text in TEXTS.items()}
    return {**plain, **kinds, **texts}
