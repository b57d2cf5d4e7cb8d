-- Unlink far records; those that were linked come back.
-- The source is locked before the first link: beside a replace of the same source two orders of links would deadlock.
WITH held AS MATERIALIZED (
    SELECT id FROM {source} WHERE id = %(source)s FOR NO KEY UPDATE
)
DELETE FROM user_aims WHERE {source_id} = %(source)s AND {far_id} = ANY (%(far)s::uuid[]) AND EXISTS (SELECT FROM held)
RETURNING {far_id}
