-- The aims that users alike hold and this one does not; each counts as much as its holders are alike, best first.
-- Slots: likeness, that file; columns, all of a.
WITH {likeness},
scores AS MATERIALIZED (
    SELECT m.aim_id, sum(l.likeness) AS score FROM user_aims m JOIN alike l ON l.user_id = m.user_id
    WHERE m.aim_id NOT IN (SELECT aim_id FROM mine)
    GROUP BY m.aim_id
)
SELECT {columns} FROM scores s JOIN aims a ON a.id = s.aim_id ORDER BY s.score DESC, a.id LIMIT %(limit)s::bigint
