-- As useraim_0011 left them.
CREATE OR REPLACE FUNCTION useraim_lock_users(ids uuid[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one uuid;
BEGIN
    FOREACH one IN ARRAY ids LOOP
        PERFORM 1 FROM users WHERE id = one FOR NO KEY UPDATE;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION useraim_lock_aims(ids uuid[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one uuid;
BEGIN
    FOREACH one IN ARRAY ids LOOP
        PERFORM 1 FROM aims WHERE id = one FOR NO KEY UPDATE;
    END LOOP;
END
$$;
