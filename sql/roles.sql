-- Roles for programs that must not own the tables: useraim_writer reads and writes rows, useraim_reader only reads.
-- Run it as the owner of the tables after the migrations: psql -f sql/roles.sql; then GRANT useraim_writer TO my_login.
-- An owner who may not create roles needs an administrator to create the two (NOLOGIN) before.
-- It may be run again. Both may call schema.check; migrations stay with the owner.
\set ON_ERROR_STOP on
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['useraim_reader', 'useraim_writer'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    END LOOP;
    -- bulk.load stages its rows in a temporary table.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO useraim_writer', current_database());
END
$$;
GRANT SELECT ON users, aims, user_aims, _yoyo_migration, _yoyo_log TO useraim_reader, useraim_writer;
GRANT INSERT, UPDATE, DELETE ON users, aims, user_aims TO useraim_writer;
