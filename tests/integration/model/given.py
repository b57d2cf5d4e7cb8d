"""What the calls of a run are given: ids, attributes, collections."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from tests.ends import ENDS, NOON

MOMENTS = [NOON, datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)]
POOL = 5
"""So few ids on each side that calls meet each other's links; one of them exists nowhere."""

PLACES = st.integers(0, POOL)
END = st.sampled_from(ENDS)
ON_MATCH = st.sampled_from(["ignore", "update", "error"])
ROLES = st.sampled_from(["member", "r0", "r1"])
PERMISSIONS = st.sampled_from([(), ("p",), ("p", "q"), ("q", "p"), ("p", "p")])
GIVEN = st.fixed_dictionaries(
    {}, optional={"role": ROLES, "permissions": PERMISSIONS, "joined_at": st.sampled_from(MOMENTS)}
)
LINKS = st.lists(st.tuples(PLACES, GIVEN), max_size=7)
NAMED = st.lists(PLACES, max_size=7)
LABELS = st.sampled_from(["one", "two"])
