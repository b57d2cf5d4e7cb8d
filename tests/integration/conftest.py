"""A database with a session that disturbs."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.integration.interruptions import Setting
from useraim import NewAim, aims, users


@pytest.fixture(scope="module")
def setting(create_database: Callable[[], str]) -> Iterator[Setting]:
    conninfo = create_database()
    with psycopg.connect(conninfo, autocommit=True) as other:
        user = users.create(other, email="ana@example.org", name="Ana")
        goals = aims.create_many(other, [NewAim(f"Goal {n}") for n in range(4)])
        # Raises in the statement that writes, or not before COMMIT.
        other.execute("""
            CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.role = TG_ARGV[0] THEN RAISE EXCEPTION 'boom'; END IF; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON user_aims DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION boom('late');
            CREATE TRIGGER early AFTER INSERT ON user_aims FOR EACH ROW EXECUTE FUNCTION boom('early')""")
        yield Setting(conninfo, other, user.id, [goal.id for goal in goals])
