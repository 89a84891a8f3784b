#!/usr/bin/env bash
# Hands the passwords to users.xml as hashes, then starts the server as the image would.
set -euo pipefail

secrets=${SECRETS_DIR:-/run/secrets}
for user in writer reader; do
    password=$(<"$secrets/clickhouse_${user}_password")
    case ${password,,} in
        "" | change-me | changeme | secret | password | admin)
            echo "clickhouse_${user}_password is empty or a placeholder" >&2
            exit 2
            ;;
    esac
    hash=$(printf %s "$password" | sha256sum)
    declare -x "CLICKHOUSE_${user^^}_SHA256=${hash%% *}"
done
if [[ -r $secrets/clickhouse_cluster_secret ]]; then
    CLICKHOUSE_CLUSTER_SECRET=$(<"$secrets/clickhouse_cluster_secret")
    export CLICKHOUSE_CLUSTER_SECRET
fi
exec "${CLICKHOUSE_ENTRYPOINT:-/entrypoint.sh}" "$@"
