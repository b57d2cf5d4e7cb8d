-- Link far records to a source in key order, if nothing stands against it; replacing, unlink all others. Say what became
-- of each. What is missing is found first instead of by a failed foreign key: all of it is named, and the transaction
-- goes on. A source that exists is held on to: nobody deletes it until the transaction ends.
-- Slots, names: source, far, their tables; join, the table of links; keys, its primary key; source_id, far_id, its column
-- for each end; stored, stored_id, other_id: the end whose rows a cluster keeps links with, and the columns for it and the
-- other end; stored_key, other, the values for these two. Lists: names, casts, values: attributes given, wanted, and with
-- defaults; arrays, the parameters. True or false: refusing links that exist, replacing. conflict: what becomes of them. ahead and broken: with rules, the links as
-- they will be, and what breaks one (sql/rules/).
WITH wanted ({far_id}{names}) AS MATERIALIZED (
    SELECT {far_id}{casts} FROM {arrays} AS w ({far_id}{names})
),
{ahead}refused (reason, id) AS MATERIALIZED (
    SELECT 'source', %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM {source} WHERE id = %(source)s FOR KEY SHARE)
    UNION ALL
    SELECT 'far', w.{far_id} FROM wanted w LEFT JOIN {far} f ON f.id = w.{far_id} WHERE f.id IS NULL
    UNION ALL
    SELECT 'held', m.{far_id} FROM {join} m
    WHERE {refusing} AND m.{source_id} = %(source)s AND m.{far_id} = ANY (%(far)s::uuid[])
    {broken}
),
removed AS (
    DELETE FROM {join} m
    WHERE {replacing} AND m.{source_id} = %(source)s
        AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.{far_id} = m.{far_id})
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING m.{far_id}
),
put AS (
    INSERT INTO {join} AS m ({stored_id}, {other_id}{names})
    SELECT s.id, {other}{values} FROM wanted w JOIN {stored} s ON s.id = {stored_key}
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY w.{far_id}
    {conflict}
    RETURNING m.{far_id}, (xmax = 0) AS inserted
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT CASE WHEN inserted THEN 'added' ELSE 'updated' END, {far_id} FROM put
UNION ALL
SELECT 'removed', {far_id} FROM removed
