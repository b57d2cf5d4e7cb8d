-- Write memberships in key order, if nothing stands against it, and say what became of each.
-- What is missing is found first instead of by a failed foreign key: all of it is named, and the transaction goes on.
-- The join to users tells Citus where each row belongs.
-- Slots, lists: names, casts, values: attributes given, wanted, and with defaults; arrays, the parameters. True or false:
-- refusing links that exist. conflict: what becomes of them.
WITH wanted (user_id, aim_id{names}) AS MATERIALIZED (
    SELECT user_id, aim_id{casts} FROM {arrays} AS w (user_id, aim_id{names})
),
refused (reason, user_id, aim_id) AS MATERIALIZED (
    SELECT 'users', w.user_id, NULL::uuid
    FROM wanted w LEFT JOIN users u ON u.id = w.user_id WHERE u.id IS NULL
    UNION
    SELECT 'aims', NULL::uuid, w.aim_id
    FROM wanted w LEFT JOIN aims a ON a.id = w.aim_id WHERE a.id IS NULL
    UNION ALL
    SELECT 'held', m.user_id, m.aim_id FROM user_aims m JOIN wanted w USING (user_id, aim_id) WHERE {refusing}
),
put AS (
    INSERT INTO user_aims AS m (user_id, aim_id{names})
    SELECT u.id, w.aim_id{values} FROM wanted w JOIN users u ON u.id = w.user_id
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY w.user_id, w.aim_id
    {conflict}
    RETURNING m.user_id, m.aim_id, (xmax = 0) AS inserted
)
SELECT reason AS outcome, user_id, aim_id FROM refused
UNION ALL
SELECT CASE WHEN inserted THEN 'added' ELSE 'updated' END, user_id, aim_id FROM put
