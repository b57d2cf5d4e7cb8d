-- Sessions of this database, but this one, that hold the lock of a table that is not the server's own. Any role may ask.
SELECT DISTINCT l.pid
FROM pg_locks AS l
JOIN pg_database AS d ON d.oid = l.database AND d.datname = current_database()
WHERE l.granted AND l.locktype = 'relation' AND l.relation >= 16384 AND l.pid <> pg_backend_pid()
ORDER BY l.pid
