-- Links of many sources in their order, and before them each far record they lead to, once; rows of records have no source.
-- One statement, hence one snapshot. A join would send each far record once a link.
-- The links are sorted while their rows are narrow: the last sort finds them in order, though nothing relies on it.
-- Slots: links, the query for them; attributes and no_attributes, columns of links and as many NULLs; far, the table;
-- columns and no_columns, alike; number, which column of links is the place; direction, ASC or DESC.
WITH links (source, far, {attributes}, place) AS MATERIALIZED (
{links}
ORDER BY {number} {direction} NULLS FIRST, 2 {direction}
)
-- Ids of links come as plain bytes: they only name records that are there already, and making UUIDs takes long.
SELECT uuid_send(r.source), uuid_send(r.far), {attributes}, {columns}
FROM (
    -- An array leaves the planner no join to choose: with old statistics it compares each link with each record.
    SELECT NULL, NULL, {no_attributes}, NULL, {columns} FROM {far} WHERE id = ANY (ARRAY(SELECT DISTINCT far FROM links))
    UNION ALL
    SELECT source, far, {attributes}, place, {no_columns} FROM links
) AS r (source, far, {attributes}, place, {columns})
ORDER BY r.place {direction} NULLS FIRST, r.far {direction}
