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
(cd "$copy" && sha256sum --check --quiet SHA256SUMS)
if [[ -e $copy/dialytics.dump.gpg ]]; then
    passphrase=${BACKUP_PASSPHRASE_FILE:?this copy is encrypted}
    GNUPGHOME=$(mktemp -d)
    export GNUPGHOME
    trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
fi
# Writes the file $1 of the copy to standard output.
stored() {
    if [[ -e $copy/$1.gpg ]]; then
        gpg --batch --quiet --no-symkey-cache --pinentry-mode loopback --passphrase-file "$passphrase" \
            --decrypt "$copy/$1.gpg"
    else
        cat "$copy/$1"
    fi
}

inside() { docker compose exec -T "$@"; }
clickhouse() {
    # shellcheck disable=SC2016 # expanded in the container
    inside clickhouse sh -c \
        'clickhouse-client --user writer --password "$(cat /run/secrets/clickhouse_writer_password)" --query "$1"' \
        sh "$1"
}
sql() { inside postgres psql --username=postgres --quiet --no-psqlrc --tuples-only --no-align --dbname="$1" --set=ON_ERROR_STOP=1; }

docker compose up --detach --wait postgres clickhouse
docker compose run --rm roles
tables=$(sql dialytics <<<"SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
if [[ $tables != 0 ]]; then
    echo "the database dialytics is not empty: restore into new volumes" >&2
    exit 2
fi
stored dialytics.dump | inside postgres pg_restore --username=postgres --exit-on-error --no-owner \
    --role=dialytics_owner --dbname=dialytics
sql dialytics <deploy/postgres/after-restore.sql
stored dagster.dump | inside postgres pg_restore --username=postgres --exit-on-error --no-owner \
    --role=dagster --dbname=dagster
if [[ -e $copy/clickhouse.tar || -e $copy/clickhouse.tar.gpg ]]; then
    inside clickhouse mkdir -p /var/lib/clickhouse/backups
    # shellcheck disable=SC2016 # expanded in the container
    stored clickhouse.tar | inside clickhouse sh -c 'cat >"$1"' sh /var/lib/clickhouse/backups/restore.tar
    inside clickhouse chown -R clickhouse:clickhouse /var/lib/clickhouse/backups
    clickhouse "RESTORE DATABASE dialytics FROM Disk('backups', 'restore.tar')" >/dev/null
    inside clickhouse rm /var/lib/clickhouse/backups/restore.tar
fi
# Brings the schemas up to date, then binds what an older version has sealed to its rows.
docker compose run --rm bot python -m bot.rotation rewrap ||
    echo "Some sealed values could not be opened: the lines above name their rows." >&2
echo "Restored. Start everything: make prod-up. Repeat erasures that are newer than the copy."
