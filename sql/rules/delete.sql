-- The far records that lose a link by a deletion, and the links that they keep: what rules are about.
-- Slots, names: join, the table of links; source_id, far_id, its column for what is deleted and for the other end.
-- attributes, those that rules look at.
ruled (id) AS MATERIALIZED (
    SELECT DISTINCT {far_id} FROM {join} WHERE {source_id} = ANY (%(ids)s::uuid[])
),
after ({source_id}, {far_id}{attributes}) AS MATERIALIZED (
    SELECT {source_id}, {far_id}{attributes} FROM {join}
    -- The array leaves the planner no join to choose, which would read the whole table; the subquery is hashed.
    WHERE {far_id} = ANY (ARRAY(SELECT id FROM ruled)) AND {source_id} NOT IN (SELECT pg_catalog.unnest(%(ids)s::uuid[]))
),
