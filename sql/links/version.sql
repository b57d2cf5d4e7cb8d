-- The version of the links of a source: a digest of all of them, the same whatever the settings of the session.
-- Slots, names: join, the table of links; source_id, far_id, its column for each end. digested, the attributes, spelt so.
SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
    coalesce(pg_catalog.string_agg(ROW(m.{far_id}{digested})::text, ',' ORDER BY m.{far_id}), ''), pg_catalog.getdatabaseencoding()
)), 'hex') AS version
FROM {join} m WHERE m.{source_id} = %(source)s
