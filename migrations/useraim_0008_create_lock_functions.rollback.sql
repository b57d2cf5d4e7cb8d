DROP FUNCTION IF EXISTS useraim_lock_aim(uuid);
DROP FUNCTION IF EXISTS useraim_lock_user(uuid);
