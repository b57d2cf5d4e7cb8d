"""Every form in which libpq takes an address, with a password that has to be quoted in each; and nobody tells it."""

import logging
import os
import socket
import subprocess
import tempfile
import threading
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.integration.schema.marks import ALL, wait_until
from useraim import Conflict, InvalidValue, local, schema

USER, DATABASE = "ann @:/%41'\\ \"ü", "data ?&=%2F#'\\ \"ü"
PASSWORD = "s3cr @:/?#[]%41'\\ \"=+&;$|<>{}ü€~ t0ps"
PIECES = ("s3cr", "t0ps")
Form: TypeAlias = tuple[str, dict[str, str]]
"""A conninfo, and variables of the environment."""


@dataclass(frozen=True)
class Server:
    """Listens on a socket and on ports of this machine, and asks for passwords."""

    admin: str
    socket: str
    port: str
    folder: Path

    def log(self) -> str:
        return "".join(path.read_text() for path in (self.folder / "log").iterdir())


def free_port(host: str = "127.0.0.1") -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as one:
        one.bind((host, 0))
        return str(one.getsockname()[1])


def has_ipv6() -> bool:
    try:
        return bool(free_port("::1"))
    except OSError:
        return False


@pytest.fixture(scope="module")
def asking() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="useraim-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "log").mkdir()
        (folder / "log").chmod(0o777)
        hba, port = folder / "hba", free_port()
        hba.write_text("local all postgres trust\nlocal all all scram-sha-256\nhost all all all scram-sha-256\n")
        config = {"listen_addresses": "127.0.0.1,::1", "port": port, "hba_file": str(hba), "log_statement": "all"}
        logs = {"logging_collector": "on", "log_directory": str(folder / "log"), "log_connections": "on"}
        with local.postgres(config={**config, **logs, "log_file_mode": "0644"}) as admin:
            with psycopg.connect(admin, autocommit=True) as conn:
                conn.execute("SET log_statement = 'none'")
                role = sql.Identifier(USER)
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(PASSWORD)))
            yield Server(admin, str(conninfo_to_dict(admin)["host"]), port, folder)


@pytest.fixture
def empty(asking: Server) -> Iterator[Server]:
    with psycopg.connect(asking.admin, autocommit=True) as conn:
        name = sql.Identifier(DATABASE)
        conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(USER)))
        yield asking
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def parts(server: Server) -> dict[str, str]:
    return {"user": USER, "password": PASSWORD, "dbname": DATABASE, "host": "127.0.0.1", "port": server.port}


def uri(server: Server, host: str | None = None, scheme: str = "postgresql", query: str = "") -> str:
    coded = [quote(one, safe="") for one in (USER, PASSWORD, DATABASE)]
    at = f"127.0.0.1:{server.port}" if host is None else host
    return f"{scheme}://{coded[0]}:{coded[1]}@{at}/{coded[2]}{query}"


def service(server: Server) -> dict[str, str]:
    """A file of services takes no quotes: what stands behind = is the value."""
    path = server.folder / "service"
    path.write_text("[ours]\n" + "".join(f"{name}={value}\n" for name, value in parts(server).items()))
    return {"PGSERVICEFILE": str(path)}


def passfile(server: Server) -> Form:
    path = server.folder / "pass"
    path.write_text("*:*:*:*:" + PASSWORD.replace("\\", r"\\").replace(":", r"\:") + "\n")
    path.chmod(0o600)
    given = {name: value for name, value in parts(server).items() if name != "password"}
    return make_conninfo(**given), {"PGPASSFILE": str(path)}


def variables(server: Server) -> dict[str, str]:
    names = {"user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT"}
    return {names[name]: value for name, value in parts(server).items()}


def socket_of(server: Server) -> str:
    return quote(server.socket, safe="")


FORMS: dict[str, Callable[[Server], Form]] = {
    "key and value": lambda server: (make_conninfo(**parts(server)), {}),
    "key and value, a socket": lambda server: (make_conninfo(**{**parts(server), "host": server.socket}), {}),
    "key and value, two hosts": lambda server: (
        make_conninfo(**{**parts(server), "host": "127.0.0.1,127.0.0.1", "port": f"1,{server.port}"}),
        {},
    ),
    "URI": lambda server: (uri(server), {}),
    "URI, the short scheme": lambda server: (uri(server, scheme="postgres"), {}),
    "URI, two hosts": lambda server: (uri(server, f"127.0.0.1:1,127.0.0.1:{server.port}"), {}),
    "URI, a socket as host": lambda server: (uri(server, f"{socket_of(server)}:{server.port}"), {}),
    "URI, a socket in the query": lambda server: (
        uri(server, "", query=f"?host={socket_of(server)}&port={server.port}"),
        {},
    ),
    "URI with options": lambda server: (uri(server, query="?options=-c%20search_path%3Dpublic&connect_timeout=10"), {}),
    "service": lambda server: ("service=ours", service(server)),
    "PGSERVICE": lambda server: ("", {**service(server), "PGSERVICE": "ours"}),
    "variables": lambda server: ("", variables(server)),
    "file of passwords": passfile,
}
if has_ipv6():
    FORMS["URI, IPv6"] = lambda server: (uri(server, f"[::1]:{server.port}"), {})
    FORMS["key and value, IPv6"] = lambda server: (make_conninfo(**{**parts(server), "host": "::1"}), {})


