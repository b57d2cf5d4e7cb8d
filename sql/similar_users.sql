-- The users most alike, best first.
WITH {likeness}
SELECT {columns} FROM alike l JOIN users u ON u.id = l.user_id ORDER BY l.likeness DESC, u.id LIMIT %(limit)s::bigint
