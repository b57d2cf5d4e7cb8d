-- What yoyo has applied, and the checksum that schema.apply leaves as the comment of a migration's log entry.
-- An entry of plain yoyo has no comment; the latest entry counts.
SELECT m.migration_id,
       (SELECT l.comment
        FROM _yoyo_log AS l
        WHERE l.migration_hash = m.migration_hash AND l.operation IN ('apply', 'mark')
        ORDER BY l.created_at_utc DESC
        LIMIT 1) AS checksum
FROM _yoyo_migration AS m
ORDER BY m.applied_at_utc, m.migration_id
