-- Write memberships in key order, if nothing stands against it, and say what became of each.
-- What is missing is found first instead of by a failed foreign key: all of it is named, and the transaction goes on.
-- The join to users tells Citus where each row belongs.
WITH wanted ({keys}{names}) AS MATERIALIZED (
    SELECT {keys}{casts} FROM {arrays} AS w ({keys}{names})
),
refused (reason, {keys}) AS MATERIALIZED (
    {refused}
),
{removed}
put AS (
    INSERT INTO user_aims AS m (user_id, aim_id{names})
    SELECT u.id, {aim}{values} FROM wanted w JOIN users u ON u.id = {user}
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY {order}
    {conflict}
    RETURNING {returned}, (xmax = 0) AS inserted
)
SELECT reason AS outcome, {keys} FROM refused
UNION ALL
SELECT CASE WHEN inserted THEN 'added' ELSE 'updated' END, {keys} FROM put
{also}
