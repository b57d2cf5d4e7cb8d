DROP INDEX CONCURRENTLY IF EXISTS users_email_new_key;

CREATE UNIQUE INDEX CONCURRENTLY users_email_new_key ON users (lower(email));

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('users_email_new_key') AND indisvalid) THEN
        SET LOCAL lock_timeout = '5s';
        DROP INDEX IF EXISTS users_email_key;
        ALTER INDEX users_email_new_key RENAME TO users_email_key;
    END IF;
END
$$;
