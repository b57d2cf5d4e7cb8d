-- Change attributes of links that exist, where a value differs; one that does not exist stops all of it.
-- The links are locked, so that none is inserted: each is found by its key, whatever the statistics say, and all of them on
-- the node of a cluster that keeps the source's. In key order, as writers of many sources need it.
-- Slots, names: join, the table of links; source_id, far_id, its column for each end; stored, stored_id, other_id: the end
-- whose rows a cluster keeps links with, and the columns for it and the other end; stored_key, other, the values for these
-- two. Lists: names, casts, values: attributes given, wanted, and with defaults; arrays, the parameters. conflict: their new
-- values (sql/on_match/). ahead and broken: with rules, the links as they will be, and what breaks one (sql/rules/).
WITH wanted ({far_id}{names}) AS MATERIALIZED (
    SELECT {far_id}{casts} FROM {arrays} AS w ({far_id}{names})
),
{ahead}refused (reason, id) AS MATERIALIZED (
    SELECT 'absent', w.{far_id} FROM wanted w
    WHERE w.{far_id} NOT IN (
        SELECT m.{far_id} FROM {join} m WHERE m.{source_id} = %(source)s AND m.{far_id} = ANY (%(far)s::uuid[])
    )
    {broken}
),
updated AS (
    INSERT INTO {join} AS m ({stored_id}, {other_id}{names})
    SELECT s.id, {other}{values} FROM wanted w JOIN {stored} s ON s.id = {stored_key}
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY w.{far_id}
    {conflict}
    RETURNING m.{far_id}
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'updated', {far_id} FROM updated