@pytest.fixture(autouse=True)
def no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_address_leads_to_the_database(
    empty: Server, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conninfo, environment = FORMS[form](empty)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert schema.apply(conninfo) == ALL
    assert schema.rollback(conninfo, to=ALL[-2]) == ALL[-1:]
    with psycopg.connect(conninfo) as conn:
        assert schema.status(conn).pending == ALL[-1:]
        assert conn.info.dbname == DATABASE


def told(error: BaseException | None) -> str:
    """All that an error and those before it say, also where it is shown with its traceback."""
    texts: list[str] = []
    while error:
        texts += [str(error), repr(error), *traceback.format_exception(error)]
        error = error.__context__
    return "\n".join(texts)


MISTYPED = [
    *(f"postgresql://ann:s3cr{sign}t0ps@127.0.0.1:1/data" for sign in ("@", "/", "%", ":", "?", "#", "[", " ", "\\")),
    *(f"{start}ann:s3cr,t0ps@127.0.0.1:1/data" for start in ("postgres//", "postgresql+psycopg://", "mysql://", "")),
    *("host=127.0.0.1 port=1 password=s3cr t0ps", "host=127.0.0.1 port=1 password='s3cr t0ps", "s3cr t0ps"),
]


@pytest.mark.parametrize("conninfo", MISTYPED)
def test_a_mistyped_address_is_refused_without_a_word_of_the_password(
    conninfo: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "psycopg"):
        with pytest.raises((InvalidValue, psycopg.OperationalError)) as refused:
            schema.apply(conninfo)
        with pytest.raises((InvalidValue, psycopg.OperationalError)) as refused_too:
            schema.rollback(conninfo, to=None)
    assert not [piece for piece in PIECES if piece in told(refused.value) + told(refused_too.value)]
    assert not [piece for piece in PIECES if piece in caplog.text]


@contextmanager
def applying(conninfo: str) -> Generator[list[BaseException], None, None]:
    """Apply in a thread, and give what it raises."""
    failures: list[BaseException] = []

    def apply() -> None:
        try:
            schema.apply(conninfo)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=apply)
    thread.start()
    yield failures
    thread.join(timeout=30)
    assert not thread.is_alive()


def processes() -> str:
    """The commands of all processes that this one may see."""
    if Path("/proc/self/cmdline").exists():
        return "\n".join(text(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
    return subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True).stdout


def text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""


def test_logs_errors_and_lists_of_processes_are_without_the_password(
    empty: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    conninfo, wrong = uri(empty), uri(empty).replace(PIECES[0], "".join(PIECES))
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "psycopg"):
        with psycopg.connect(conninfo) as conn:
            conn.execute("CREATE TABLE users (id int)")
        with pytest.raises(Conflict) as foreign:
            schema.apply(conninfo)
        with psycopg.connect(conninfo) as conn:
            conn.execute("DROP TABLE users")
            conn.execute("CREATE TABLE user_aims_pkey ()")
        with pytest.raises(psycopg.errors.DuplicateTable) as failed:
            schema.apply(conninfo)
        with pytest.raises(psycopg.OperationalError) as refused:
            schema.apply(wrong)
        with psycopg.connect(conninfo) as holder:
            holder.execute("DROP TABLE user_aims_pkey")
            holder.commit()
            holder.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
            with applying(conninfo) as failures:
                wait_until(lambda: "lock timeout" in empty.log(), "nobody waits for the lock that is held")
                seen = processes()
                activity = holder.execute("SELECT string_agg(a::text, '') FROM pg_stat_activity AS a").fetchone()
                holder.commit()
        assert failures == []
    out = capfd.readouterr()
    heard = [caplog.text, out.out, out.err, seen, str(activity), empty.log()]
    errors = [told(error.value) for error in (foreign, failed, refused)]
    assert not [piece for piece in PIECES for one in heard + errors if piece in one]
    assert "users_email_key" in empty.log()


def test_of_several_hosts_the_primary_is_taken(empty: Server) -> None:
    """Also where reads go to any of them."""
    given = {**parts(empty), "host": "127.0.0.1,127.0.0.1", "port": f"{empty.port},{empty.port}"}
    conninfo = make_conninfo(**given, target_session_attrs="prefer-standby", load_balance_hosts="random")
    assert schema.apply(conninfo) == ALL
