-- How alike other users are to one, by the aims they share: the Jaccard index, |shared| / |held by either|.
-- Whoever shares an aim is found by the index: as an array they are few to the planner, whatever it expects of `sharing`.
-- numeric, so that equal fractions tie and sums do not depend on the order of addition.
mine AS MATERIALIZED (
    SELECT aim_id FROM user_aims WHERE user_id = %(user)s
),
sharing AS MATERIALIZED (
    SELECT user_id, count(*) AS shared FROM user_aims
    WHERE aim_id IN (SELECT aim_id FROM mine) AND user_id <> %(user)s
    GROUP BY user_id
),
holding AS MATERIALIZED (
    SELECT user_id, count(*) AS held FROM user_aims
    WHERE user_id = ANY (ARRAY(SELECT user_id FROM sharing))
    GROUP BY user_id
),
alike AS MATERIALIZED (
    SELECT s.user_id, s.shared::numeric / ((SELECT count(*) FROM mine) + h.held - s.shared) AS likeness
    FROM sharing s JOIN holding h ON h.user_id = s.user_id
)
