-- No row has the id. Slots: table.
AND NOT EXISTS (SELECT 1 FROM {table} WHERE id = %(id)s)
