DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN
        SELECT oid FROM pg_catalog.pg_proc
        WHERE pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema())
            AND proname ~ '^useraim_(lock|hold)_'
    LOOP
        EXECUTE pg_catalog.format('ALTER FUNCTION %s RESET search_path', one);
    END LOOP;
END
$$;
