-- Pages and streams over the whole table, newest or oldest first; built while the table is in use.
-- depends: useraim_0006_index_user_aims_by_aim
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS user_aims_joined_at_idx;

-- Of an expression that only those pages use: for the members of a big aim the planner would take an index of the bare
-- column too, and then read past the links of all other aims.
CREATE INDEX CONCURRENTLY user_aims_joined_at_idx ON user_aims (timezone('UTC', joined_at), user_id, aim_id);
