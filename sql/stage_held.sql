-- The staged pairs that are linked already.
SELECT DISTINCT s.user_id, s.aim_id FROM pg_temp.useraim_stage s
JOIN user_aims m ON m.user_id = s.user_id AND m.aim_id = s.aim_id ORDER BY s.user_id, s.aim_id
