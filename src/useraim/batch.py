"""What can be done with calls: several in one round trip, a look at what one would do, plans, and settings for all.

`users.get.call(id)` and its like give the calls.
"""

import re
from collections.abc import Coroutine, Mapping
from typing import Any, Final, TypeAlias, TypeVar, cast, overload

from useraim import validate
from useraim.core.composed import Plan, batched, explained, previewed
from useraim.core.database import AsyncDatabase, AsyncScoped, Database, Scoped, given, is_async
from useraim.core.running import run, run_async
from useraim.core.statement import Call
from useraim.errors import InvalidValue

__all__ = ["AsyncScoped", "Plan", "Scoped", "batch", "explain", "preview", "scoped"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")
T = TypeVar("T")

_Soon: TypeAlias = Coroutine[Any, Any, T]
_NAME: Final = re.compile(r"[^\W\d][\w$]*(?:\.[^\W\d][\w$]*)+")


@overload
def batch(db: Database, /) -> tuple[()]: ...
@overload
def batch(db: Database, a: Call[A], /) -> tuple[A]: ...
@overload
def batch(db: Database, a: Call[A], b: Call[B], /) -> tuple[A, B]: ...
@overload
def batch(db: Database, a: Call[A], b: Call[B], c: Call[C], /) -> tuple[A, B, C]: ...
@overload
def batch(db: Database, a: Call[A], b: Call[B], c: Call[C], d: Call[D], /) -> tuple[A, B, C, D]: ...
@overload
def batch(db: Database, a: Call[A], b: Call[B], c: Call[C], d: Call[D], e: Call[E], /) -> tuple[A, B, C, D, E]: ...
@overload
def batch(
    db: Database, a: Call[A], b: Call[B], c: Call[C], d: Call[D], e: Call[E], f: Call[F], /
) -> tuple[A, B, C, D, E, F]: ...
@overload
def batch(
    db: Database, a: Call[A], b: Call[B], c: Call[C], d: Call[D], e: Call[E], f: Call[F], g: Call[G], /
) -> tuple[A, B, C, D, E, F, G]: ...
@overload
def batch(
    db: Database, a: Call[A], b: Call[B], c: Call[C], d: Call[D], e: Call[E], f: Call[F], g: Call[G], h: Call[H], /
) -> tuple[A, B, C, D, E, F, G, H]: ...
@overload
def batch(db: Database, /, *calls: Call[T]) -> tuple[T, ...]: ...
@overload
def batch(db: AsyncDatabase, /) -> _Soon[tuple[()]]: ...
@overload
def batch(db: AsyncDatabase, a: Call[A], /) -> _Soon[tuple[A]]: ...
@overload
def batch(db: AsyncDatabase, a: Call[A], b: Call[B], /) -> _Soon[tuple[A, B]]: ...
@overload
def batch(db: AsyncDatabase, a: Call[A], b: Call[B], c: Call[C], /) -> _Soon[tuple[A, B, C]]: ...
@overload
def batch(db: AsyncDatabase, a: Call[A], b: Call[B], c: Call[C], d: Call[D], /) -> _Soon[tuple[A, B, C, D]]: ...
@overload
def batch(
    db: AsyncDatabase, a: Call[A], b: Call[B], c: Call[C], d: Call[D], e: Call[E], /
) -> _Soon[tuple[A, B, C, D, E]]: ...
@overload
def batch(
    db: AsyncDatabase, a: Call[A], b: Call[B], c: Call[C], d: Call[D], e: Call[E], f: Call[F], /
) -> _Soon[tuple[A, B, C, D, E, F]]: ...
@overload
def batch(
    db: AsyncDatabase, a: Call[A], b: Call[B], c: Call[C], d: Call[D], e: Call[E], f: Call[F], g: Call[G], /
) -> _Soon[tuple[A, B, C, D, E, F, G]]: ...
@overload
def batch(
    db: AsyncDatabase, a: Call[A], b: Call[B], c: Call[C], d: Call[D], e: Call[E], f: Call[F], g: Call[G], h: Call[H], /
) -> _Soon[tuple[A, B, C, D, E, F, G, H]]: ...
@overload
def batch(db: AsyncDatabase, /, *calls: Call[T]) -> _Soon[tuple[T, ...]]: ...
def batch(db: Any, /, *calls: Call[Any]) -> Any:
    """Make all calls in one transaction, in this order, each seeing what earlier ones wrote; return their results.

    All or nothing: if one refuses (`NotFound`, `AlreadyExists`, …), its error is raised, with `.index`, and nothing of
    the batch stays. One round trip if it only reads, or if none but its one writing call can refuse; else two, as all
    answers must be known before it is kept. In a caller's transaction a batch that fails is undone to where it began,
    and the transaction goes on. In a caller's pipeline, what was sent before is waited for first.
    """
    return _made(db, batched(calls))


@overload
def preview(db: Database, call: Call[T], /) -> T: ...
@overload
def preview(db: AsyncDatabase, call: Call[T], /) -> _Soon[T]: ...
def preview(db: Any, call: Call[Any], /) -> Any:
    """Return what the call would answer, or raise what it would, and keep nothing: one round trip.

    In a caller's transaction nothing of it remains either, except that the locks it took may.
    """
    return _made(db, previewed(call))


@overload
def explain(db: Database, call: Call[Any], /, *, analyze: bool = False) -> list[Plan]: ...
@overload
def explain(db: AsyncDatabase, call: Call[Any], /, *, analyze: bool = False) -> _Soon[list[Plan]]: ...
def explain(db: Any, call: Call[Any], /, *, analyze: bool = False) -> Any:
    """Return the server's plan for each statement, with the values bound; `analyze` runs them and undoes it.

    One round trip. Each statement is planned for the tables as they are; with `analyze`, as those before it leave them.
    """
    return _made(db, explained(call, analyze=bool(analyze)))


@overload
def scoped(db: Database, settings: Mapping[str, str], /) -> Scoped: ...
@overload
def scoped(db: AsyncDatabase, settings: Mapping[str, str], /) -> AsyncScoped: ...
def scoped(db: Any, settings: Mapping[str, str], /) -> Any:
    """Give a database to pass on in place of `db`, in which every transaction begins with these settings.

    They go in the same write and end with the transaction, so that nothing stays on the connection; in a caller's
    transaction they hold until its end. A name needs a dot (`app.user_id`). Scoped once more, the settings add up, and
    the inner ones win.
    """
    checked = _settings(settings)
    kind = AsyncScoped if is_async(db) else Scoped
    outer = db.settings if isinstance(db, Scoped | AsyncScoped) else {}
    return kind(given(db), {**outer, **checked})  # type: ignore[arg-type]


def _made(db: Any, call: Call[Any]) -> Any:
    return run_async(db, call) if is_async(db) else run(db, call)


def _settings(settings: object) -> dict[str, str]:
    if not isinstance(settings, Mapping):
        raise InvalidValue("settings", "a mapping of names to texts is needed")
    pairs = cast("Mapping[object, object]", settings).items()
    return {_name(name): validate.plain_text(value, f"settings[{name!r}]") for name, value in pairs}


def _name(name: object) -> str:
    checked = validate.plain_text(name, "settings")
    if not _NAME.fullmatch(checked):
        raise InvalidValue("settings", f"{checked!r} is no name with a dot, as app.user_id is")
    return checked.lower()  # as PostgreSQL knows names of settings
