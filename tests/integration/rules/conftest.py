"""The fixtures of the relation: its ends, also those of a relation of one's own, sources and far records."""

from tests.integration.relation.conftest import end, far, other, pytest_generate_tests, source

__all__ = ["end", "far", "other", "pytest_generate_tests", "source"]
