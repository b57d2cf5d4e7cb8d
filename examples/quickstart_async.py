"""The same functions, awaited: the kind of connection decides."""

import asyncio

import psycopg

from useraim import Link, aims, users


async def main() -> None:
    """Do what quickstart.py does."""
    async with await psycopg.AsyncConnection.connect(autocommit=True) as conn:
        ana, _ = await users.ensure(conn, email="ana@example.org", name="Ana")
        run = await aims.create(conn, title="Run a marathon")
        read = await aims.create(conn, title="Read more")

        changes = await users.aims.append(conn, ana, [run, Link(read, role="owner", permissions=["edit"])])
        print("added", len(changes.added), "unchanged", len(changes.unchanged))

        async for linked in users.aims.stream(conn, ana):
            print(f"{linked.record.title}: {linked.role}, may {', '.join(linked.permissions) or 'look'}")

        changes = await users.aims.replace(conn, ana, [read])
        print("removed", len(changes.removed), "and kept", len(changes.unchanged))
        print("Ana reads more:", await aims.users.has(conn, read, ana))


asyncio.run(main())
