"""Random calls from both ends against a model in memory: what they return, what they refuse, and the whole tables."""

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.model.machine import Relation


def play(database: str, examples: int, steps: int) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        started = conn.execute("SELECT clock_timestamp()").fetchall()[0][0]
        machine = type("Machine", (Relation,), {"conn": conn, "started": started})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
                phases=[Phase.generate, Phase.shrink],
                print_blob=False,
            ),
        )


def test_calls_do_what_the_model_does(database: str) -> None:
    play(database, examples=150, steps=30)


@pytest.mark.soak
def test_many_more_calls_do_what_the_model_does(database: str) -> None:
    play(database, examples=1_500, steps=80)
