"""What is packed and read again and again is kept; what is large is not."""

import gc
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from psycopg.pq import Format

from useraim import user_aims, users
from useraim.core.adapt import ADAPTERS, TextArray, pack_text, pack_texts
from useraim.ids import AimId, UserId, new_id
from useraim.relation.stage import checked, packed
from useraim.values import NewUserAim

TEXT_ARRAY = 1009
ROUNDS = 1_500
USER, AIM = UserId(new_id()), AimId(new_id())


def many_permissions(n: int) -> list[str]:
    return [f"{n} {one} " + "x" * 80 for one in range(100)]


def dump(n: int) -> object:
    dumper: Any = ADAPTERS.get_dumper(TextArray, "s")  # type: ignore[arg-type]
    return dumper(TextArray, None).dump(TextArray([f"{n}" + "d" * 20_000]))


def load(n: int) -> object:
    loader: Any = ADAPTERS.get_loader(TEXT_ARRAY, Format.BINARY)
    return loader(TEXT_ARRAY, None).load(pack_texts(tuple(many_permissions(n)), "utf-8")[4:])


def pack(n: int) -> object:
    return pack_text(f"{n}" + "d" * 20_000, "utf-8")


def append(n: int) -> object:
    return users.aims.append.call(USER, [AIM], permissions=many_permissions(n))


def put(n: int) -> object:
    return user_aims.put_many.call([NewUserAim(USER, AIM, permissions=many_permissions(n))])


def stage(n: int) -> object:
    (rows,) = checked([NewUserAim(USER, AIM, permissions=many_permissions(n))])
    return packed(rows, 0, "utf-8")


@pytest.mark.parametrize("use", [dump, load, pack, append, put, stage])
def test_large_values_leave_nothing_behind(use: Callable[[int], object]) -> None:
    use(0)
    gc.collect()
    tracemalloc.start()
    try:
        for n in range(ROUNDS):
            use(n)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


def test_equal_short_permissions_are_one_object() -> None:
    loader: Any = ADAPTERS.get_loader(TEXT_ARRAY, Format.BINARY)
    packed = pack_texts(("read", "write"), "utf-8")[4:]
    one, other = (loader(TEXT_ARRAY, None).load(bytes(packed)) for _ in range(2))
    assert one == ("read", "write")
    assert one is other


@pytest.mark.parametrize("texts", [[None], ["", None, "é𝄞"], ["x" * 100, "x" * 101], [f"{n}" for n in range(5_000)]])
def test_texts_are_packed_with_their_lengths(texts: Iterable[str | None]) -> None:
    for one in texts:
        for _ in range(2):
            packed = pack_text(one, "utf-8")
            if one is None:
                assert packed == b"\xff\xff\xff\xff"
            else:
                assert packed == len(one.encode()).to_bytes(4) + one.encode()
