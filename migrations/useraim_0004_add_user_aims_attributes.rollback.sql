SET LOCAL lock_timeout = '5s';

ALTER TABLE user_aims DROP COLUMN joined_at;
ALTER TABLE user_aims DROP COLUMN permissions;
ALTER TABLE user_aims DROP COLUMN role;
