"""The types callers see, on connections and pools of both kinds; swapped ids are errors to mypy and pyright."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, assert_type
from uuid import UUID

import pytest
from psycopg import AsyncConnection, Connection

from tests.conftest import ROOT
from useraim import (
    UNSET,
    AsyncScoped,
    BulkResult,
    Frame,
    Plan,
    Scoped,
    Unset,
    __version__,
    aims,
    batch,
    bulk,
    explain,
    preview,
    scoped,
    transaction,
    user_aims,
    users,
)
from useraim.ids import AimId, UserId
from useraim.page import Page
from useraim.values import Aim, Changes, Linked, User, UserAim

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool, ConnectionPool

    Outcome = Literal["added", "updated", "unchanged"]

    def sync(conn: Connection[Any], pool: ConnectionPool[Connection[Any]], ana: UserId, run: AimId) -> None:
        assert_type(users.get(conn, ana), User)
        assert_type(users.get(pool, ana), User)
        assert_type(users.find(conn, ana), User | None)
        assert_type(users.find_many(conn, [ana]), dict[UserId, User])
        assert_type(users.create(conn, email="a@b", name="A"), User)
        assert_type(users.create_many(conn, []), list[User])
        assert_type(users.ensure(conn, email="a@b", name="A"), tuple[User, bool])
        assert_type(users.exists(pool, ana), bool)
        assert_type(users.delete_many(conn, [ana]), tuple[UserId, ...])
        assert_type(users.page(conn, limit=5), Page[User])
        assert_type(users.stream(conn), Iterator[User])
        assert_type(users.stream(pool), Iterator[User])
        assert_type(users.similar(conn, ana), list[User])
        assert_type(users.suggest_aims(conn, ana), list[Aim])
        assert_type(aims.get(conn, run), Aim)
        assert_type(aims.page(pool), Page[Aim])
        assert_type(aims.delete(conn, run), bool)
        assert_type(user_aims.get(conn, ana, run), UserAim)
        assert_type(user_aims.find_many(conn, [(ana, run)]), list[UserAim | None])
        assert_type(user_aims.put_many(conn, [(ana, run)]), list[Outcome])
        assert_type(user_aims.delete_many(conn, [(ana, run)]), tuple[tuple[UUID, UUID], ...])
        assert_type(user_aims.merge(conn, ana, ana), Changes)
        assert_type(user_aims.stream(conn), Iterator[UserAim])
        assert_type(user_aims.frame(conn), Frame)
        assert_type(users.frames(pool), Iterator[Frame])
        assert_type(users.aims.frame(pool, [ana]), Frame)
        assert_type(aims.users.frames(conn, [run], size=5), Iterator[Frame])
        assert_type(users.aims.of(conn, ana), list[Linked[Aim]])
        assert_type(aims.users.of(conn, run), list[Linked[User]])
        assert_type(users.aims.load(conn, [ana]), dict[UserId, list[Linked[Aim]]])
        assert_type(aims.users.load(pool, [run]), dict[AimId, list[Linked[User]]])
        assert_type(users.aims.append(conn, ana, [run]), Changes)
        assert_type(users.aims.count(conn, [ana]), dict[UserId, int])
        assert_type(aims.users.page(conn, run), Page[Linked[User]])
        assert_type(aims.users.stream(conn, run), Iterator[Linked[User]])
        assert_type(aims.users.common(conn, [run]), list[User])
        get, held, sizes = users.get.call(ana), users.aims.of.call(ana), aims.users.count.call([run])
        assert_type(batch(conn, get, held, sizes), tuple[User, list[Linked[Aim]], dict[AimId, int]])
        assert_type(batch(pool, get), tuple[User])
        assert_type(
            batch(conn, get, held, get, sizes, get, held, get, sizes),
            tuple[User, list[Linked[Aim]], User, dict[AimId, int], User, list[Linked[Aim]], User, dict[AimId, int]],
        )
        assert_type(batch(conn, get, get, get, get, get, get, get, get, get), tuple[User, ...])
        assert_type(batch(conn, *[users.exists.call(ana)]), tuple[bool, ...])
        assert_type(batch(conn), tuple[()])
        assert_type(preview(conn, users.aims.clear.call(ana)), Changes)
        assert_type(explain(pool, get), list[Plan])
        assert_type(scoped(conn, {"app.user": "ana"}), Scoped)
        assert_type(scoped(scoped(pool, {}), {}), Scoped)
        mine = scoped(pool, {})
        assert_type(users.get(mine, ana), User)
        assert_type(users.aims.stream(mine, ana), Iterator[Linked[Aim]])
        assert_type(batch(mine, get, held), tuple[User, list[Linked[Aim]]])
        assert_type(bulk.load(mine, []), BulkResult)
        assert_type(transaction.run(mine, lambda conn: users.get(conn, ana)), User)

    def optional(role: str | Unset = UNSET) -> None:
        assert_type(role if role is not UNSET else "member", str)
        assert_type(__version__, str)

    async def asynchronous(
        conn: AsyncConnection[Any], pool: AsyncConnectionPool[AsyncConnection[Any]], ana: UserId, run: AimId
    ) -> None:
        assert_type(await users.get(conn, ana), User)
        assert_type(await users.get(pool, ana), User)
        assert_type(await users.find(conn, ana), User | None)
        assert_type(await users.find_many(pool, [ana]), dict[UserId, User])
        assert_type(await users.ensure(conn, email="a@b", name="A"), tuple[User, bool])
        assert_type(await users.page(conn, limit=5), Page[User])
        assert_type(users.stream(conn), AsyncIterator[User])
        assert_type(users.stream(pool), AsyncIterator[User])
        assert_type(await aims.create(conn, title="T"), Aim)
        assert_type(await user_aims.grant(conn, ana, run, ["x"]), UserAim)
        assert_type(await user_aims.put_many(pool, [(ana, run)]), list[Outcome])
        assert_type(await users.aims.of(conn, ana), list[Linked[Aim]])
        assert_type(await aims.users.load(pool, [run]), dict[AimId, list[Linked[User]]])
        assert_type(await users.aims.replace(conn, ana, [run]), Changes)
        assert_type(aims.users.stream(pool, run), AsyncIterator[Linked[User]])
        assert_type(await users.aims.frame(conn, [ana]), Frame)
        assert_type(user_aims.frames(pool), AsyncIterator[Frame])
        get, held, sizes = users.get.call(ana), users.aims.of.call(ana), aims.users.count.call([run])
        assert_type(await batch(conn, get, held, sizes), tuple[User, list[Linked[Aim]], dict[AimId, int]])
        assert_type(await batch(pool, get), tuple[User])
        assert_type(
            await batch(conn, get, held, get, sizes, get, held, get, sizes),
            tuple[User, list[Linked[Aim]], User, dict[AimId, int], User, list[Linked[Aim]], User, dict[AimId, int]],
        )
        assert_type(await batch(conn, *[users.exists.call(ana)]), tuple[bool, ...])
        assert_type(await batch(conn), tuple[()])
        assert_type(await preview(conn, users.aims.clear.call(ana)), Changes)
        assert_type(await explain(pool, get), list[Plan])
        assert_type(scoped(conn, {"app.user": "ana"}), AsyncScoped)
        mine = scoped(scoped(pool, {}), {})
        assert_type(await users.get(mine, ana), User)
        assert_type(users.aims.stream(mine, ana), AsyncIterator[Linked[Aim]])
        assert_type(await batch(mine, get, held), tuple[User, list[Linked[Aim]]])
        assert_type(await bulk.load(mine, []), BulkResult)


HEAD = """
from typing import Any
from psycopg import AsyncConnection, Connection
import useraim
from useraim import UNSET, Aim, AimId, AnyOf, Link, NewUserAim, User, UserId, aims, user_aims, users

