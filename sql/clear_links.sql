-- Unlink far records, all or all but some, in key order: ANY (ARRAY[…]) leaves the planner only a loop over the sorted ids.
DELETE FROM user_aims m
USING (SELECT {far_id} AS id FROM user_aims WHERE {source_id} = %(source)s {but} ORDER BY {far_id}) AS w
WHERE m.{source_id} = %(source)s AND m.{far_id} = ANY (ARRAY[w.id])
RETURNING m.{far_id}
