-- Rules about far records hold only if whoever locks many of them is noticed like one who locks one: in a transaction with
-- one snapshot for all each row is written anew (useraim_0010), not only locked.
-- depends: useraim_0011_create_row_lock_functions

CREATE OR REPLACE FUNCTION useraim_lock_users(ids uuid[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one uuid;
BEGIN
    FOREACH one IN ARRAY ids LOOP
        PERFORM useraim_lock_user(one);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION useraim_lock_aims(ids uuid[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one uuid;
BEGIN
    FOREACH one IN ARRAY ids LOOP
        PERFORM useraim_lock_aim(one);
    END LOOP;
END
$$;

-- Direct control deletes the records it finds linked. Each link is locked, in key order, and told if it is still there then:
-- what another transaction is just unlinking is not deleted. One by one, as in useraim_0011.
CREATE OR REPLACE FUNCTION useraim_hold_user_links(source uuid) RETURNS SETOF uuid
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one uuid;
BEGIN
    FOR one IN SELECT aim_id FROM user_aims WHERE user_id = source ORDER BY aim_id LOOP
        RETURN QUERY SELECT aim_id FROM user_aims WHERE user_id = source AND aim_id = one FOR UPDATE;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION useraim_hold_aim_links(source uuid) RETURNS SETOF uuid
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one uuid;
BEGIN
    FOR one IN SELECT user_id FROM user_aims WHERE aim_id = source ORDER BY user_id LOOP
        RETURN QUERY SELECT user_id FROM user_aims WHERE user_id = one AND aim_id = source FOR UPDATE;
    END LOOP;
END
$$;
