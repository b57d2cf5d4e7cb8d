-- Create records all together, unless an id or a unique value is taken or given twice: all that stands against it is named.
-- Slots: table; given and columns, those the caller gives and all of them (added: of a); arrays, the parameters. has_unique,
-- true or false: whether a column beside the id is unique; unique_key, its constraint; theirs and ours, that column of t
-- and of n as it is compared.
WITH new (id, {given}) AS MATERIALIZED (
    SELECT n.id, {given} FROM {arrays} AS n (id, {given})
),
refused (reason, id) AS MATERIALIZED (
    SELECT '{table}_pkey', t.id FROM {table} t WHERE t.id = ANY (%(ids)s::uuid[])
    UNION ALL
    SELECT '{unique_key}', t.id FROM {table} t JOIN new n ON {theirs} = {ours} WHERE {has_unique}
    UNION ALL
    SELECT '{unique_key}', n.id FROM new n
    WHERE {has_unique} AND {ours} IN (SELECT {ours} FROM new n GROUP BY {ours} HAVING count(*) > 1)
),
added AS (
    INSERT INTO {table} (id, {given})
    SELECT n.id, {given} FROM new n WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY n.id
    RETURNING {columns}
)
SELECT r.reason, r.id AS refused_id, {added} FROM added a FULL JOIN refused r ON false
