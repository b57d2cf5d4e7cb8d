-- After the new pairs are written: change the linked ones, where only some rows give an attribute and others leave it.
-- Slots: names, the attributes; changes and differs, new values, and whether one is another than m has.
WITH updated AS (
    UPDATE user_aims m SET {changes}
    FROM (
        SELECT DISTINCT ON (user_id, aim_id) user_id, aim_id{names} FROM pg_temp.useraim_stage
        ORDER BY user_id, aim_id, n
    ) s
    WHERE m.user_id = s.user_id AND m.aim_id = s.aim_id AND ({differs})
    RETURNING m.user_id
)
SELECT count(*) FROM updated
