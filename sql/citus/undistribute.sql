-- Bring all rows back to the coordinator, into ordinary tables: psql -f sql/citus/undistribute.sql
-- It stops, and changes nothing, where two users have the same e-mail address.
\set ON_ERROR_STOP on
BEGIN;
SELECT undistribute_table('user_aims', cascade_via_foreign_keys => true);
DROP INDEX users_email_key;
CREATE UNIQUE INDEX users_email_key ON users (lower(lower(email COLLATE "C") COLLATE "default"));
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I RESET citus.multi_shard_modify_mode', current_database());
END
$$;
COMMIT;
