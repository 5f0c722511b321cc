#!/usr/bin/env bash
# Runs a command beside a throw-away PostgreSQL server.
#
#   tests/c/with-server.sh VERSION -- COMMAND ARGUMENT…
#
# The server is $PGWALSTREAM_SERVERS/VERSION (script/servers fetches and names that folder) and runs as the user
# pgwalstream when this runs as root. The command gets PGWALSTREAM_TEST_CONNINFO, a superuser's connection string, and
# PGWALSTREAM_PSQL, the path of psql. Whatever happens the server is stopped and its folder removed; the exit status is the
# command's. PGWALSTREAM_SERVER_SETTINGS, words like work_mem=1MB, is what else the server is to be told.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../script/lib/common.sh
. "$here/../../script/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=../../script/lib/server.sh
. "$here/../../script/lib/server.sh"

if [ $# -lt 3 ] || [ "$2" != -- ]; then die "usage: with-server.sh VERSION -- COMMAND ARGUMENT…"; fi
version=$1
shift 2
[ -n "${PGWALSTREAM_SERVERS:-}" ] || die "PGWALSTREAM_SERVERS is not set: export PGWALSTREAM_SERVERS=\$(script/servers)"

child=
# shellcheck disable=SC2317 # the trap runs it
clean_up() {
  trap - EXIT INT TERM
  # The command first: it may be what a time limit is for.
  [ -z "$child" ] || kill "$child" 2>/dev/null || true
  server_stop
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Few connections would do, but no test should hang because of another's slot.
read -ra settings <<<"${PGWALSTREAM_SERVER_SETTINGS:-}"
server_start "$PGWALSTREAM_SERVERS" "$version" max_replication_slots=40 max_wal_senders=40 wal_sender_timeout=60s \
  ${settings[@]+"${settings[@]}"}
# shellcheck disable=SC2154 # server_conninfo and server_psql are from server_start
export PGWALSTREAM_TEST_CONNINFO=$server_conninfo PGWALSTREAM_PSQL=$server_psql

# In the background, so that a signal to this script is handled at once and not after the command.
rc=0
"$@" <&0 &
child=$!
wait "$child" || rc=$?
child=
exit "$rc"
