-- Create far records and link them to a source, all together, unless the source is missing, or an id or a unique value is
-- taken or given twice: all that stands against it is named. A source that exists is held on to.
-- Slots, names: source, far, their tables; join, the table of links; source_id, far_id, its column for each end. Lists: given
-- and columns of the far table, those the caller gives and all of them (added: of a); names and values of attributes given;
-- linked, all attributes of m; arrays, the parameters. has_unique, true or false: whether a far column beside the id is
-- unique; unique_key, its constraint; theirs and ours, that column of t and of n as it is compared.
-- ahead and broken: with rules, the links as they will be, and what breaks one (sql/rules/).
WITH new (id, {given}) AS MATERIALIZED (
    SELECT n.id, {given} FROM {arrays} AS n (id, {given})
),
{ahead}refused (reason, id) AS MATERIALIZED (
    SELECT '{far}_pkey', t.id FROM {far} t WHERE t.id = ANY (%(ids)s::uuid[])
    UNION ALL
    SELECT '{unique_key}', t.id FROM {far} t JOIN new n ON {theirs} = {ours} WHERE {has_unique}
    UNION ALL
    SELECT '{unique_key}', n.id FROM new n
    WHERE {has_unique} AND {ours} IN (SELECT {ours} FROM new n GROUP BY {ours} HAVING count(*) > 1)
    UNION ALL
    SELECT 'source', %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM {source} WHERE id = %(source)s FOR KEY SHARE)
    {broken}
),
added AS (
    INSERT INTO {far} (id, {given})
    SELECT n.id, {given} FROM new n WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY n.id
    RETURNING {columns}
),
linked AS (
    INSERT INTO {join} AS m ({source_id}, {far_id}{names})
    SELECT s.id, a.id{values} FROM added a JOIN {source} s ON s.id = %(source)s ORDER BY a.id
    RETURNING m.{far_id}{linked}
)
SELECT r.reason, r.id AS refused_id, {added}{linked}
FROM (added a JOIN linked m ON m.{far_id} = a.id) FULL JOIN refused r ON false
