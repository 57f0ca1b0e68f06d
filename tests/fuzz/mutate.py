"""Simple mutations, for runs without atheris: the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from tests.fuzz.target import Target

_NUMBERS = (b"\0", b"\x01", b"\x7f", b"\x80", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"0", b"9" * 30, b"-1")


def mutants(target: Target, inputs: Sequence[bytes], count: int) -> Iterator[bytes]:
    """*count* variations of *inputs*."""
    chance = random.Random(20240607)
    for _ in range(count):
        data = bytearray(chance.choice(inputs))
        for _ in range(chance.randint(1, 4)):
            _change(data, chance, target, inputs)
        yield bytes(data[: target.longest])


def _change(data: bytearray, chance: random.Random, target: Target, inputs: Sequence[bytes]) -> None:
    at = chance.randint(0, len(data))
    end = min(len(data), at + chance.choice((1, 1, 2, 4, 16, 64)))
    kind = chance.randint(0, 6)
    if kind == 0 and data:
        data[at % len(data)] ^= 1 << chance.randint(0, 7)
    elif kind == 1:
        del data[at:end]
    elif kind == 2:
        data[at:end] = chance.choice(_NUMBERS)
    elif kind == 3:
        data[at:at] = data[at:end] * chance.randint(1, 8)
    elif kind == 4:
        data[at:at] = chance.choice(target.words or (b" ",))
    elif kind == 5:
        other = chance.choice(inputs)
        data[at:] = other[chance.randint(0, len(other)) :]
    else:
        data[at:end] = chance.getrandbits(8 * (end - at) or 8).to_bytes(end - at or 1, "big")
