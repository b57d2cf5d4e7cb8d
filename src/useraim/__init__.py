"""Users, aims and who shares which: a raw-SQL data-access layer for a many-to-many relation on PostgreSQL."""
