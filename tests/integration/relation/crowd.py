"""A database with many links of one source."""

from typing import NamedTuple
from uuid import UUID


class Crowd(NamedTuple):
    """A database in which one user shares 20,000 aims and one aim is shared by 20,000 users, with many ties."""

    conninfo: str
    sources: dict[str, UUID]
