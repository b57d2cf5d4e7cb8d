-- The links of the source as a remove or a clear will leave them: what rules are about.
-- Slots, names: join, the table of links; source_id, far_id, its column for each end. attributes, those that rules
-- look at. True or false: everything, whether all links go.
ruled (id) AS (
    SELECT %(source)s::uuid
),
after ({source_id}, {far_id}{attributes}) AS MATERIALIZED (
    SELECT {source_id}, {far_id}{attributes} FROM {join}
    -- A subquery is hashed; an array, unknown when the plan is made, would be gone through for each link.
    WHERE NOT {everything} AND {source_id} = %(source)s AND {far_id} NOT IN (SELECT pg_catalog.unnest(%(far)s::uuid[]))
),
