-- Members of an aim by joined_at, and the cascade from aims; built while the table is in use.
-- depends: useraim_0005_validate_user_aims_checks
-- transactional: false

-- A build that was interrupted leaves an invalid index behind.
DROP INDEX CONCURRENTLY IF EXISTS user_aims_aim_id_joined_at_idx;

CREATE INDEX CONCURRENTLY user_aims_aim_id_joined_at_idx ON user_aims (aim_id, joined_at, user_id);
