-- Create one record; without a new row, say which rows are in the way.
-- They are looked for first as well: on Citus there is no unique index but on ids.
WITH added AS (
    INSERT INTO {table} (id, {given})
    SELECT %(id)s, {values} {unless}
    ON CONFLICT {target} DO NOTHING
    RETURNING {columns}
)
SELECT
    CASE WHEN id IS NULL THEN (SELECT id FROM {table} WHERE id = %(id)s) END AS same_id,
    CASE WHEN id IS NULL THEN {same_value} END AS same_value,
    {columns}
FROM (SELECT 1) AS one LEFT JOIN added ON true
