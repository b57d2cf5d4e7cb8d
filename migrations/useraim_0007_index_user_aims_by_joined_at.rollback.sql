DROP INDEX CONCURRENTLY IF EXISTS user_aims_joined_at_idx;
