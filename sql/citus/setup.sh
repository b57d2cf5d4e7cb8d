#!/bin/sh
# Make the nodes of a Citus cluster known to its coordinator, which PG* name, and distribute the tables if they are there.
# Run it again after the migrations, or with one more worker: what is done already is left alone.
#   WORKERS="worker-1:5432 worker-2:5432" SELF=coordinator:5432 sh sql/citus/setup.sh
set -eu
here=$(dirname "$0")
export PGOPTIONS="-c client_min_messages=warning"
for node in $WORKERS; do
    until pg_isready --quiet --host "${node%:*}" --port "${node#*:}"; do sleep 1; done
done
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --set self="$SELF" --set workers="$WORKERS" --output /dev/null <<'SQL'
CREATE EXTENSION IF NOT EXISTS citus;
SELECT citus_set_coordinator_host(split_part(:'self', ':', 1), split_part(:'self', ':', 2)::int);
SELECT citus_add_node(split_part(worker, ':', 1), split_part(worker, ':', 2)::int)
FROM regexp_split_to_table(:'workers', ' +') AS w (worker);
SQL
if [ -n "$(psql --no-psqlrc --tuples-only --no-align --command "SELECT to_regclass('user_aims')")" ]; then
    psql --quiet --no-psqlrc --output /dev/null --file "$here/distribute.sql"
    echo "the tables are distributed"
else
    echo "the nodes are there; run the migrations, then this again"
fi
