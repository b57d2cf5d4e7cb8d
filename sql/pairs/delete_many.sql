-- Unlink these pairs; the pairs that were linked come back.
-- ANY (ARRAY[…]), and no reading of the whole table, leave the planner only a loop over the pairs, which are in key order.
DELETE FROM user_aims m USING unnest(%(user_ids)s::uuid[], %(aim_ids)s::uuid[]) AS w (user_id, aim_id)
WHERE m.user_id = ANY (ARRAY[w.user_id]) AND m.aim_id = ANY (ARRAY[w.aim_id])
RETURNING m.user_id, m.aim_id
