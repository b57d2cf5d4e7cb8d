-- The aims that users alike hold and this one does not; each counts as much as its holders are alike, best first.
-- Slots: likeness, that file; columns, all of a.
WITH {likeness},
best AS MATERIALIZED (
    SELECT m.aim_id, sum(l.likeness) AS score FROM user_aims m JOIN alike l ON l.user_id = m.user_id
    WHERE m.user_id = ANY (ARRAY(SELECT user_id FROM alike)) AND m.aim_id NOT IN (SELECT aim_id FROM mine)
    GROUP BY m.aim_id
    ORDER BY score DESC, m.aim_id
    LIMIT %(limit)s::bigint
)
SELECT {columns} FROM best b JOIN aims a ON a.id = b.aim_id ORDER BY b.score DESC, a.id
