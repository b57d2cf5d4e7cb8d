-- The links of the source as an append, a replace or an update will leave them: what rules are about.
-- Slots, names: join, the table of links; source_id, far_id, its column for each end. Lists: attributes, those that rules
-- look at; values, as they will be. True or false: replacing all links.
ruled (id) AS (
    SELECT %(source)s::uuid
),
after ({source_id}, {far_id}{attributes}) AS MATERIALIZED (
    SELECT %(source)s::uuid, coalesce(w.{far_id}, m.{far_id}){values}
    FROM (SELECT {far_id}{attributes} FROM {join} WHERE {source_id} = %(source)s) m
    FULL JOIN wanted w ON w.{far_id} = m.{far_id}
    WHERE w.{far_id} IS NOT NULL OR NOT {replacing}
),
