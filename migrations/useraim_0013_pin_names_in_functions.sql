-- The functions that lock mean the tables beside them, whatever else is called so where the session looks first: another
-- schema of its search_path, or a temporary table that someone left on a session which a pooler lends to many.
-- depends: useraim_0012_hold_links_and_lock_many

DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN
        SELECT oid FROM pg_catalog.pg_proc
        WHERE pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema())
            AND proname ~ '^useraim_(lock|hold)_'
    LOOP
        EXECUTE pg_catalog.format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', one, current_schema());
    END LOOP;
END
$$;
