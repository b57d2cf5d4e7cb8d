-- Unlink these pairs; the pairs that were linked come back.
DELETE FROM user_aims m USING unnest(%(user_ids)s::uuid[], %(aim_ids)s::uuid[]) AS w (user_id, aim_id)
WHERE m.user_id = w.user_id AND m.aim_id = w.aim_id
RETURNING m.user_id, m.aim_id
