-- Users: who shares an aim.
-- depends:

SET LOCAL lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS users (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    name       text        NOT NULL,
    email      text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_name_check CHECK (char_length(name) BETWEEN 1 AND 200 AND btrim(name, E' \t\n\r\f\x0b') <> ''),
    CONSTRAINT users_email_check CHECK (char_length(email) BETWEEN 3 AND 320 AND email LIKE '_%@%_')
);

-- Fails if the table is another application's: it must be neither taken over nor dropped by a rollback.
ALTER TABLE users VALIDATE CONSTRAINT users_email_check;

-- One account an address, however it is spelt; also the order of pages by e-mail.
CREATE UNIQUE INDEX IF NOT EXISTS users_email_key ON users (lower(email));

-- The orders of pages, ties broken by id.
CREATE INDEX IF NOT EXISTS users_created_at_idx ON users (created_at, id);
CREATE INDEX IF NOT EXISTS users_name_idx ON users (name, id);
