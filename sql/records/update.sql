-- Change the columns given, if any value differs, and return the row either way.
-- The row is locked first, and `held` is its newest version, also after waiting for another writer; the table itself
-- is seen as of the start of the statement. The id itself, beside that of the row held, sends a cluster to one shard.
-- Slots: table; columns and returned, all of them, plain and of t; changes and differs, new values, and whether one is
-- another than h has. gives_unique, true or false: whether a unique column is among them; theirs and ours, that column of
-- t and the one given as they are compared.
WITH held AS MATERIALIZED (
    SELECT {columns} FROM {table} WHERE id = %(id)s FOR NO KEY UPDATE
),
taken AS (
    SELECT t.id FROM {table} t WHERE {gives_unique} AND {theirs} = {ours} AND t.id <> %(id)s
),
updated AS (
    UPDATE {table} t SET {changes}, updated_at = now() FROM held h
    WHERE t.id = %(id)s AND t.id = h.id AND NOT EXISTS (SELECT 1 FROM taken) AND ({differs})
    RETURNING {returned}
)
SELECT (SELECT id FROM taken LIMIT 1) AS taken, {columns} FROM updated
UNION ALL
SELECT (SELECT id FROM taken LIMIT 1), {columns} FROM held WHERE NOT EXISTS (SELECT 1 FROM updated)
