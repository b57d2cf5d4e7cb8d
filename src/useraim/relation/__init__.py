"""The relation: the tables, and the SQL of their records and links."""
