-- E-mail addresses that differ in the case of ASCII letters are one account in every database: by the rules of Turkish
-- alone, I and i are different letters. All others as the database's own locale has it. Built while the table is in use.
-- depends: useraim_0008_create_lock_functions
-- transactional: false

-- A build that was interrupted, or that found two accounts with one address, leaves an invalid index behind.
DROP INDEX CONCURRENTLY IF EXISTS users_email_new_key;

CREATE UNIQUE INDEX CONCURRENTLY users_email_new_key ON users (lower(lower(email COLLATE "C") COLLATE "default"));

-- At no moment without one of the two. Only a valid one: yoyo runs this too when it undoes a build that has failed.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('users_email_new_key') AND indisvalid) THEN
        SET LOCAL lock_timeout = '5s';
        DROP INDEX IF EXISTS users_email_key;
        ALTER INDEX users_email_new_key RENAME TO users_email_key;
    END IF;
END
$$;
