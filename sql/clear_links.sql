-- Unlink all far records; the source is locked before the first link, as in remove_links.sql.
WITH held AS MATERIALIZED (
    SELECT id FROM {source} WHERE id = %(source)s FOR NO KEY UPDATE
)
DELETE FROM user_aims WHERE {source_id} = %(source)s AND EXISTS (SELECT FROM held)
RETURNING {far_id}
