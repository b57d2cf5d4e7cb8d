-- Links that are not those the caller has seen. Slots: version, the query for the present version.
UNION ALL
SELECT pg_catalog.concat('version ', v.version), %(source)s::uuid
FROM ({version}) AS v WHERE v.version <> %(if_version)s::text
