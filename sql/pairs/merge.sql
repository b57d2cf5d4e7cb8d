-- Move the links of one user to another, who keeps those held already; both rows are locked by now.
-- Slots: names and values, all attributes, plain and of w.
WITH missing (id) AS MATERIALIZED (
    SELECT w.id FROM pg_catalog.unnest(%(users)s::uuid[]) AS w (id) LEFT JOIN users u ON u.id = w.id WHERE u.id IS NULL
),
moved AS (
    DELETE FROM user_aims WHERE user_id = %(from_user)s AND NOT EXISTS (SELECT 1 FROM missing)
    RETURNING aim_id{names}
),
added AS (
    INSERT INTO user_aims (user_id, aim_id{names})
    SELECT u.id, w.aim_id{values}
    FROM moved w JOIN users u ON u.id = %(into_user)s
    ORDER BY w.aim_id
    ON CONFLICT (user_id, aim_id) DO NOTHING
    RETURNING aim_id
)
SELECT 'missing' AS outcome, id FROM missing
UNION ALL
SELECT 'added', aim_id FROM added
UNION ALL
SELECT 'moved', aim_id FROM moved
