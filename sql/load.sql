-- Links of many sources, and each far record they lead to once; the rows of records have no source.
-- One statement, hence one snapshot. A join would send each far record once a link.
WITH links (source, far, {attributes}, place) AS MATERIALIZED (
{links}
)
-- Ids of links come as plain bytes: they only name records that are there already, and making UUIDs takes long.
SELECT uuid_send(r.source), uuid_send(r.far), {attributes}, {columns}
FROM (
    SELECT source, far, {attributes}, place, {no_columns} FROM links
    UNION ALL
    SELECT NULL, NULL, {no_attributes}, NULL, {columns} FROM {table} WHERE id IN (SELECT far FROM links)
) AS r (source, far, {attributes}, place, {columns})
ORDER BY r.place {direction}, r.far {direction}
