"""Files to load: how they may be spelt, and what is refused by its line."""

import csv
import io
from datetime import UTC, datetime

import pytest

from tests.integration.bulk.loads import HEADER, Pair, csv_file, load, record, refs, refused, table
from tests.worlds import World
from useraim import InvalidValue, user_aims


def test_a_file_may_have_fewer_columns_in_another_order(call: World, pairs: list[Pair]) -> None:
    text = f"role,aim_id,user_id\nboss,{pairs[0][1]},{pairs[0][0]}\n,{pairs[1][1]},{pairs[1][0]}\n"
    assert load(call, io.BytesIO(text.encode())).added == 2
    assert [row[2] for row in table(call)] == ["boss", "member"]


@pytest.mark.parametrize("text", ["", "x,y\n1,2\n", "user_id,aim_id\nx,y\n", "user_id,aim_id,user_id\n"])
def test_a_file_that_is_no_dump_is_refused(call: World, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        load(call, io.BytesIO(text.encode()))
    assert caught.value.field == "rows"


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02 03:04:05+00", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02 03:04:05.678901-05:30", datetime(2024, 1, 2, 8, 34, 5, 678901, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize(
    "settings", ["TimeZone = 'Asia/Tokyo'", "DateStyle = 'SQL, DMY'", "IntervalStyle = 'sql_standard'"]
)
def test_times_in_a_file_mean_the_same_whatever_the_settings(
    call: World, pairs: list[Pair], spelt: str, meant: datetime, settings: str
) -> None:
    call.execute(f"SET LOCAL {settings}")
    load(call, csv_file(record(pairs[0], joined_at=spelt)))
    assert call(user_aims.get, *refs(pairs[0])).joined_at == meant


@pytest.mark.parametrize(
    "spelt",
    [
        "2024-01-02 03:04:05",
        "2024-01-02",
        "02/03/2024 04:05:06Z",
        "now",
        "yesterday",
        "infinity",
        "-infinity",
        "epoch",
        "Tue Jan 02 03:04:05 2024 UTC",
        "2024-01-02 03:04:05 Asia/Tokyo",
        "1899-12-31T23:59:59Z",
        '""',
    ],
)
def test_times_in_a_file_that_could_mean_several_are_refused(call: World, pairs: list[Pair], spelt: str) -> None:
    reason = refused(call, csv_file(record(pairs[0]), record(pairs[1], joined_at=spelt)))
    assert reason.startswith("line 3: joined_at: ")


def test_a_file_opened_for_text_is_refused(call: World, pairs: list[Pair]) -> None:
    for text in ("", HEADER + "\n" + record(pairs[0])):
        assert "reading bytes" in refused(call, io.StringIO(text))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_file_of_another_encoding_is_refused(call: World, pairs: list[Pair], encoding: str) -> None:
    text = f"{HEADER}\n{record(pairs[0])}{record(pairs[1], role='übe')}"
    assert "not UTF-8" in refused(call, io.BytesIO(text.encode(encoding)))


def test_bytes_that_are_not_utf_8_are_named_with_their_line(call: World, pairs: list[Pair]) -> None:
    lines = [HEADER.encode() + b"\n", *(record(pair, role='"two\nlines"').encode() for pair in pairs)]
    lines[100] = lines[100].replace(b"two", b"\xff")
    assert refused(call, io.BytesIO(b"".join(lines))).startswith("line 200: not UTF-8")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("\\.\n", "5 values are needed, not 1"),
        ('"\\."\n', "5 values are needed, not 1"),
        ("\\.,,,,\n", "user_id: "),
        ("\n", "5 values are needed, not 1"),
        (",,,,\n", "user_id: "),
        ("{user},,,,\n", "aim_id: "),
        ("{user},{aim},\0,,\n", "role: contains a NUL"),
        ('{user},{aim},"",,\n', "role: blank"),
        ("{user},{aim}, ,,\n", "role: blank"),
        ("{user},{aim},,,,\n", "5 values are needed, not 6"),
        ('{user},{aim},a"b,,\n', "a quoted value has no end"),
        ('{user},{aim},a"b",,\n', "a quote is not at"),
        ('{user},{aim},"a"b,,\n', "a quote is not at"),
        ('{user},{aim},"a,,\n', "a quoted value has no end"),
        ("{user},{aim},,a,\n", "permissions: "),
        ('{user},{aim},,"{{a,}}",\n', "permissions: "),
        ('{user},{aim},,"{{a,null}}",\n', "permissions: "),
        ('{user},{aim},,"{{a}}{{b}}",\n', "permissions: "),
        ('{user},{aim},,"{{{{a}},{{b}}}}",\n', "permissions: "),
        ('{user},{aim},,"[0:0]={{a}}",\n', "permissions: "),
        ('{user},{aim},,"{{""""}}",\n', "permissions: "),
    ],
)
def test_a_bad_line_is_named_and_no_row_of_the_file_is_loaded(
    call: World, pairs: list[Pair], line: str, reason: str
) -> None:
    lines = [record(pairs[0]), line.format(user=pairs[1][0], aim=pairs[1][1]), record(pairs[2])]
    assert refused(call, csv_file(*lines)).startswith(f"line 3: {reason}")


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [
        ("{}", ()),
        ("{ }", ()),
        ("{a}", ("a",)),
        ('"{a, b c ,d}"', ("a", "b c", "d")),
        ('"{""NULL"",""a,b"",""c\\""d"",""e\\\\f"", ""{g}"" ,"" h ""}"', ("NULL", "a,b", 'c"d', "e\\f", "{g}", " h ")),
        ('"{""two\nlines""}"', ("two\nlines",)),
    ],
)
def test_permissions_in_a_file_are_spelt_as_an_array(
    call: World, pairs: list[Pair], spelt: str, meant: tuple[str, ...]
) -> None:
    load(call, csv_file(record(pairs[0], permissions=spelt)))
    assert call(user_aims.get, *refs(pairs[0])).permissions == meant
    call.execute("DELETE FROM user_aims")
    array = next(csv.reader(io.StringIO(spelt, newline="")))[0]
    call.execute("INSERT INTO user_aims (user_id, aim_id, permissions) VALUES (%s, %s, %s::text[])", [*pairs[0], array])
    assert call(user_aims.get, *refs(pairs[0])).permissions == meant


