-- The links of the source as a creation of linked records will leave them: what rules are about.
-- Slots, names: join, the table of links; source_id, far_id, its column for each end. Lists: attributes, those that rules
-- look at; values, those of the new links.
ruled (id) AS (
    SELECT %(source)s::uuid
),
after ({source_id}, {far_id}{attributes}) AS MATERIALIZED (
    SELECT {source_id}, {far_id}{attributes} FROM {join} WHERE {source_id} = %(source)s
    UNION ALL
    SELECT %(source)s::uuid, n.id{values} FROM new n
),
