"""Settings of the caller's connection do not matter, and stay."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.adapt import Loader
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from tests.ends import shown
from tests.integration.connections.uses import everything, state
from tests.worlds import World
from useraim import aims, schema, user_aims, users

Settings = dict[str, Any]


class TextUuid(Loader):
    def load(self, data: Any) -> str:
        return bytes(data).decode()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"row_factory": dict_row},
        {"prepare_threshold": None},
        {"prepare_threshold": 0},
        {"options": "-c TimeZone=Asia/Kathmandu -c DateStyle=German,DMY -c IntervalStyle=sql_standard"},
        {"options": "-c bytea_output=escape -c extra_float_digits=0 -c standard_conforming_strings=off"},
        {"client_encoding": "latin1"},
    ],
    ids=shown,
)
def test_settings_do_not_matter_and_stay(connect: Callable[..., World], settings: Settings) -> None:
    call = connect(autocommit=True, **settings)
    before = state(call.db)
    for _ in range(2):
        everything(call)
    assert state(call.db) == before


def test_the_callers_cursor_class_is_not_used(connect: Callable[..., World]) -> None:
    call = connect(autocommit=True)
    db: Any = call.db
    db.cursor_factory = psycopg.ClientCursor if call.kind == "sync" else psycopg.AsyncClientCursor
    everything(call)
    assert db.cursor_factory in (psycopg.ClientCursor, psycopg.AsyncClientCursor)


def test_the_callers_adapters_are_not_used(connect: Callable[..., World]) -> None:
    call = connect(autocommit=True)
    for type in ("uuid", "timestamptz", "text", "int8", "bool"):
        call.db.adapters.register_loader(type, TextUuid)
    everything(call)
    assert call.execute("SELECT gen_random_uuid()::text <> '', pg_typeof(now())::text")[0][1] != ""
    assert isinstance(call.execute("SELECT gen_random_uuid()")[0][0], str)


def test_latin1_texts_come_back(connect: Callable[..., World]) -> None:
    call = connect(autocommit=True, client_encoding="latin1")
    ana = call(users.create, email="zoë@example.org", name="Zoë ÿ")
    run = call(aims.create, title="Über")
    link = call(user_aims.create, ana, run, role="Führer", permissions=["é", 'ü"\\{}'])
    assert call(user_aims.get, ana, run) == link
    assert (link.role, link.permissions) == ("Führer", ("é", 'ü"\\{}'))
    assert connect()(users.get, ana) == ana


def test_names_are_found_by_the_callers_search_path(connect: Callable[..., World], database: str) -> None:
    call = connect(autocommit=True)
    call.execute("CREATE SCHEMA tenant")
    schema.apply(make_conninfo(database, options="-c search_path=tenant"))
    call.execute("SET search_path TO tenant")
    everything(call)
    call(users.create, email="tenant@example.org", name="Tenant")
    assert call.execute("SELECT (SELECT count(*) FROM public.users), (SELECT count(*) FROM tenant.users)") == [(0, 1)]
