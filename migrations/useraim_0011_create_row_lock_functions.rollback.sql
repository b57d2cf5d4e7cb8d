DROP FUNCTION IF EXISTS useraim_lock_aims(uuid[]);
DROP FUNCTION IF EXISTS useraim_lock_users(uuid[]);
DROP FUNCTION IF EXISTS useraim_lock_aim_links(uuid, uuid[]);
DROP FUNCTION IF EXISTS useraim_lock_user_links(uuid, uuid[]);
