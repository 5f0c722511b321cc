# shellcheck shell=bash
# A throw-away PostgreSQL server for shell scripts. Sourced after common.sh.
# shellcheck disable=SC2154 # server_user is from there
# It listens on a Unix socket in its own folder only; nobody else on the machine can reach it.

server_dir=
server_bin=

# servers_in_memory: the data of servers goes to memory, where there is room for it. The tests make some hundreds of data folders
# of a thousand files each, and a file system on a disk takes a third of their time for that.
servers_in_memory() {
  local memory=/dev/shm
  [ -z "${PGWALSTREAM_DATA:-}" ] || return 0
  if [ "$(stat -f -c %T "$memory" 2>/dev/null)" = tmpfs ] &&
    [ "$(df -Pk "$memory" | awk 'NR == 2 { print $4 }')" -ge $((8 << 20)) ] &&
    [ "$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)" -ge $((12 << 20)) ]; then
    export PGWALSTREAM_DATA=$memory
  fi
}

# server_start SERVERS VERSION [SETTING=VALUE…]: sets server_dir and server_conninfo
server_start() {
  local servers=$1 version=$2 setting base=/tmp
  shift 2
  is_root || base=${TMPDIR:-/tmp}
  base=${PGWALSTREAM_DATA:-$base}
  server_bin=$servers/$version/bin
  server_psql=$servers/client-18/bin/psql
  server_dir=$(mktemp -d "$base/pgwalstream.XXXXXX")
  if is_root; then chown "$server_user:$server_user" "$server_dir"; fi
  as_server_user cp -a --reflink=auto "$servers/$version/template" "$server_dir/data" ||
    die "no template of PostgreSQL $version in $servers: run script/servers"
  {
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '$server_dir'"
    echo "wal_level = logical"
    echo "fsync = off"
    echo "shared_buffers = 32MB"
    for setting; do echo "$setting"; done
  } >>"$server_dir/data/postgresql.conf"
  (cd / && as_server_user "$server_bin/pg_ctl" -D "$server_dir/data" -l "$server_dir/log" -w -t 60 start </dev/null >/dev/null 2>&1) || {
    cat "$server_dir/log" >&2
    die "PostgreSQL $version did not start"
  }
  # shellcheck disable=SC2034 # for the caller
  server_conninfo="host=$server_dir port=5432 user=postgres dbname=postgres"
}

# server_sql [PSQL-ARGUMENT…]: runs SQL from the arguments or from stdin
server_sql() {
  "$server_psql" -X -q -v ON_ERROR_STOP=1 -h "$server_dir" -p 5432 -U postgres -d postgres "$@"
}

# server_stop: safe to call twice, and when nothing was started
server_stop() {
  [ -n "$server_dir" ] || return 0
  if [ -d "$server_dir/data" ]; then
    (cd / && as_server_user "$server_bin/pg_ctl" -D "$server_dir/data" -m immediate -w -t 30 stop >/dev/null 2>&1) || true
  fi
  rm -rf "$server_dir"
  server_dir=
}
