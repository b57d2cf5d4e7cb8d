-- Write staged rows whose user and aim exist in key order, the first of equal pairs, and count them.
-- The join to users tells Citus where each row belongs.
-- Slots: names and values, the attributes that rows give, plain and with defaults; all, true or false: whether to write
-- pairs that are linked already too; conflict, what then becomes of them.
WITH put AS (
    INSERT INTO user_aims AS m (user_id, aim_id{names})
    SELECT DISTINCT ON (u.id, a.id) u.id, a.id{values}
    FROM pg_temp.useraim_stage s JOIN users u ON u.id = s.user_id JOIN aims a ON a.id = s.aim_id
    WHERE {all} OR NOT EXISTS (SELECT 1 FROM user_aims h WHERE h.user_id = u.id AND h.aim_id = a.id)
    ORDER BY u.id, a.id, s.n
    {conflict}
    RETURNING (xmax = 0) AS inserted
)
SELECT count(*) FILTER (WHERE inserted) AS added, count(*) FILTER (WHERE NOT inserted) AS updated FROM put
