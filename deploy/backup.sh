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
passphrase=${BACKUP_PASSPHRASE_FILE:-}
if [[ -n $passphrase ]]; then
    if (($(head -n 1 "$passphrase" | tr -d '\n' | wc -m) < 12)); then
        echo "BACKUP_PASSPHRASE_FILE: the first line of $passphrase has fewer than 12 characters" >&2
        exit 2
    fi
    GNUPGHOME=$(mktemp -d)
    export GNUPGHOME
    trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
fi
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
# Stores standard input as $1, encrypted as $1.gpg when there is a passphrase.
store() {
    if [[ -z $passphrase ]]; then
        cat >"$partial/$1"
    else
        gpg --batch --quiet --no-symkey-cache --pinentry-mode loopback --passphrase-file "$passphrase" \
            --symmetric --cipher-algo AES256 --compress-algo none --output "$partial/$1.gpg"
    fi
}

if [[ -z ${ONLY_POSTGRES:-} ]]; then
    clickhouse "BACKUP DATABASE dialytics TO Disk('backups', '$moment.tar')" >/dev/null
    inside clickhouse cat "/var/lib/clickhouse/backups/$moment.tar" | store clickhouse.tar
    inside clickhouse rm "/var/lib/clickhouse/backups/$moment.tar"
fi
for database in dialytics dagster; do
    inside postgres pg_dump --username=postgres --format=custom "$database" | store "$database.dump"
done
(cd "$partial" && sha256sum -- * >SHA256SUMS)
mv "$partial" "$target/$moment"
# The metric of the last backup's age reads it.
inside dagster-code touch /data/last-backup ||
    echo "dagster-code does not run: pipeline_last_backup_timestamp_seconds stays as it was" >&2

find "$target" -mindepth 1 -maxdepth 1 -type d -name '????-??-??T??-??-??Z' \
    -mtime "+${KEEP_DAYS:-14}" -exec rm -rf -- {} +
echo "$target/$moment"
