-- Teams, and who is in which: a relation of one's own beside users and aims.
-- depends: useraim_0012_lock_many_as_one

CREATE TABLE teams (
    id uuid CONSTRAINT teams_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CONSTRAINT teams_name_check CHECK (btrim(name) <> ''),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE team_users (
    team_id uuid CONSTRAINT team_users_team_id_fkey REFERENCES teams ON DELETE CASCADE,
    user_id uuid CONSTRAINT team_users_user_id_fkey REFERENCES users ON DELETE CASCADE,
    role text NOT NULL DEFAULT 'member' CONSTRAINT team_users_role_check CHECK (btrim(role) <> ''),
    permissions text[] NOT NULL DEFAULT '{}',
    joined_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT team_users_pkey PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_users_user_id_idx ON team_users (user_id, joined_at);

-- What holds off other writers: one team (written anew where a transaction has one snapshot for all), and rows in key order.
CREATE FUNCTION lock_team(source uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE teams SET updated_at = updated_at WHERE id = source AND current_setting('transaction_isolation') <> 'read committed';
    SELECT FROM teams WHERE id = source FOR NO KEY UPDATE $$;
CREATE FUNCTION lock_teams(ids uuid[]) RETURNS void LANGUAGE sql AS $$
    SELECT lock_team(id) FROM unnest(ids) AS t (id) $$;
CREATE FUNCTION lock_links_of_team(source uuid, far uuid[]) RETURNS void LANGUAGE sql AS $$
    SELECT lock_team(source);
    SELECT FROM team_users WHERE team_id = source AND user_id = ANY (far) ORDER BY user_id FOR NO KEY UPDATE $$;
CREATE FUNCTION lock_teams_of_user(source uuid, far uuid[]) RETURNS void LANGUAGE sql AS $$
    SELECT useraim_lock_user(source);
    SELECT FROM team_users WHERE user_id = source AND team_id = ANY (far) ORDER BY team_id FOR NO KEY UPDATE $$;
