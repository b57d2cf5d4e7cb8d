-- Add the permissions that are not there yet, after those that are; return the row either way, with whether it was changed.
-- The row is locked first, and `held` is its newest version, also after waiting for another writer; the table itself
-- is seen as of the start of the statement, so conditions are on `h`.
-- Slots: columns and returned, all of them, plain and of m.
WITH held AS MATERIALIZED (
    SELECT {columns} FROM user_aims WHERE user_id = %(user_id)s AND aim_id = %(aim_id)s FOR NO KEY UPDATE
),
updated AS (
    UPDATE user_aims m SET permissions = m.permissions OPERATOR(pg_catalog.||) ARRAY(
        SELECT p FROM pg_catalog.unnest(%(permissions)s::text[]) WITH ORDINALITY AS g (p, n)
        WHERE p <> ALL (m.permissions) ORDER BY n
    )
    FROM held h
    WHERE m.user_id = %(user_id)s AND m.aim_id = %(aim_id)s AND m.user_id = h.user_id
        AND NOT h.permissions OPERATOR(pg_catalog.@>) %(permissions)s::text[]
    RETURNING {returned}
)
SELECT true AS updated, {columns} FROM updated
UNION ALL
SELECT false, {columns} FROM held WHERE NOT EXISTS (SELECT 1 FROM updated)
