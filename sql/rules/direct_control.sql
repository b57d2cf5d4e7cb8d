-- The links of the source as direct control will leave them: what rules are about.
-- Slots, names: join, the table of links; source_id, far_id, its column for each end. Lists: attributes, those that rules
-- look at; values, the defaults of new links.
ruled (id) AS (
    SELECT %(source)s::uuid
),
after ({source_id}, {far_id}{attributes}) AS MATERIALIZED (
    SELECT {source_id}, {far_id}{attributes} FROM {join}
    WHERE {source_id} = %(source)s AND {far_id} IN (SELECT id FROM kept)
    UNION ALL
    SELECT %(source)s::uuid, n.id{values} FROM new n
),
