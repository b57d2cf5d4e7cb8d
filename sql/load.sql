-- Links of many sources in their order, and before them each far record they lead to, once; rows of records have no source.
-- One statement, hence one snapshot. A join would send each far record once a link.
-- The links are sorted while their rows are narrow: the last sort finds them in order, though nothing relies on it.
WITH links (source, far, {attributes}, place) AS MATERIALIZED (
{links}
ORDER BY {number} {direction} NULLS FIRST, 2 {direction}
)
-- Ids of links come as plain bytes: they only name records that are there already, and making UUIDs takes long.
SELECT uuid_send(r.source), uuid_send(r.far), {attributes}, {columns}
FROM (
    -- An array leaves the planner no join to choose: with old statistics it compares each link with each record.
    SELECT NULL, NULL, {no_attributes}, NULL, {columns} FROM {table} WHERE id = ANY (ARRAY(SELECT DISTINCT far FROM links))
    UNION ALL
    SELECT source, far, {attributes}, place, {no_columns} FROM links
) AS r (source, far, {attributes}, place, {columns})
ORDER BY r.place {direction} NULLS FIRST, r.far {direction}
