-- Whoever changes links or far records that must exist locks them first, in key order: a row that another transaction is
-- just deleting is then seen as missing, where the change itself would pass over it in silence. One by one, as Citus locks
-- rows of several users in no other way, and one query would be planned anew at each call, which takes longer. No reading
-- of whole tables: a session keeps the plans of its functions, also those made while a table was small.
-- depends: useraim_0010_lock_by_writing_in_snapshots

CREATE OR REPLACE FUNCTION useraim_lock_user_links(source uuid, far uuid[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one uuid;
BEGIN
    PERFORM useraim_lock_user(source);
    FOREACH one IN ARRAY far LOOP
        PERFORM 1 FROM user_aims WHERE user_id = source AND aim_id = one FOR NO KEY UPDATE;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION useraim_lock_aim_links(source uuid, far uuid[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one uuid;
BEGIN
    PERFORM useraim_lock_aim(source);
    FOREACH one IN ARRAY far LOOP
        PERFORM 1 FROM user_aims WHERE user_id = one AND aim_id = source FOR NO KEY UPDATE;
    END LOOP;
END
$$;

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
