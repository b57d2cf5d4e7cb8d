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
