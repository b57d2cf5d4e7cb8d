"""What comes back to a tenant, judged: no id, no text and no yes may be of another one."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any
from uuid import UUID

from tests.security.random_calls import tenant_of
from useraim import Error, Frame, Page, User
from useraim.core.statement import Call

_TEXT = re.compile(r"t(\d) ")


@dataclass
class Judge:
    """What was seen of tenants, by number: `foreign` has to stay empty."""

    calls: int = 0
    refused: int = 0
    foreign: list[str] = field(default_factory=list[str])
    made: set[tuple[int, UUID]] = field(default_factory=set[tuple[int, UUID]])
    """Ids without a mark, of users whom `ensure` has given to a tenant."""
    unmarked: set[tuple[int, UUID]] = field(default_factory=set[tuple[int, UUID]])

    def take(self, tenant: int, call: Call[Any], result: Any) -> None:
        self.calls += 1
        name = call.steps[-1][0].name_and_text[0] if call.steps else ""
        if name.startswith("users.ensure"):
            user: User = result[0]
            self.made.add((tenant, user.id))
        if result is True:
            result = _asked(call)
        self.look(tenant, name, result)

    def refuse(self, tenant: int, call: Call[Any], error: Error) -> None:
        """An error may name what was asked for, and nothing else of another tenant."""
        self.calls += 1
        self.refused += 1
        named = {one for value in vars(error).values() for one in _ids(value)}
        self.look(tenant, repr(error), tuple(named - _asked(call)))

    def look(self, tenant: int, what: str, result: Any) -> None:
        for one in _found(result):
            whose = _whose(one)
            if whose is None and isinstance(one, UUID):
                self.unmarked.add((tenant, one))
            elif whose not in {None, tenant}:
                self.foreign.append(f"tenant {tenant}, {what}: {one}")

    def __add__(self, other: "Judge") -> "Judge":
        return Judge(*(_sum(getattr(self, one.name), getattr(other, one.name)) for one in fields(self)))

    def verdict(self) -> list[str]:
        """What is foreign, also by what all have made together."""
        return self.foreign + [f"tenant {tenant}: {one}" for tenant, one in self.unmarked - self.made]


def _sum(one: Any, other: Any) -> Any:
    return one | other if isinstance(one, set) else one + other  # pyright: ignore[reportUnknownVariableType]


def _whose(one: UUID | str) -> int | None:
    if isinstance(one, UUID):
        return tenant_of(one)
    marks = _TEXT.match(one)
    return int(marks[1]) if marks else None


def _found(result: Any) -> Iterator[UUID | str]:
    """Every id and text of a result; a source asked for is a key, and tells nothing where nothing stands under it."""
    if isinstance(result, UUID | str):
        yield result
    elif isinstance(result, Frame):
        yield from _found([tuple(row.values()) for row in result.table.to_pylist()])
    elif isinstance(result, Mapping):
        for key, value in result.items():  # pyright: ignore[reportUnknownVariableType]
            if value:
                yield from _found((key, value))
    elif isinstance(result, list | tuple | set | frozenset | Page):
        for one in result:  # pyright: ignore[reportUnknownVariableType]
            yield from _found(one)
    elif is_dataclass(result):
        for one in fields(result):
            yield from _found(getattr(result, one.name))


def _ids(value: Any) -> Iterator[UUID]:
    return (one for one in _found(value) if isinstance(one, UUID))


def _asked(call: Call[Any]) -> set[UUID]:
    return {one for _, parameters in call.steps for value in parameters.values() for one in _ids(value)}
