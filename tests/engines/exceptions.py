"""What differs behind a pooler and on a replica: each test that does, by a pattern of its id, and why.

Those of FAIL have to fail: one that passes is no exception any more, and fails for that.
"""

import re
from typing import TypeAlias

Exceptions: TypeAlias = dict[str, dict[str, str]]

DIRECT = {
    "integration/schema": "migrations and their locks belong to a session: they go to the server itself",
    "integration/test_local": "servers of their own",
}
OWN_TIME = "compares times with now() of a transaction of its own, which no standby could see"
WITHIN = "about a transaction that is open while it reads"
REPLICA = {
    "test_append": OWN_TIME,
    "test_replace.py": OWN_TIME,
    "TestCreate::test_creates_and_links_in_input_order": OWN_TIME,
    "test_creates_edits_keeps_and_deletes": OWN_TIME,
    "test_a_new_user_is_stored_as_given": OWN_TIME,
    "test_stays_in_the_callers_transaction": WITHIN,
}
PREPARES = "prepares statements on purpose, which this pooler loses: its connections have prepare_threshold=None"
OPTIONS = "PgBouncer takes no options= in a conninfo: settings go by SET LOCAL, or `scoped`"
BACKEND = "asks for, or ends, the session by the number that the connection was given: behind PgBouncer it is another's"
SET = "a plain SET is another caller's in the next moment"
SESSION = {
    "test_scoped": OPTIONS,
    "the backend is killed": BACKEND,
    "test_a_connection_busy_with_the_statement_of_another": BACKEND,
    "test_an_error_of_a_race_that_work_caught": BACKEND,
    "test_a_failure_behind_a_lock": SET,
    "test_connections_that_a_pool_held_idle_for_too_long": OPTIONS,
    "test_each_try_runs_with_the_settings_of_the_session": SET,
    "test_a_pool_looks_for_another_server_when_its_own_has": SET,
    "integration/test_prepared": "looks at its session's prepared statements, which have other names there",
}
LOSING = {
    r"interruptions.*[-\[][05][-\]]": PREPARES,
    r"\[prepared-": PREPARES,
    "test_in_a_pipeline_of_the_callers": PREPARES,
    "test_preview.py::test_it_is_one_round_trip": PREPARES,
}
ONE_SERVER = "looks at the sessions, plans or triggers of one server"
CLUSTER = {
    "test_interruptions": "its triggers fail in the middle of a write, and Citus takes no triggers",
    "test_what_would_fail_at_commit": "the same",
    "integration/test_roles": "gives rights in a transaction that no other node sees",
    "integration/test_folding": "databases of other locales, made from a template",
    "integration/test_prepared": ONE_SERVER,
    "bulk/test_failures": ONE_SERVER,
}
NOT_RUN: Exceptions = {
    "": {"engines/test_cluster": "asks the nodes of a cluster: make test-cluster"},
    "pooler": {**DIRECT, **SESSION, **LOSING},
    "tracking-pooler": {**DIRECT, **SESSION},
    "replica": {**DIRECT, **REPLICA},
    "cluster": {**DIRECT, **CLUSTER},
}
REFUSED = {"test_names_are_found_by_the_callers_search_path": OPTIONS}
FAIL: Exceptions = {
    "pooler": {**REFUSED, "test_settings_do_not_matter_and_stay.*options": OPTIONS},
    # It takes those that it passes on anyway: the time zone, the style of dates.
    "tracking-pooler": {**REFUSED, "test_settings_do_not_matter_and_stay.*options.*bytea_output": OPTIONS},
}


def reason(exceptions: Exceptions, engine: str, test: str) -> str | None:
    """Say why this test is an exception with this engine, None if it is none."""
    return next((why for pattern, why in exceptions.get(engine, {}).items() if re.search(pattern, test)), None)
