-- Attributes of a membership. The pattern for every later one: constant defaults rewrite no row,
-- and checks come NOT VALID, one ALTER TABLE each, so that a big table is locked for a moment only.
-- Like all migrations it may run again over what an interrupted run has left.
-- depends: useraim_0003_create_user_aims

SET LOCAL lock_timeout = '5s';

ALTER TABLE user_aims ADD COLUMN IF NOT EXISTS role text NOT NULL DEFAULT 'member';
ALTER TABLE user_aims ADD COLUMN IF NOT EXISTS permissions text[] NOT NULL DEFAULT '{}';
ALTER TABLE user_aims ADD COLUMN IF NOT EXISTS joined_at timestamptz NOT NULL DEFAULT now();

ALTER TABLE user_aims DROP CONSTRAINT IF EXISTS user_aims_role_check;
ALTER TABLE user_aims ADD CONSTRAINT user_aims_role_check
    CHECK (char_length(role) BETWEEN 1 AND 100 AND btrim(role, E' \t\n\r\f\x0b') <> '') NOT VALID;

-- A flat list without NULL or '', and no element that a cast to varchar(100) would cut.
ALTER TABLE user_aims DROP CONSTRAINT IF EXISTS user_aims_permissions_check;
ALTER TABLE user_aims ADD CONSTRAINT user_aims_permissions_check
    CHECK (coalesce(array_ndims(permissions), 1) = 1
           AND array_position(permissions, NULL) IS NULL
           AND array_position(permissions, '') IS NULL
           AND permissions = permissions::varchar(100)[]::text[]) NOT VALID;

-- Clients cannot read infinity or other centuries' dates back.
ALTER TABLE user_aims DROP CONSTRAINT IF EXISTS user_aims_joined_at_check;
ALTER TABLE user_aims ADD CONSTRAINT user_aims_joined_at_check
    CHECK (joined_at >= '1900-01-01 00:00:00+00' AND joined_at < '10000-01-01 00:00:00+00') NOT VALID;
