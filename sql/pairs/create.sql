-- Link one user and one aim; without a new row, say which of the two exists.
-- Slots: names and values, the attributes given; columns, all of them.
WITH aim AS MATERIALIZED (
    SELECT id FROM aims WHERE id = %(aim_id)s
),
added AS (
    INSERT INTO user_aims (user_id, aim_id{names})
    SELECT u.id, a.id{values} FROM users u CROSS JOIN aim a WHERE u.id = %(user_id)s
    ON CONFLICT (user_id, aim_id) DO NOTHING
    RETURNING {columns}
)
SELECT
    CASE WHEN user_id IS NULL THEN EXISTS (SELECT 1 FROM users WHERE id = %(user_id)s) END AS has_user,
    CASE WHEN user_id IS NULL THEN EXISTS (SELECT 1 FROM aims WHERE id = %(aim_id)s) END AS has_aim,
    {columns}
FROM (SELECT 1) AS one LEFT JOIN added ON true
