-- How many of the staged pairs are linked, after all has been written.
SELECT count(*) FROM (SELECT DISTINCT user_id, aim_id FROM pg_temp.useraim_stage) s
JOIN user_aims m ON m.user_id = s.user_id AND m.aim_id = s.aim_id
