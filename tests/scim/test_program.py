"""What it costs, and how long it is."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psycopg_pool import ConnectionPool

from tests.proxy import wire
from tests.scim.client import SEATS, TEAM, WAIT, Answer, Client, scim
from useraim import CountBetween


def test_a_group_is_read_in_one_round_trip_and_changed_in_two_or_with_if_match_in_four(database: str) -> None:
    with wire(database) as (conninfo, counted):
        kwargs = {"autocommit": True, "prepare_threshold": 0}
        with (
            ConnectionPool[Any](conninfo, min_size=1, max_size=1, kwargs=kwargs) as pool,
            scim.serve(pool, 0, CountBetween(at_most=SEATS)) as server,
        ):
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            client = Client(server.server_port, conninfo)
            try:
                group = client.group()
                tag = client("GET", group).headers["ETag"]
                trips: list[int] = []
                asks: list[Callable[[], Answer]] = [
                    lambda: client("GET", group),
                    lambda: client.patch(group, TEAM, If_Match=tag),
                    lambda: client.patch(group, TEAM),
                ]
                for ask in asks:
                    before = counted.round_trips
                    assert ask().status == 200
                    trips.append(counted.round_trips - before)
            finally:
                client.http.close()
                server.shutdown()
                thread.join(WAIT)
    assert trips == [1, 4, 2]


def test_without_a_database_it_says_so(client: Client, pool: "ConnectionPool[Any]") -> None:
    pool.close()
    assert client("GET", "/Groups").kind == (503, None)


def test_it_is_under_two_hundred_lines() -> None:
    assert len(Path(scim.__file__).read_text(encoding="utf-8").splitlines()) < 200
