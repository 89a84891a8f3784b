#!/usr/bin/env bash
# Copies both stores of the compose stack into DIRECTORY/<moment>, and drops copies that are older
# than KEEP_DAYS (14). The secrets are not in it: keep data_key elsewhere. For cron:
#
#   17 2 * * *  cd /opt/dialytics && deploy/backup.sh /mnt/backups
#
# ClickHouse first, so that PostgreSQL is never behind it. On a cluster ONLY_POSTGRES=1: the pipelines
# fill an empty warehouse from it. A copy that broke off has no SHA256SUMS
# and keeps the name <moment>.partial.
set -euo pipefail
umask 077

target=${1:?usage: deploy/backup.sh DIRECTORY}
cd "$(dirname "$0")/.."
mkdir -p "$target"
moment=$(date -u +%Y-%m-%dT%H-%M-%SZ)
partial=$target/$moment.partial
mkdir "$partial"

inside() { docker compose exec -T "$@"; }
# The password stays inside the container: on no command line of this machine.
clickhouse() {
    # shellcheck disable=SC2016 # expanded in the container
    inside clickhouse sh -c \
        'clickhouse-client --user writer --password "$(cat /run/secrets/clickhouse_writer_password)" --query "$1"' \
        sh "$1"
}

if [[ -z ${ONLY_POSTGRES:-} ]]; then
    clickhouse "BACKUP DATABASE dialytics TO Disk('backups', '$moment.tar')" >/dev/null
    docker compose cp "clickhouse:/var/lib/clickhouse/backups/$moment.tar" "$partial/clickhouse.tar"
    inside clickhouse rm "/var/lib/clickhouse/backups/$moment.tar"
fi
for database in dialytics dagster; do
    inside postgres pg_dump --username=postgres --format=custom "$database" >"$partial/$database.dump"
done
(cd "$partial" && sha256sum -- * >SHA256SUMS)
mv "$partial" "$target/$moment"

find "$target" -mindepth 1 -maxdepth 1 -type d -name '????-??-??T??-??-??Z' \
    -mtime "+${KEEP_DAYS:-14}" -exec rm -rf -- {} +
echo "$target/$moment"
