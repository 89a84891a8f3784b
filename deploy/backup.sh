#!/usr/bin/env bash
# Copies both stores of the compose stack into DIRECTORY/<moment>, and drops copies that are older
# than KEEP_DAYS (14). The secrets are not in it: keep data_key elsewhere. For cron:
#
#   17 2 * * *  cd /opt/dialytics && deploy/backup.sh /mnt/backups
#
# With BACKUP_PASSPHRASE_FILE (one line, at least 12 characters, mode 0600) every file is encrypted by
# gpg before it reaches DIRECTORY. ClickHouse first, so that PostgreSQL is never behind it. On a cluster
# ONLY_POSTGRES=1: the pipelines fill an empty warehouse from it. A copy that broke off has no
# SHA256SUMS and keeps the name <moment>.partial.
set -euo pipefail
umask 077

target=${1:?usage: deploy/backup.sh DIRECTORY}
cd "$(dirname "$0")/.."
. deploy/copies.sh
mkdir -p "$target"
moment=$(date -u +%Y-%m-%dT%H-%M-%SZ)
partial=$target/$moment.partial
mkdir "$partial"

# A dump of the database $1, and what it held at that moment: backup-check.sh compares it.
dump() {
    local snapshot psql ask answers
    coproc PSQL { inside postgres psql --username=postgres --quiet --no-psqlrc --tuples-only --no-align \
        --set=ON_ERROR_STOP=1 --dbname="$1"; }
    psql=$PSQL_PID
    # Copies, which the two sides of a pipe have, too.
    exec {ask}>&"${PSQL[1]}" {answers}<&"${PSQL[0]}"
    echo "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();" >&"$ask"
    read -r snapshot <&"$answers"
    inside postgres pg_dump --username=postgres --format=custom --snapshot="$snapshot" "$1" |
        store "$partial" "$1.dump"
    printf '%s\n\\q\n' "$contents" >&"$ask"
    store "$partial" "$1.contents" <&"$answers"
    exec {ask}>&- {answers}<&-
    wait "$psql"
}

if [[ -z ${ONLY_POSTGRES:-} ]]; then
    clickhouse "BACKUP DATABASE dialytics TO Disk('backups', '$moment.tar')" >/dev/null
    inside clickhouse cat "/var/lib/clickhouse/backups/$moment.tar" | store "$partial" clickhouse.tar
    inside clickhouse rm "/var/lib/clickhouse/backups/$moment.tar"
fi
dump dialytics
dump dagster
(cd "$partial" && sha256sum -- * >SHA256SUMS)
mv "$partial" "$target/$moment"
# The metric of the last backup's age reads it.
inside dagster-code touch /data/last-backup ||
    echo "dagster-code does not run: pipeline_last_backup_timestamp_seconds stays as it was" >&2

find "$target" -mindepth 1 -maxdepth 1 -type d -name '????-??-??T??-??-??Z' \
    -mtime "+${KEEP_DAYS:-14}" -exec rm -rf -- {} +
echo "$target/$moment"
