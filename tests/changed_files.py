"""Files changed by chance, which their readers must refuse or read."""

import struct
from random import Random


def changed(written: bytes, random: Random) -> bytes:
    """With a few bits, bytes or runs of bytes changed, mostly in the head."""
    content = bytearray(written)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        longest = 8 + struct.unpack("<Q", written[:8])[0] if random.random() < 0.8 else len(content)
        place = random.randrange(min(longest, len(content)))
        change = random.randrange(5)
        if change <= 1:
            content[place] ^= 1 << random.randrange(8)
        elif change == 2:
            content[place] = random.choice(b'0123456789-.eE[]{}",:\\ntfu\x00\xff')
        elif change == 3:
            del content[place : place + random.randrange(1, 9)]
        else:
            content[place:place] = content[random.randrange(len(content)) :][: random.randrange(1, 9)]
    return bytes(content)
