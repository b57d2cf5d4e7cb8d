-- A transaction with one snapshot for all (REPEATABLE READ, SERIALIZABLE) does not see what whoever held the lock before
-- has left, and locking a row that nobody changed does not fail there. So it writes the row anew instead: of two such
-- callers the later one gets a serialization failure. At READ COMMITTED a lock is enough, and leaves no dead row.
-- depends: useraim_0009_fold_email_alike

CREATE OR REPLACE FUNCTION useraim_lock_user(source uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') = 'read committed' THEN
        PERFORM 1 FROM users WHERE id = source FOR NO KEY UPDATE;
    ELSE
        UPDATE users SET updated_at = updated_at WHERE id = source;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION useraim_lock_aim(source uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') = 'read committed' THEN
        PERFORM 1 FROM aims WHERE id = source FOR NO KEY UPDATE;
    ELSE
        UPDATE aims SET updated_at = updated_at WHERE id = source;
    END IF;
END
$$;