def test_a_file_may_have_a_byte_order_mark_other_line_ends_and_no_last_one(call: World, pairs: list[Pair]) -> None:
    text = f'\ufeff"user_id","aim_id",role\r\n"{pairs[0][0]}",{pairs[0][1]},"a\r\nb"\r\n{pairs[1][0]},{pairs[1][1]},c'
    assert load(call, io.BytesIO(text.encode())).added == 2
    assert [row[2] for row in table(call)] == ["a\r\nb", "c"]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_file_may_be_read_in_pieces_of_any_size(call: World, pairs: list[Pair], size: int) -> None:
    class Pieces(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            return super().read(size)

    lines = (record(pair, role='"ü\n"', permissions='"{a,b}"') for pair in pairs)
    assert load(call, Pieces(b"\xef\xbb\xbf" + csv_file(*lines).getvalue())).added == 200
    assert {row[2] for row in table(call)} == {"ü\n"}


def test_a_file_without_an_end_of_line_or_of_a_quote_is_refused_in_bounded_memory(call: World) -> None:
    class Endless(io.BytesIO):
        def __init__(self, start: bytes, more: bytes) -> None:
            super().__init__(start)
            self.more = more

        def read(self, size: int | None = -1) -> bytes:
            return super().read(size) or self.more

    assert "no end" in refused(call, Endless(b"", b"x" * 500_000))
    assert "no end" in refused(call, Endless(b'user_id,aim_id\n"', b"x\n" * 250_000))
