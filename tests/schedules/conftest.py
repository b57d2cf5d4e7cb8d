from collections.abc import Callable, Iterator

import pytest

from tests.schedules.explorer import Explorer


@pytest.fixture(scope="session")
def explorer(create_database: Callable[[], str]) -> Iterator[Explorer]:
    """Connections to a database of its own."""
    explorer = Explorer(create_database())
    yield explorer
    explorer.close()
