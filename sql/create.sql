-- Create records all together, and link them if asked. What stands against it is found first, and then nothing is
-- written: unique values that are taken, or a source that does not exist.
-- Slots: table; given, the columns the caller gives, and their arrays; refused, further branches; columns and added,
-- the columns of the table, plain and of the new rows; linked, a further part that links; and its columns.
WITH new (id, {given}) AS MATERIALIZED (
    SELECT n.id, {given} FROM {arrays} AS n (id, {given})
),
refused (reason, id) AS MATERIALIZED (
    SELECT '{table}_pkey', t.id FROM {table} t WHERE t.id = ANY (%(ids)s::uuid[])
    {refused}
),
added AS (
    INSERT INTO {table} (id, {given})
    SELECT n.id, {given} FROM new n WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY n.id
    RETURNING {columns}
){linked}
SELECT r.reason, r.id AS refused_id, {added} FROM {source} FULL JOIN refused r ON false
