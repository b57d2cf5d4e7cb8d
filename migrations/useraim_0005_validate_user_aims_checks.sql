-- Reads the whole table, but lets readers and writers go on: hence a migration of its own.
-- depends: useraim_0004_add_user_aims_attributes

SET LOCAL lock_timeout = '5s';

ALTER TABLE user_aims VALIDATE CONSTRAINT user_aims_role_check;
ALTER TABLE user_aims VALIDATE CONSTRAINT user_aims_permissions_check;
ALTER TABLE user_aims VALIDATE CONSTRAINT user_aims_joined_at_check;
