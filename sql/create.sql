-- Create records all together. The unique constraints in the way are found first, and then nothing is written.
-- Slots: table; given, the columns the caller gives, and their arrays; taken, a further branch for a unique column;
-- columns and added, the columns of the table, plain and of the new rows.
WITH new (id, {given}) AS MATERIALIZED (
    SELECT n.id, {given} FROM unnest(%(ids)s::uuid[], {arrays}) AS n (id, {given})
),
taken (name, id) AS MATERIALIZED (
    SELECT '{table}_pkey', t.id FROM {table} t WHERE t.id = ANY (%(ids)s::uuid[])
    {taken}
),
added AS (
    INSERT INTO {table} (id, {given})
    SELECT n.id, {given} FROM new n WHERE NOT EXISTS (SELECT FROM taken) ORDER BY n.id
    RETURNING {columns}
)
SELECT t.name, t.id AS taken, {added} FROM added a FULL JOIN taken t ON false