async def use(
    conn: Connection[Any], aconn: AsyncConnection[Any], ana: UserId, run: AimId, user: User, aim: Aim
) -> None:
"""
RIGHT = [
    "users.get(conn, ana)",
    "users.aims.append(conn, ana, [run, aim, Link(run), Link(aim, role='owner')])",
    "users.aims.append(conn, user, [aim])",
    "await aims.users.append(aconn, run, [ana, user])",
    "user_aims.create(conn, ana, run)",
    "user_aims.put_many(conn, [(ana, run), NewUserAim(user, aim)])",
    "user_aims.put_many(conn, [(ana, run, 'owner'), (user, aim, UNSET, ['read']), {'user_id': ana, 'aim_id': run}])",
    "users.page(conn, where=[AnyOf([run, aim])])",
    "users.aims.append(conn, ana, [Link(run, permissions={'edit'})], role=UNSET, permissions=('vote',))",
    "user_aims.update(conn, ana, run, role=UNSET, permissions=UNSET, joined_at=UNSET)",
    "useraim.batch(conn, users.get.call(ana), aims.get.call(run))[0].email",
    "useraim.preview(conn, users.aims.clear.call(ana)).removed",
    "(await useraim.batch(useraim.scoped(aconn, {'app.user': str(ana)}), users.get.call(ana)))[0].email",
]
WRONG = [
    "users.get(conn, run)",
    "users.get(conn, aim)",
    "users.find_many(conn, [run])",
    "aims.delete(conn, ana)",
    "users.aims.append(conn, run, [ana])",
    "users.aims.append(conn, ana, [ana])",
    "users.aims.append(conn, ana, [Link(ana)])",
    "aims.users.replace(conn, run, [aim])",
    "await aims.users.remove(aconn, ana, [run])",
    "user_aims.create(conn, run, ana)",
    "user_aims.put_many(conn, [(run, ana)])",
    "user_aims.put_many(conn, [(ana, run, ['owner'])])",
    "user_aims.put_many(conn, [NewUserAim(run, ana)])",
    "user_aims.merge(conn, ana, run)",
    "users.page(conn, where=[AnyOf([ana])])",
    "users.aims.has(conn, run, ana)",
    "users.create(conn, title='T')",
    "users.aims.append(conn, ana, [run], on_match='replace')",
    "users.get(aconn, ana).name",
    "await users.get(conn, ana)",
    "Link(run, permissions=iter(['edit']))",
    "users.create(conn, email='a@b', name=UNSET)",
    "useraim.nothing",
    "useraim.batch(conn, users.get)",
    "useraim.batch(conn, users.get.call(ana))[1]",
    "useraim.batch(aconn, users.get.call(ana))[0]",
    "useraim.preview(conn, users.get(conn, ana))",
    "useraim.scoped(conn, {'app.user': ana})",
    "await users.get(useraim.scoped(conn, {}), ana)",
]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A file of right and wrong uses, and the lines of the wrong ones."""
    file = tmp_path_factory.mktemp("types") / "uses.py"
    file.write_text(HEAD + "".join(f"    {line}\n" for line in RIGHT + WRONG))
    first = HEAD.count("\n") + 1 + len(RIGHT)
    return file, list(range(first, first + len(WRONG)))


def errors_of(command: list[str], file: Path) -> list[int]:
    """The lines a checker complains about."""
    ran = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=file.parent, env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    lines = {
        int(line.partition(f"{file.name}:")[2].partition(":")[0])
        for line in ran.stdout.splitlines()
        if f"{file.name}:" in line and "error" in line
    }
    assert lines, ran.stdout + ran.stderr
    return sorted(lines)


def test_mypy_rejects_swapped_ids_and_nothing_else(checked: tuple[Path, list[int]]) -> None:
    file, wrong = checked
    assert errors_of(["mypy", "--strict", "--follow-imports=silent", "uses.py"], file) == wrong


def test_pyright_rejects_swapped_ids_and_nothing_else(checked: tuple[Path, list[int]]) -> None:
    file, wrong = checked
    settings = f'{{"extraPaths": ["{ROOT / "src"}"], "typeCheckingMode": "standard", "include": ["uses.py"]}}'
    (file.parent / "pyrightconfig.json").write_text(settings)
    ran = errors_of(["pyright", "--pythonpath", sys.executable, "--project", "pyrightconfig.json"], file)
    assert ran == wrong
