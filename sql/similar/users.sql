-- The users most alike, best first; the best are chosen before their rows are read.
-- Slots: likeness, that file; columns, all of u.
WITH {likeness},
best AS MATERIALIZED (
    SELECT user_id, likeness FROM alike ORDER BY likeness DESC, user_id LIMIT %(limit)s::bigint
)
SELECT {columns} FROM best b JOIN users u ON u.id = b.user_id ORDER BY b.likeness DESC, u.id
