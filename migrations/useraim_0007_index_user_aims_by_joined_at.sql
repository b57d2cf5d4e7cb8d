-- Pages and streams over the whole table, newest or oldest first; built while the table is in use.
-- depends: useraim_0006_index_user_aims_by_aim
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS user_aims_joined_at_idx;

CREATE INDEX CONCURRENTLY user_aims_joined_at_idx ON user_aims (joined_at, user_id, aim_id);
