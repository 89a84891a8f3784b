#!/usr/bin/env bash
# Fills the empty volumes of the compose stack from a copy that deploy/backup.sh made.
#
#   deploy/restore.sh /mnt/backups/2026-01-31T02-17-00Z
#
# An encrypted copy needs BACKUP_PASSPHRASE_FILE. The secrets must be there already, data_key the one
# of the day of the copy. Afterwards start the services: make prod-up. The pipelines notice the new
# cluster and copy the ledger anew.
set -euo pipefail

copy=$(cd "${1:?usage: deploy/restore.sh COPY}" && pwd)
cd "$(dirname "$0")/.."
. deploy/copies.sh
examine "$copy"

sql() { inside postgres psql --username=postgres --quiet --no-psqlrc --tuples-only --no-align --dbname="$1" --set=ON_ERROR_STOP=1; }

docker compose up --detach --wait postgres clickhouse
docker compose run --rm roles
tables=$(sql dialytics <<<"SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
if [[ $tables != 0 ]]; then
    echo "the database dialytics is not empty: restore into new volumes" >&2
    exit 2
fi
stored "$copy" dialytics.dump | inside postgres pg_restore --username=postgres --exit-on-error --no-owner \
    --role=dialytics_owner --dbname=dialytics
sql dialytics <deploy/postgres/after-restore.sql
stored "$copy" dagster.dump | inside postgres pg_restore --username=postgres --exit-on-error --no-owner \
    --role=dagster --dbname=dagster
if holds "$copy" clickhouse.tar; then
    inside clickhouse mkdir -p /var/lib/clickhouse/backups
    # shellcheck disable=SC2016 # expanded in the container
    stored "$copy" clickhouse.tar | inside clickhouse sh -c 'cat >"$1"' sh /var/lib/clickhouse/backups/restore.tar
    inside clickhouse chown -R clickhouse:clickhouse /var/lib/clickhouse/backups
    clickhouse "RESTORE DATABASE dialytics FROM Disk('backups', 'restore.tar')" >/dev/null
    inside clickhouse rm /var/lib/clickhouse/backups/restore.tar
fi
# Brings the schemas up to date, then binds what an older version has sealed to its rows.
docker compose run --rm bot python -m bot.users.key_rotation rewrap ||
    echo "Some sealed values could not be opened: the lines above name their rows." >&2
echo "Restored. Start everything: make prod-up. Repeat erasures that are newer than the copy."
