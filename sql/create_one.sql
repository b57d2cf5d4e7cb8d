-- Create one record; without a new row, say which rows are in the way.
WITH added AS (
    INSERT INTO {table} (id, {given})
    SELECT %(id)s, {values} WHERE NOT EXISTS (SELECT FROM {table} WHERE id = %(id)s)
    ON CONFLICT ({unique}) DO NOTHING
    RETURNING {columns}
)
SELECT
    CASE WHEN id IS NULL THEN (SELECT id FROM {table} WHERE id = %(id)s) END AS same_id,
    CASE WHEN id IS NULL THEN {same} END AS same_value,
    {columns}
FROM (SELECT 1) AS one LEFT JOIN added ON true
