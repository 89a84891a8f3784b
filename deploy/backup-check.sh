#!/usr/bin/env bash
# Restores the newest copy that deploy/backup.sh made in DIRECTORY into throw-away databases of the
# running PostgreSQL, compares the rows of every table with those that were copied, and drops them.
# Prints one line of JSON; exit code 1: a copy differs or cannot be restored.
#
#   deploy/backup-check.sh /mnt/backups
#
# An encrypted copy needs BACKUP_PASSPHRASE_FILE. ClickHouse's archive is read to its end and not restored:
# the pipelines can fill an empty warehouse from PostgreSQL.
set -euo pipefail

directory=$(cd "${1:?usage: deploy/backup-check.sh DIRECTORY}" && pwd)
cd "$(dirname "$0")/.."
. deploy/copies.sh
copy=$(find "$directory" -mindepth 1 -maxdepth 1 -type d -name '????-??-??T??-??-??Z' | sort | tail -n 1)
if [[ -z $copy ]]; then
    echo "$directory holds no copy" >&2
    exit 2
fi
examine "$copy"

psql() { inside postgres psql --username=postgres --quiet --no-psqlrc --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
tables=0
differ=()
for database in dialytics dagster; do
    name=backup_check_$database
    drop="DROP DATABASE IF EXISTS $name WITH (FORCE)"
    psql --dbname=postgres --command="SET client_min_messages = warning" --command="$drop" \
        --command="CREATE DATABASE $name"
    if ! stored "$copy" "$database.dump" | inside postgres pg_restore --username=postgres \
        --exit-on-error --no-owner --no-privileges --dbname="$name"; then
        psql --dbname=postgres --command="$drop"
        echo "$copy: $database cannot be restored" >&2
        exit 1
    fi
    found=$(psql --dbname="$name" <<<"$contents")
    psql --dbname=postgres --command="$drop"
    # Copies of an older version do not say what is in them.
    holds "$copy" "$database.contents" || continue
    expected=$(stored "$copy" "$database.contents")
    tables=$((tables + $(grep -c . <<<"$expected" || true)))
    while read -r table; do
        differ+=("\"$database.$table\"")
    done < <(diff <(echo "$expected") <(echo "$found") | sed -n 's/^[<>] \([^|]*\).*/\1/p' | sort -u)
done
if holds "$copy" clickhouse.tar; then
    stored "$copy" clickhouse.tar | tar --list >/dev/null
fi
moment=$(basename "$copy")
made=$(date -u -d "${moment:0:10} ${moment:11:2}:${moment:14:2}:${moment:17:2}" +%s)
ok=$( ((tables > 0 && ${#differ[@]} == 0)) && echo true || echo false)
echo "{\"backup\": \"$copy\", \"age_seconds\": $(($(date +%s) - made)), \"tables\": $tables," \
    "\"differ\": [$(IFS=,; echo "${differ[*]}")], \"ok\": $ok}"
[[ $ok == true ]]
