# Sourced by backup.sh, restore.sh and backup-check.sh: what a copy is, how it is read and encrypted.
# BACKUP_PASSPHRASE_FILE: one line, at least 12 characters, mode 0600.
# shellcheck shell=bash

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

inside() { docker compose exec -T "$@"; }
# The password stays inside the container: on no command line of this machine.
clickhouse() {
    # shellcheck disable=SC2016 # expanded in the container
    inside clickhouse sh -c \
        'clickhouse-client --user writer --password "$(cat /run/secrets/clickhouse_writer_password)" --query "$1"' \
        sh "$1"
}
with_passphrase() {
    gpg --batch --quiet --no-symkey-cache --pinentry-mode loopback --passphrase-file "$passphrase" "$@"
}
# Stores standard input as file $2 of the copy $1, encrypted as $2.gpg when there is a passphrase.
store() {
    if [[ -z $passphrase ]]; then
        cat >"$1/$2"
    else
        with_passphrase --symmetric --cipher-algo AES256 --compress-algo none --output "$1/$2.gpg"
    fi
}
# Whether the copy $1 holds the file $2.
holds() { [[ -e $1/$2 || -e $1/$2.gpg ]]; }
# Writes the file $2 of the copy $1 to standard output.
stored() {
    if [[ -e $1/$2.gpg ]]; then
        with_passphrase --decrypt "$1/$2.gpg"
    else
        cat "$1/$2"
    fi
}
# Refuses the copy $1 when a file of it is damaged, or encrypted and no passphrase is given.
examine() {
    (cd "$1" && sha256sum --check --quiet SHA256SUMS)
    if [[ -e $1/dialytics.dump.gpg && -z $passphrase ]]; then
        echo "BACKUP_PASSPHRASE_FILE: is not set; this copy is encrypted" >&2
        exit 2
    fi
}
# Statements whose answer is a line per table of the database: name, rows, sum of their hashes. The
# text of a row depends on no setting of the database.
contents="SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';
    SET bytea_output = 'hex'; SET extra_float_digits = 1; SET statement_timeout = 0;
    SELECT format('SELECT %L, count(*), coalesce(sum(hashtextextended(whole_row::text, 0)), 0)'
        ' FROM %I AS whole_row', relname, relname)
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    ORDER BY relname \\gexec"
