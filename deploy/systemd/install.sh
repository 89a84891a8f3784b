#!/usr/bin/env bash
# Installs the product for systemd below DESTDIR (the machine itself when unset): code and locked
# packages in /opt/dialytics, units in /etc/systemd/system. Running it again upgrades; settings and
# secrets stay as they are. The Makefile says which Python and uv.
set -euo pipefail
root=${DESTDIR:-}
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [[ -z $root && $EUID != 0 ]]; then
    echo "make install-systemd writes to /opt and /etc: run it as root, or give DESTDIR=directory" >&2
    exit 2
fi
umask 022

target=$root/opt/dialytics
rm -rf "$target.new"
mkdir -p "$target.new"
tar --directory="$source" --exclude=__pycache__ --create \
    bot api common warehouse pipelines migrations deploy/postgres deploy/make-secrets.sh dashboards/web/dist deploy/clickhouse/entrypoint.sh |
    tar --directory="$target.new" --extract --no-same-owner
"$UV" venv --quiet --python "$PYTHON" "$target.new/.venv"
(cd "$source/requirements" && "$UV" pip sync --quiet --require-hashes --compile-bytecode \
    --python "$target.new/.venv/bin/python" bot.lock api.lock pipelines.lock migrations.lock)

# In one rename: a service that starts meanwhile finds the old code or the new.
rm -rf "$target.old"
[[ ! -e $target ]] || mv "$target" "$target.old"
mv "$target.new" "$target"
rm -rf "$target.old"

units=$root/etc/systemd/system
install -d "$units/dialytics-.service.d" "$root/usr/lib/sysusers.d"
install -m 644 "$source"/deploy/systemd/dialytics{.target,-*.service} "$units"
install -m 644 "$source/deploy/systemd/dialytics-.service.d/hardening.conf" "$units/dialytics-.service.d"
install -m 644 "$source/deploy/systemd/sysusers.conf" "$root/usr/lib/sysusers.d/dialytics.conf"
install -d -m 700 "$root/etc/dialytics"
[[ -e $root/etc/dialytics/dialytics.env ]] ||
    install -m 600 "$source/.env.example" "$root/etc/dialytics/dialytics.env"
POSTGRES_HOST=127.0.0.1 CLICKHOUSE_HOST=127.0.0.1 \
    "$source/deploy/make-secrets.sh" "$root/etc/dialytics/secrets"

if [[ -z $root ]]; then
    systemd-sysusers /usr/lib/sysusers.d/dialytics.conf
    systemctl daemon-reload
fi
echo "Installed. Settings: /etc/dialytics/dialytics.env. Start: systemctl enable --now dialytics.target"
