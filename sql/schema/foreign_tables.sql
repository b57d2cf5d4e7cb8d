-- Tables, views and the like that stand where a pending migration makes a table, and are not what it has made: they
-- lack the constraint that it makes last, and that no other program names so.
SELECT c.relname::text
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema()
JOIN (VALUES
    ('useraim_0001_create_users', 'users', 'users_email_check'),
    ('useraim_0002_create_aims', 'aims', 'aims_description_check'),
    ('useraim_0003_create_user_aims', 'user_aims', 'user_aims_aim_id_fkey')
) AS made (migration, name, conname) ON made.name = c.relname
WHERE made.migration = ANY (%(pending)s)
  AND NOT EXISTS (SELECT 1 FROM pg_constraint AS t WHERE t.conrelid = c.oid AND t.conname = made.conname)
ORDER BY c.relname
