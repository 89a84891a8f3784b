#!/usr/bin/env bash
# Makes the databases and one role per service, and sets their passwords. Harmless to repeat:
# a password is rotated by changing its file and running this again.
#
# Each <role>_database_url in SECRETS_DIR is postgresql://<role>:<password>@<host>/<database>.
# Passwords must need no URL escapes (make-secrets.sh writes such). Connects as PGHOST says.
set -euo pipefail

secrets=${SECRETS_DIR:-/run/secrets}
if [[ -r $secrets/postgres_password ]]; then
    PGPASSWORD=$(<"$secrets/postgres_password")
    export PGPASSWORD
fi

for service in owner bot api pipelines dagster; do
    url=$(<"$secrets/${service}_database_url")
    if [[ ! $url =~ ^postgres(ql)?://([a-z_]+):([A-Za-z0-9_-]+)@ ]]; then
        echo "${service}_database_url: is not postgresql://role:password@host/database," \
            "or the password has characters other than letters, digits, _ and -" >&2
        exit 2
    fi
    role=${BASH_REMATCH[2]}
    password=${BASH_REMATCH[3]}
    database=${url##*/}
    database=${database%%\?*}
    # Variables and the password travel on standard input: nothing of it is on a command line.
    psql --dbname=postgres --quiet --no-psqlrc --set=ON_ERROR_STOP=1 <<SQL
\\set role '$role'
\\set password '$password'
\\set database '$database'
SET log_statement = 'none';
SELECT format('CREATE ROLE %I', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \\gexec
SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER PASSWORD %L', :'role', :'password') \\gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \\gexec
SQL
    if [[ $service == owner ]]; then
        # The migrations make, and hand out, the role through which the API reads the bot's tables.
        psql --dbname="$database" --quiet --no-psqlrc --set=ON_ERROR_STOP=1 <<SQL
ALTER ROLE "$role" CREATEROLE;
SELECT 'CREATE ROLE dialytics_reader NOLOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dialytics_reader') \\gexec
GRANT dialytics_reader TO "$role" WITH ADMIN OPTION;
REVOKE CONNECT, TEMPORARY ON DATABASE "$database" FROM PUBLIC;
ALTER SCHEMA public OWNER TO "$role";
SQL
    elif [[ $service == dagster ]]; then
        psql --dbname="$database" --quiet --no-psqlrc --set=ON_ERROR_STOP=1 <<SQL
REVOKE CONNECT, TEMPORARY ON DATABASE "$database" FROM PUBLIC;
SQL
    else
        psql --dbname="$database" --quiet --no-psqlrc --set=ON_ERROR_STOP=1 <<SQL
GRANT CONNECT ON DATABASE "$database" TO "$role";
SQL
    fi
done
