"""`of`: the list of one source."""

from datetime import UTC
from typing import Any
from uuid import uuid4

import pytest

from tests.ends import NOON, End
from tests.integration.relation.reads import LINKS, Expected, orders
from tests.worlds import World
from useraim import InvalidValue
from useraim.values import Linked, LinkFilter


class TestOf:
    def test_gives_records_with_the_attributes_of_their_links(
        self, call: World, end: End, assorted: list[Any], sources: list[Any]
    ) -> None:
        (linked,) = call(end.relation.of, sources[2])
        assert linked == Linked(assorted[0], "r0", (), NOON)
        assert linked.joined_at.tzinfo is UTC
        rows = call(end.relation.of, sources[0].id)
        assert {row.record.id: (row.role, row.permissions, row.joined_at) for row in rows} == end.links(
            call, sources[0]
        )
        assert {row.record for row in rows} == set(assorted)

    def test_in_every_order(self, call: World, end: End, sources: list[Any], expected: Expected) -> None:
        for order_by in orders(end):
            for source in sources:
                assert call(end.relation.of, source, order_by=order_by) == expected.of(source, order_by), order_by

    @pytest.mark.parametrize("link", LINKS)
    def test_filtered(
        self, call: World, end: End, sources: list[Any], expected: Expected, link: LinkFilter | None
    ) -> None:
        for order_by in ("joined_at", f"-{end.label}"):
            assert call(end.relation.of, sources[0], link=link, order_by=order_by) == expected.of(
                sources[0], order_by, link
            )

    @pytest.mark.parametrize("limit", [None, 0, 1, 5, 16, 1_000_000])
    @pytest.mark.parametrize("offset", [0, 1, 5, 16, 1_000_000])
    def test_a_part(
        self, call: World, end: End, sources: list[Any], expected: Expected, limit: int | None, offset: int
    ) -> None:
        rows = call(end.relation.of, sources[0], order_by="-role", limit=limit, offset=offset)
        assert rows == expected.of(sources[0], "-role")[offset:][:limit]

    def test_of_nothing(self, call: World, end: End, sources: list[Any]) -> None:
        assert call(end.relation.of, sources[3]) == []
        assert call(end.relation.of, uuid4()) == []

    def test_the_other_ends_name_is_no_order(self, end: End) -> None:
        other = "name" if end.label == "title" else "title"
        for order_by in (other, "id", "updated_at", "", "-", "--role", "role,title"):
            with pytest.raises(InvalidValue) as caught:
                end.relation.of.call(uuid4(), order_by=order_by)
            assert caught.value.field == "order_by"
