-- The memberships of these pairs, those that exist.
SELECT {returned} FROM unnest(%(user_ids)s::uuid[], %(aim_ids)s::uuid[]) AS w (user_id, aim_id)
JOIN user_aims m ON m.user_id = w.user_id AND m.aim_id = w.aim_id
