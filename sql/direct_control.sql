-- Make the linked records exactly these: delete, change, create and link. The row of the source is locked by now.
-- Slots: far, the table; far_id and source_id, its column and the source's in user_aims; given, what callers give.
WITH held (id) AS MATERIALIZED (
    SELECT {far_id} FROM user_aims WHERE {source_id} = %(source)s
),
kept (id, {given}) AS MATERIALIZED (
    SELECT k.id, {given} FROM {kept} AS k (id, {given})
),
new (id, {given}) AS MATERIALIZED (
    SELECT n.id, {given} FROM {new} AS n (id, {given})
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'source', %(source)s::uuid WHERE NOT EXISTS (SELECT 1 FROM {source} WHERE id = %(source)s)
    UNION ALL
    SELECT CASE WHEN f.id IS NULL THEN 'far' ELSE 'absent' END, k.id
    FROM kept k LEFT JOIN {far} f ON f.id = k.id
    WHERE NOT EXISTS (SELECT 1 FROM held h WHERE h.id = k.id)
    UNION ALL
    SELECT '{far}_pkey', f.id FROM {far} f WHERE f.id = ANY (%(ids)s::uuid[])
    {taken}
),
removed AS (
    DELETE FROM {far} WHERE id IN (SELECT id FROM held EXCEPT SELECT id FROM kept)
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING id
),
updated AS (
    UPDATE {far} f SET {changes}, updated_at = now() FROM kept k
    WHERE f.id = k.id AND NOT EXISTS (SELECT 1 FROM refused) AND ({differs})
    RETURNING f.id
),
created AS (
    INSERT INTO {far} (id, {given})
    SELECT n.id, {given} FROM new n WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY n.id
    RETURNING id
),
added AS (
    INSERT INTO user_aims AS m (user_id, aim_id) SELECT {user}, {aim} FROM created c {users} ORDER BY c.id
    RETURNING m.{far_id} AS id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'removed', id FROM removed
UNION ALL
SELECT 'updated', id FROM updated
UNION ALL
SELECT 'added', id FROM added
