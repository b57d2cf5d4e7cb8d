-- Spread users and their memberships over the nodes of a Citus cluster; aims are copied to each.
-- Run it on the coordinator as the owner of the database and its tables, after the migrations:
--   psql --set shards=64 -f sql/citus/distribute.sql
-- Without `shards` it is the server's number, 32. It may be run again. Tables that hold rows are locked while these move.
--
-- Citus has no unique index on anything but the column that rows are spread by, so users_email_key becomes an ordinary
-- index: an e-mail address that is taken is still refused, but not one that two callers take at the same moment.
\set ON_ERROR_STOP on
BEGIN;
\if :{?shards}
    SET LOCAL citus.shard_count TO :shards;
\endif
SET LOCAL citus.enable_local_reference_table_foreign_keys = off;
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'user_aims'::regclass AND partmethod = 'h'
    ) THEN
        DROP INDEX users_email_key;
        CREATE INDEX users_email_key ON users (lower(lower(email COLLATE "C") COLLATE "default"));
        -- No other order works while both foreign keys are in place.
        PERFORM create_reference_table('aims');
        PERFORM create_distributed_table('users', 'id');
        PERFORM create_distributed_table('user_aims', 'user_id', colocate_with => 'users');
    END IF;
    -- Otherwise aims cannot be written in a transaction that has read or written many users before.
    EXECUTE format('ALTER DATABASE %I SET citus.multi_shard_modify_mode TO ''sequential''', current_database());
END
$$;
COMMIT;
-- The rows that were here before are on the nodes now.
SELECT truncate_local_data_after_distributing_table('user_aims');
SELECT truncate_local_data_after_distributing_table('aims');
SELECT truncate_local_data_after_distributing_table('users');
