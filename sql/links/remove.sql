-- Unlink far records, some or all, unless a rule breaks.
-- Slots, names: join, the table of links; source_id, far_id, its column for each end. True or false: everything, whether all
-- links go. ahead and broken: the links as they will be, and what breaks a rule (sql/rules/).
WITH {ahead}
refused (reason, id) AS MATERIALIZED (
    SELECT NULL, NULL::uuid WHERE false
    {broken}
),
removed AS (
    DELETE FROM {join}
    WHERE {source_id} = %(source)s AND ({everything} OR {far_id} = ANY (%(far)s::uuid[]))
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING {far_id}
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'removed', {far_id} FROM removed
