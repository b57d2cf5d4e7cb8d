-- Aims: what users share.
-- depends: useraim_0001_create_users

SET LOCAL lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS aims (
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    title       text        NOT NULL,
    description text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT aims_pkey PRIMARY KEY (id),
    CONSTRAINT aims_title_check CHECK (char_length(title) BETWEEN 1 AND 500 AND btrim(title, E' \t\n\r\f\x0b') <> ''),
    CONSTRAINT aims_description_check CHECK (char_length(description) <= 20000)
);

-- Fails if the table is another application's.
ALTER TABLE aims VALIDATE CONSTRAINT aims_description_check;

-- The orders of pages, ties broken by id.
CREATE INDEX IF NOT EXISTS aims_created_at_idx ON aims (created_at, id);
CREATE INDEX IF NOT EXISTS aims_title_idx ON aims (title, id);
