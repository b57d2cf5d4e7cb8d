-- The users and aims that staged rows name and that do not exist.
-- Made distinct last: the planner knows how many rows are staged, but not how many ids these hold.
SELECT DISTINCT 'users' AS side, s.user_id AS id FROM pg_temp.useraim_stage s
LEFT JOIN users u ON u.id = s.user_id WHERE u.id IS NULL
UNION ALL
SELECT DISTINCT 'aims', s.aim_id FROM pg_temp.useraim_stage s
LEFT JOIN aims a ON a.id = s.aim_id WHERE a.id IS NULL
