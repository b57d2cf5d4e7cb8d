-- Make the linked records exactly these: delete, change, create and link. The row of the source is locked by now.
-- Slots, names: source, far, their tables; join, the table of links; source_id, far_id, its column for each end. Lists:
-- given, the far columns that callers give; kept and new, the parameters; changes and differs, new values of f, and whether
-- one is another than it has. has_unique, true or false: whether a far column beside the id, unique, is; unique_key, its
-- constraint; theirs and ours, that column of f and of w as it is compared.
-- ahead and broken: with rules, the links as they will be, and what breaks one (sql/rules/).
WITH held (id) AS MATERIALIZED (
    SELECT {far_id} FROM {join} WHERE {source_id} = %(source)s
),
kept (id, {given}) AS MATERIALIZED (
    SELECT k.id, {given} FROM {kept} AS k (id, {given})
),
new (id, {given}) AS MATERIALIZED (
    SELECT n.id, {given} FROM {new} AS n (id, {given})
),
{ahead}refused (reason, id) AS MATERIALIZED (
    SELECT 'source', %(source)s::uuid WHERE NOT EXISTS (SELECT 1 FROM {source} WHERE id = %(source)s)
    UNION ALL
    SELECT CASE WHEN f.id IS NULL THEN 'far' ELSE 'absent' END, k.id
    FROM kept k LEFT JOIN {far} f ON f.id = k.id
    WHERE NOT EXISTS (SELECT 1 FROM held h WHERE h.id = k.id)
    UNION ALL
    SELECT '{far}_pkey', f.id FROM {far} f WHERE f.id = ANY (%(ids)s::uuid[])
    UNION ALL
    SELECT '{unique_key}', f.id
    FROM {far} f JOIN (SELECT id, {unique} FROM new UNION ALL SELECT id, {unique} FROM kept) w
        ON {theirs} = {ours} AND f.id <> w.id
    WHERE {has_unique}
    UNION ALL
    SELECT '{unique_key}', w.id
    FROM (SELECT id, {unique} FROM new UNION ALL SELECT id, {unique} FROM kept) w
    WHERE {has_unique} AND {ours} IN (
        SELECT {ours} FROM (SELECT {unique} FROM new UNION ALL SELECT {unique} FROM kept) w
        GROUP BY {ours} HAVING count(*) > 1
    )
    {broken}
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
    INSERT INTO {join} AS m ({source_id}, {far_id})
    SELECT s.id, c.id FROM created c JOIN {source} s ON s.id = %(source)s ORDER BY c.id
    RETURNING m.{far_id} AS id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'removed', id FROM removed
UNION ALL
SELECT 'updated', id FROM updated
UNION ALL
SELECT 'added', id FROM added
