-- The users most alike, best first.
-- Slots: likeness, that file; columns, all of u.
WITH {likeness}
SELECT {columns} FROM alike l JOIN users u ON u.id = l.user_id ORDER BY l.likeness DESC, u.id LIMIT %(limit)s::bigint
