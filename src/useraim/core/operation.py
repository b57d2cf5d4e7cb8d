"""@operation and @method: functions that build something to run, made callable with a database first."""

import inspect
from collections.abc import Callable, Coroutine, Iterator
from functools import update_wrapper
from itertools import chain
from types import GenericAlias
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from useraim.core.database import AsyncDatabase, Database, is_async
from useraim.core.running import run, run_async
from useraim.core.statement import Call
from useraim.validate import UNSET

P = ParamSpec("P")
Built = TypeVar("Built")
Made = TypeVar("Made")
T = TypeVar("T")
Owner = TypeVar("Owner")


class Operation(Protocol[P, T]):
    """A function of the database: give it a connection or a pool first, and await it if that is async."""

    @property
    def call(self) -> Callable[P, Call[T]]:
        """The pure function behind it, which sends nothing."""
        ...

    @overload
    def __call__(self, db: Database, /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    def __call__(self, db: AsyncDatabase, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...


class Bound(Generic[P, Built]):
    """A function that builds something to run, how its call is had, and how it is run in either world."""

    def __init__(
        self,
        build: Callable[P, Built],
        call: Callable[P, Call[Any]],
        run: Callable[[Any, Built], Any],
        run_async: Callable[[Any, Built], Any],
    ) -> None:
        update_wrapper(self, build)
        self.build = build
        self.call = call
        self.run = run
        self.run_async = run_async

    @property
    def __signature__(self) -> inspect.Signature:
        return _with_db(self.build)

    def __call__(self, db: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Build and run it."""
        built = self.build(*args, **kwargs)
        return self.run_async(db, built) if is_async(db) else self.run(db, built)

    def __repr__(self) -> str:
        return f"<operation {getattr(self.build, '__qualname__', self.build)}>"


def operation(build: Callable[P, Call[T]]) -> Operation[P, T]:
    """Make a function that builds a call one that takes a database first and runs it."""
    return Bound(build, build, run, run_async)


class each(Generic[Owner, Made]):
    """A method that builds something to run: on every object, the operation that `make` makes of it."""

    def __init__(self, build: Callable[..., Any], make: Callable[[Any], Made]) -> None:
        self.build = build
        self.make = make
        self.__doc__ = build.__doc__

    def __set_name__(self, owner: type[object], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, owner: None, kind: type[Owner]) -> "each[Owner, Made]": ...
    @overload
    def __get__(self, owner: Owner, kind: type[Owner]) -> Made: ...
    def __get__(self, owner: Owner | None, kind: type[Owner]) -> "Made | each[Owner, Made]":
        if owner is None:
            return self
        made = self.make(self.build.__get__(owner, kind))
        owner.__dict__[self.name] = made
        return made


def method(build: Callable[Concatenate[Owner, P], Call[T]]) -> each[Owner, Operation[P, T]]:
    """Make a method that builds a call an operation of each object."""
    return each(build, operation)


def _with_db(build: Callable[..., Any]) -> inspect.Signature:
    signature = inspect.signature(build)
    db = inspect.Parameter("db", inspect.Parameter.POSITIONAL_ONLY)
    (result,) = get_args(signature.return_annotation)
    returned = result if get_origin(signature.return_annotation) is Call else GenericAlias(Iterator, (result,))
    parameters = [db, *chain.from_iterable(map(_named, signature.parameters.values()))]
    return signature.replace(parameters=parameters, return_annotation=returned)


def _named(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """Name each keyword of a TypedDict, as help() and editors show them."""
    if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
        return [parameter]
    (keywords,) = get_args(parameter.annotation)
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=UNSET, annotation=kind)
        for name, kind in get_type_hints(keywords).items()
    ]
