-- Write staged rows whose user and aim exist in key order, the first of equal pairs, and count them.
-- The join to users tells Citus where each row belongs.
-- Slots: names and values, the attributes that rows give, plain and with defaults; conflict, what becomes of linked pairs.
WITH staged AS MATERIALIZED (
    SELECT DISTINCT ON (user_id, aim_id) user_id, aim_id{names} FROM pg_temp.useraim_stage ORDER BY user_id, aim_id, n
),
put AS (
    INSERT INTO user_aims AS m (user_id, aim_id{names})
    SELECT u.id, a.id{values} FROM staged s JOIN users u ON u.id = s.user_id JOIN aims a ON a.id = s.aim_id
    ORDER BY u.id, a.id
    {conflict}
    RETURNING (xmax = 0) AS inserted
)
SELECT
    count(*) FILTER (WHERE inserted) AS added,
    count(*) FILTER (WHERE NOT inserted) AS updated,
    (SELECT count(*) FROM staged) AS pairs
FROM put
