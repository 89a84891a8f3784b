#!/usr/bin/env bash
# Makes the secrets of compose.yaml, one file each, in ./secrets (or the directory given).
# Never changes a file that exists: delete one to have it made again.
#
# The directory is closed to others; the files in it are readable, because a container's user is
# not the one who made them. POSTGRES_HOST and CLICKHOUSE_HOST name other servers than those of
# compose.yaml; CLICKHOUSE_HOST may be several nodes of a cluster, between commas.
set -euo pipefail
umask 077

directory=${1:-./secrets}
postgres=${POSTGRES_HOST:-postgres}
clickhouse=${CLICKHOUSE_HOST:-clickhouse}
clickhouse=${clickhouse//,/:8123,}:8123
mkdir -p "$directory"
chmod 700 "$directory"
cd "$directory"

random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
put() {
    if [[ ! -e $1 ]]; then
        printf '%s\n' "$2" >"$1.partial"
        chmod 444 "$1.partial"
        mv "$1.partial" "$1"
    fi
}

for name in postgres_password clickhouse_writer_password clickhouse_reader_password \
    clickhouse_cluster_secret data_key telegram_webhook_secret admin_registration_token \
    api_token_secret metrics_token grafana_admin_password redis_password; do
    put "$name" "$(random)"
done

# Each service enters PostgreSQL as a role of its own.
put owner_database_url "postgresql://dialytics_owner:$(random)@$postgres:5432/dialytics"
put bot_database_url "postgresql://dialytics_bot:$(random)@$postgres:5432/dialytics"
put api_database_url "postgresql://dialytics_api:$(random)@$postgres:5432/dialytics"
put pipelines_database_url "postgresql://dialytics_pipelines:$(random)@$postgres:5432/dialytics"
put dagster_database_url "postgresql://dagster:$(random)@$postgres:5432/dagster"
put clickhouse_url "http://writer:$(<clickhouse_writer_password)@$clickhouse/dialytics"
put clickhouse_reader_url "http://reader:$(<clickhouse_reader_password)@$clickhouse/dialytics"

# With it the bot asks the API, for /admin.
put stats_api_key "dly_$(random)"

# Only during a rotation is there another one.
put api_token_secret_previous ""
put data_key_second ""

missing=()
for name in telegram_token openrouter_api_key; do
    put "$name" ""
    [[ -s $name && $(<"$name") != "" ]] || missing+=("$name")
done
echo "Secrets are in $PWD. Copy data_key to a place apart from every backup: without it no text can be read."
if ((${#missing[@]})); then
    echo "Still empty: ${missing[*]}. Put the bot's token from @BotFather and the model's key there, as in:"
    echo "  install -m 444 /dev/stdin $PWD/telegram_token"
fi
