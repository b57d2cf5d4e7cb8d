-- Sessions of this database, but this one, that may have locked it for yoyo: their role may write to yoyo_lock, by
-- itself or as a role that it may become. Any role may ask; what it may not see of others is not used against them.
-- Calls of this package that wait for their turn hold the advisory lock `waiting`, and are none.
SELECT a.pid
FROM pg_stat_activity AS a
JOIN pg_database AS d ON d.oid = a.datid AND d.datname = current_database()
WHERE a.pid <> pg_backend_pid()
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
  AND EXISTS (
      SELECT 1 FROM pg_roles AS r
      WHERE pg_has_role(a.usesysid, r.oid, 'MEMBER') AND has_table_privilege(r.oid, 'yoyo_lock', 'INSERT')
  )
  AND NOT EXISTS (
      SELECT 1 FROM pg_locks AS l
      WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.database = d.oid AND l.objsubid = 1
        AND (l.classid::bigint << 32) + l.objid::bigint = %(waiting)s
  )
