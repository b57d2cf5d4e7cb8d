-- The join table, bare: which user shares which aim.
-- depends: useraim_0002_create_aims

-- The foreign keys lock users and aims against writes for a moment.
SET LOCAL lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS user_aims (
    user_id uuid NOT NULL,
    aim_id  uuid NOT NULL,
    CONSTRAINT user_aims_pkey PRIMARY KEY (user_id, aim_id),
    CONSTRAINT user_aims_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT user_aims_aim_id_fkey FOREIGN KEY (aim_id) REFERENCES aims (id) ON DELETE CASCADE
);

-- Fails if the table is another application's.
ALTER TABLE user_aims VALIDATE CONSTRAINT user_aims_aim_id_fkey;
