"""Users, aims and who shares which, in twenty lines. PG* variables name a migrated database."""

import psycopg

from useraim import Link, aims, users

with psycopg.connect(autocommit=True) as conn:
    ana, _ = users.ensure(conn, email="ana@example.org", name="Ana")
    run = aims.create(conn, title="Run a marathon")
    read = aims.create(conn, title="Read more")

    changes = users.aims.append(conn, ana, [run, Link(read, role="owner", permissions=["edit"])])
    print("added", len(changes.added), "unchanged", len(changes.unchanged))

    for linked in users.aims.of(conn, ana):
        print(f"{linked.record.title}: {linked.role}, may {', '.join(linked.permissions) or 'look'}")

    changes = users.aims.replace(conn, ana, [read])
    print("removed", len(changes.removed), "and kept", len(changes.unchanged))
    print("Ana reads more:", aims.users.has(conn, read, ana))
