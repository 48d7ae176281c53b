"""Ways to damage a file: each makes other bytes of it, some with those of another file."""

import random


def cut(data: bytes, _: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def flipped(data: bytes, _: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _number in range(rng.randrange(1, 9)):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flipped_near_start(data: bytes, _: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(min(len(data), 100))
    return data[:place] + rng.randbytes(1) + data[place + 1 :]


def spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def inserted(data: bytes, _: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.randbytes(rng.randrange(1, 40)) + data[place:]


def dropped(data: bytes, _: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + data[place + rng.randrange(1, 100) :]


MUTATIONS = (cut, flipped, flipped_near_start, spliced, inserted, dropped)
