-- Delete records and their links, unless a rule breaks for a far record that loses one.
-- Slots: source, the table. ahead and broken: the links as they will be, and what breaks a rule (sql/rules/).
WITH {ahead}
refused (reason, id) AS MATERIALIZED (
    SELECT NULL, NULL::uuid WHERE false
    {broken}
),
deleted AS (
    DELETE FROM {source} WHERE id = ANY (%(ids)s::uuid[]) AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'deleted', id FROM deleted
