DROP INDEX CONCURRENTLY IF EXISTS user_aims_aim_id_joined_at_idx;
