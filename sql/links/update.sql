-- Change attributes of links that exist, where a value differs; one that does not exist stops all of it.
-- ANY (ARRAY[…]), and no reading of the whole table, leave the planner only a loop over what is wanted, each found by its
-- key, whatever the statistics say; and in key order, as writers of many sources need it.
-- Slots, names: join, the table of links; source_id, far_id, its column for each end. Lists: names and
-- casts, attributes given and wanted; arrays, the parameters; changes and differs, new values of m, and whether one is
-- another than it has. ahead and broken: with rules, the links as
-- they will be, and what breaks one (sql/rules/).
WITH wanted ({source_id}, {far_id}{names}) AS MATERIALIZED (
    SELECT %(source)s::uuid, w.{far_id}{casts} FROM {arrays} AS w ({far_id}{names})
),
{ahead}refused (reason, id) AS MATERIALIZED (
    SELECT 'absent', w.{far_id} FROM wanted w
    LEFT JOIN {join} m ON m.{source_id} = ANY (ARRAY[w.{source_id}]) AND m.{far_id} = ANY (ARRAY[w.{far_id}])
    -- No index has the role, so none can be read as a whole in place of the table.
    WHERE m.role IS NULL
    {broken}
),
updated AS (
    UPDATE {join} m SET {changes} FROM wanted w
    WHERE m.{source_id} = ANY (ARRAY[w.{source_id}]) AND m.{far_id} = ANY (ARRAY[w.{far_id}])
        AND NOT EXISTS (SELECT 1 FROM refused) AND ({differs})
    RETURNING m.{far_id}
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'updated', {far_id} FROM updated
