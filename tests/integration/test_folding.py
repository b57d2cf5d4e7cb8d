"""E-mail addresses without regard to case: ASCII letters alike in every database, also in one of Turkish locale."""

import asyncio
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.worlds import World
from useraim import AlreadyExists, NewUser, User, aims, local, schema, users

TURKISH = "LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C'"


@contextmanager
def created(server: str, name: str, locale: str) -> Generator[str, None, None]:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {locale}".encode())
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def started(stack: ExitStack, folders: Iterator[Path]) -> Iterator[str]:
    for folder in folders:
        yield stack.enter_context(local.postgres(bindir=folder))


@pytest.fixture(scope="module")
def turkish(server: str, template: str) -> Iterator[str]:
    """A migrated database of Turkish locale; of locale C, where no PostgreSQL of this machine has ICU."""
    with ExitStack() as stack:
        servers = chain([server], started(stack, iter(local.binaries().values())))
        choices = chain(((one, TURKISH) for one in servers), [(server, "LOCALE 'C'")])
        for one, locale in choices:
            try:
                conninfo = stack.enter_context(created(one, f"{template}_turkish", locale))
            except psycopg.errors.FeatureNotSupported:
                continue
            schema.apply(conninfo)
            yield conninfo
            return


@pytest.fixture(params=["sync", "async"])
def there(request: pytest.FixtureRequest, turkish: str, runner: asyncio.Runner) -> Iterator[World]:
    """Calls operations in a transaction that is rolled back."""
    if request.param == "sync":
        with psycopg.connect(turkish) as conn:
            yield World(conn, runner)
            conn.rollback()
    else:
        aconn = runner.run(psycopg.AsyncConnection.connect(turkish))
        yield World(aconn, runner)
        runner.run(aconn.close())


@pytest.fixture
def info(there: World) -> User:
    return there(users.create, email="info@Izmir.org", name="Info")


def refused(there: World, info: User, *call: Any, **keywords: Any) -> bool:
    with pytest.raises(AlreadyExists) as caught:
        there(*call, **keywords)
    return (caught.value.constraint, caught.value.ids) == ("users_email_key", (info.id,))


def test_an_address_is_taken_in_any_case(there: World, info: User) -> None:
    other = there(users.create, email="other@izmir.org", name="Other")
    aim = there(aims.create, title="Run")
    assert refused(there, info, users.create, email="INFO@IZMIR.ORG", name="Again")
    assert refused(there, info, users.create_many, [NewUser("INFO@IZMIR.ORG", "Again")])
    assert refused(there, info, users.update, other, email="Info@IZMIR.org")
    assert refused(there, info, aims.users.create, aim, [NewUser("iNFO@izmir.org", "Again")])
    assert refused(there, info, aims.users.direct_control, aim, [NewUser("infO@izmir.ORG", "Again")])


def test_an_address_is_found_in_any_case(there: World, info: User) -> None:
    assert there(users.find_by_email, "INFO@IZMIR.ORG") == info
    assert there(users.ensure, email="INFO@IZMIR.ORG", name="Again") == (info, False)


def test_an_address_given_twice_in_different_case_is_refused(there: World) -> None:
    with pytest.raises(AlreadyExists):
        there(users.create_many, [NewUser("irma@izmir.org", "One"), NewUser("IRMA@IZMIR.ORG", "Two")])


def test_the_schema_refuses_it_too(there: World, info: User) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        there.execute("INSERT INTO users (name, email) VALUES ('Again', 'INFO@IZMIR.ORG')")
    assert caught.value.diag.constraint_name == "users_email_key"


def test_pages_by_address_meet_each_once_in_an_order_without_case(there: World, info: User) -> None:
    made = [there(users.create, email=f"{name}@izmir.org", name="N") for name in ("INA", "ING", "hal", "ins")]
    first = there(users.page, order_by="email", limit=3)
    rest = there(users.page, order_by="email", limit=3, after=first.next)
    assert [*first, *rest] == [made[2], made[0], info, made[1], made[3]]


def test_other_letters_fold_as_the_database_has_it(call: World) -> None:
    same = call.execute("SELECT lower('É') = 'é'")[0][0]
    emil = call(users.create, email="émile@example.org", name="Émile")
    assert call(users.find_by_email, "ÉMILE@EXAMPLE.ORG") == (emil if same else None)
