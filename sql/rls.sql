-- Tenants: every row belongs to one, and a transaction reads and writes the rows of that tenant only which the setting
-- useraim.tenant names: useraim.scoped(db, {"useraim.tenant": "acme"}). Without the setting there are no rows.
-- Run it once, as the owner of the tables, after the migrations; rows that are there already become those of `tenant`:
-- psql -v tenant=acme -f sql/rls.sql
-- Indexes are built anew, and lead with the tenant: nobody reads or writes the tables meanwhile. On a second run it does
-- nothing. Superusers and roles with BYPASSRLS see all rows; the owner of the tables does not.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL lock_timeout = '5s';
SELECT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = 'user_aims'::regclass AND attname = 'tenant'
) AS has_tenants \gset
\if :has_tenants
\else
ALTER TABLE users ADD COLUMN tenant text NOT NULL DEFAULT :'tenant';
ALTER TABLE aims ADD COLUMN tenant text NOT NULL DEFAULT :'tenant';
ALTER TABLE user_aims ADD COLUMN tenant text NOT NULL DEFAULT :'tenant';

-- '' is what a setting of one's own is once the transaction that has set it is over.
ALTER TABLE users ALTER COLUMN tenant SET DEFAULT nullif(current_setting('useraim.tenant', true), '');
ALTER TABLE aims ALTER COLUMN tenant SET DEFAULT nullif(current_setting('useraim.tenant', true), '');
ALTER TABLE user_aims ALTER COLUMN tenant SET DEFAULT nullif(current_setting('useraim.tenant', true), '');

-- Foreign keys are checked beside the policies: these let no link lead from one tenant to another, whoever writes it.
ALTER TABLE users ADD CONSTRAINT users_tenant_key UNIQUE (tenant, id);
ALTER TABLE aims ADD CONSTRAINT aims_tenant_key UNIQUE (tenant, id);
ALTER TABLE user_aims
    DROP CONSTRAINT user_aims_user_id_fkey,
    DROP CONSTRAINT user_aims_aim_id_fkey,
    ADD CONSTRAINT user_aims_user_id_fkey
        FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id) ON DELETE CASCADE,
    ADD CONSTRAINT user_aims_aim_id_fkey
        FOREIGN KEY (tenant, aim_id) REFERENCES aims (tenant, id) ON DELETE CASCADE;

-- One account an address in each tenant: that an address is taken tells nobody of another one.
DROP INDEX users_email_key, users_created_at_idx, users_name_idx;
CREATE UNIQUE INDEX users_email_key ON users (tenant, lower(lower(email COLLATE "C") COLLATE "default"));
CREATE INDEX users_created_at_idx ON users (tenant, created_at, id);
CREATE INDEX users_name_idx ON users (tenant, name, id);
DROP INDEX aims_created_at_idx, aims_title_idx;
CREATE INDEX aims_created_at_idx ON aims (tenant, created_at, id);
CREATE INDEX aims_title_idx ON aims (tenant, title, id);
DROP INDEX user_aims_joined_at_idx;
CREATE INDEX user_aims_joined_at_idx ON user_aims (tenant, timezone('UTC', joined_at), user_id, aim_id);

CREATE POLICY tenant ON users USING (tenant = nullif(current_setting('useraim.tenant', true), ''));
CREATE POLICY tenant ON aims USING (tenant = nullif(current_setting('useraim.tenant', true), ''));
CREATE POLICY tenant ON user_aims USING (tenant = nullif(current_setting('useraim.tenant', true), ''));
ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE aims ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE user_aims ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
\endif
COMMIT;
