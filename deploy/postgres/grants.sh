#!/usr/bin/env bash
# Gives each service's role the rights that it needs on the tables, and no others. Runs after the
# migrations, every time: what a migration added is granted by the next line here.
set -euo pipefail

secrets=${SECRETS_DIR:-/run/secrets}
if [[ -r $secrets/postgres_password ]]; then
    PGPASSWORD=$(<"$secrets/postgres_password")
    export PGPASSWORD
fi
exec psql --dbname="${DATABASE:-dialytics}" --quiet --no-psqlrc --set=ON_ERROR_STOP=1 \
    --file="$(dirname "${BASH_SOURCE[0]}")/grants.sql"
