"""What may stand for a source, a record or a collection, for every write."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.ends import End, ids
from tests.integration.relation.cases import HELD, hold
from tests.worlds import World
from useraim import InvalidValue
from useraim.values import Changes, Link


class TestInput:
    """What may stand for a source, a record or a collection."""

    @pytest.mark.parametrize("operation", ["append", "replace", "update", "remove"])
    def test_records_ids_texts_links_and_generators(
        self, call: World, end: End, source: Any, far: list[Any], operation: str
    ) -> None:
        if operation in {"update", "remove"}:
            hold(call, end, source, far[:6])
        spelt: list[Any] = [
            far[0], far[1].id, str(far[2].id), str(far[3].id).upper(), far[4].id.hex, f"{{{far[5].id}}}",
        ]  # fmt: skip
        run: Any = getattr(end.relation, operation)
        asked = spelt if operation == "remove" else [*spelt[:4], Link(spelt[4]), Link(spelt[5])]
        sources: list[Any] = [source, source.id, str(source.id)]
        call(run, sources[0], (one for one in asked))
        assert set(end.links(call, source)) == (set() if operation == "remove" else set(ids(far[:6])))
        for again in sources[1:]:
            assert not call(run, again, iter(asked))

    @pytest.mark.parametrize("kind", [list, tuple, set, frozenset, deque, iter])
    def test_any_collection(
        self, call: World, end: End, source: Any, far: list[Any], kind: Callable[[list[UUID]], Any]
    ) -> None:
        changes = call(end.relation.append, source, kind([record.id for record in far]))
        assert set(changes.added) == set(ids(far))

    def test_input_order_is_output_order(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        asked = [far[n] for n in (5, 0, 7, 3, 5, 1, 0)]
        named = ids([far[n] for n in (5, 0, 7, 3, 1)])
        assert call(end.relation.append, source, asked).added == named
        assert call(end.relation.append, source, asked).unchanged == named
        assert call(end.relation.update, source, asked, role="b").updated == named
        assert call(end.relation.replace, source, asked[::-1]).unchanged == ids([far[n] for n in (0, 1, 5, 3, 7)])

    def test_the_collection_is_consumed_before_anything_is_written(
        self, call: World, end: End, source: Any, far: list[Any]
    ) -> None:
        class OutOfInputError(Exception): ...

        def links() -> Iterator[Any]:
            yield far[0]
            raise OutOfInputError

        hold(call, end, source, far[1:3])
        operations: list[Any] = [end.relation.append, end.relation.replace, end.relation.remove, end.relation.update]
        for operation in operations:
            with pytest.raises(OutOfInputError):
                call(operation, source, links())
        assert end.links(call, source) == dict.fromkeys(ids(far[1:3]), HELD)

    def test_a_bare_text_is_no_collection(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        for operation in ("append", "replace", "remove", "update"):
            with pytest.raises(InvalidValue):
                call(getattr(end.relation, operation), source, str(far[0].id))

    def test_nothing_to_do_sends_nothing(self, end: End, database: str) -> None:
        """Shown by a connection that is closed."""
        with psycopg.connect(database) as closed:
            pass
        for operation in ("append", "remove", "update"):
            run: Any = getattr(end.relation, operation)
            assert run.call(uuid4(), []).statements == ()
            assert run(closed, uuid4(), iter(())) == Changes()
        assert end.relation.append(closed, uuid4(), [], on_match="error") == Changes()
        assert end.relation.create(closed, uuid4(), []) == []
        assert end.relation.replace.call(uuid4(), []).statements
        assert end.relation.direct_control.call(uuid4(), []).statements

    def test_wrong_arguments_are_found_even_when_there_is_nothing_to_do(self, end: End) -> None:
        wrong: Any = end.relation.append.call
        with pytest.raises(InvalidValue):
            wrong("not an id", [])
        with pytest.raises(InvalidValue):
            wrong(uuid4(), [], on_match="sometimes")
        with pytest.raises(InvalidValue):
            wrong(uuid4(), [], role="")
