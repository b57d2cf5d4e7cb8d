"""What knows the tables and speaks SQL; and what a relation of one's own is declared with."""

from useraim.core.ordering import CREATED_AT, Key
from useraim.relation.declaration import JoinTable, Table
from useraim.relation.records import Records
from useraim.relation.relationship import ManyToMany
from useraim.relation.tables import AIMS, USERS

__all__ = ["AIMS", "CREATED_AT", "USERS", "JoinTable", "Key", "ManyToMany", "Records", "Table"]
