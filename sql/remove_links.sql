-- Unlink far records; those that were linked come back.
-- ANY (ARRAY[…]) leaves the planner only a loop over them, which are in key order.
DELETE FROM user_aims m USING unnest(%(far)s::uuid[]) AS w (id)
WHERE m.{source_id} = %(source)s AND m.{far_id} = ANY (ARRAY[w.id])
RETURNING m.{far_id}
