#!/bin/sh
# Starts Alertmanager with the operator's chat in its configuration, which can read no environment.
#
#   OPERATOR_CHAT_ID=-1001234567890 deploy/alertmanager/start.sh CONFIGURATION [ARGUMENT…]
#
# Without a chat alerts are grouped and kept, and nobody is told.
set -eu

given=$1
shift
case ${OPERATOR_CHAT_ID:-} in
"")
    change='s/receiver: telegram/receiver: nobody/'
    echo "OPERATOR_CHAT_ID is not set: alerts reach nobody" >&2
    ;;
*[!0-9-]*)
    echo "OPERATOR_CHAT_ID: must be a number, as in -1001234567890" >&2
    exit 2
    ;;
*)
    change="s/chat_id: .*/chat_id: $OPERATOR_CHAT_ID/"
    ;;
esac
made=${TMPDIR:-/tmp}/alertmanager.yml
sed "$change" "$given" >"$made"
exec "${ALERTMANAGER:-/bin/alertmanager}" --config.file="$made" "$@"
