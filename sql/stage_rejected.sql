-- The staged rows that name a user or an aim that does not exist, in input order.
SELECT s.n, s.user_id, s.aim_id, u.id IS NULL AS no_user, a.id IS NULL AS no_aim
FROM pg_temp.useraim_stage s LEFT JOIN users u ON u.id = s.user_id LEFT JOIN aims a ON a.id = s.aim_id
WHERE u.id IS NULL OR a.id IS NULL
ORDER BY s.n
