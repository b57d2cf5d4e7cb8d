SET LOCAL lock_timeout = '5s';

ALTER TABLE user_aims DROP COLUMN IF EXISTS joined_at;
ALTER TABLE user_aims DROP COLUMN IF EXISTS permissions;
ALTER TABLE user_aims DROP COLUMN IF EXISTS role;
