-- Create one record; without a new row, say which rows are in the way.
-- They are looked for first as well: on Citus there is no unique index but on ids.
-- Slots: table; given and columns, those the caller gives and all of them; values, the parameters. has_unique, true or false:
-- whether a column beside the id is unique; theirs and ours, that column of t and the one given as they are compared. target:
-- where both can be in the way unseen, only (id), as the server's error has to say which. free_id and free_value: that an
-- id which is given, and the unique column, are not taken (sql/records/free/), or nothing.
WITH added AS (
    INSERT INTO {table} (id, {given})
    SELECT %(id)s, {values}
    WHERE true {free_id} {free_value}
    ON CONFLICT {target} DO NOTHING
    RETURNING {columns}
)
SELECT
    CASE WHEN id IS NULL THEN (SELECT id FROM {table} WHERE id = %(id)s) END AS same_id,
    CASE WHEN id IS NULL THEN (SELECT t.id FROM {table} t WHERE {has_unique} AND {theirs} = {ours}) END AS same_value,
    {columns}
FROM (SELECT 1) AS one LEFT JOIN added ON true
