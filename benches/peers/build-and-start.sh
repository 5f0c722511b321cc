# shellcheck shell=bash
# Builds the library, every client and the runner, and starts the runner. Sourced by run, live, latency, large, slow-disk and decode, which
# say with peers_command which of its commands it is.
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../../script/lib/common.sh
. "$peers/../../script/lib/common.sh"

# `run --help` prints the head of the script.
for word; do
  case $word in
    -h | --help)
      sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
  esac
done

cargo_need
go_need
apt_need cc=gcc libc6-dev make=make cmake=cmake ca-certificates
built=${PEERS_TARGET_DIR:-$peers/target}
library=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$built/c" "$built/go"

say "building the library"
(cd "$root" && cargo build --release --locked --quiet --target-dir "$library")
# The programs look for the library by its SONAME.
ln -sfn "$library/release/libpgwalstream.so" "$built/c/libpgwalstream.so.0"

say "building the clients"
c_program() { # NAME SOURCE [FLAG…]
  local name=$1 source=$2
  shift 2
  cc -O2 -g -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow "$peers/c/$source" -o "$built/c/$name" "$@"
}
with_library=(-I"$root/include" "$built/c/libpgwalstream.so.0" "-Wl,-rpath,$built/c")
c_program pgwalstream_next pgwalstream.c "${with_library[@]}"
c_program pgwalstream_batch pgwalstream.c -DBATCH "${with_library[@]}"
c_program decode decode_pgwalstream.c "${with_library[@]}"
c_program floor floor.c
c_program floor_coalescing floor.c -DCOALESCE
c_program preload.so preload.c -shared -fPIC -ldl
c_program beside beside.c "${with_library[@]}" -pthread
c_program slow_preload.so slow_preload.c -shared -fPIC
# The Go binding finds the library as it finds an installed one.
ln -sfn libpgwalstream.so.0 "$built/c/libpgwalstream.so"
mkdir -p "$built/pkgconfig"
cat >"$built/pkgconfig/pgwalstream.pc" <<PC
Name: pgwalstream
Description: the library that the clients here use
Version: 0
Cflags: -I$root/include
Libs: -L$built/c -lpgwalstream
PC
(cd "$peers/go" && PKG_CONFIG_PATH=$built/pkgconfig go build -ldflags "-r $built/c" -o "$built/go/" ./...)
(cd "$peers" && cargo build --release --locked --quiet --target-dir "$built")

server_user_need
PEERS_SERVERS=$("$root/script/servers" 14 15 16 17 18 client-18)
PEERS_TEMP=$(mktemp -d /tmp/pgwalstream-peers.XXXXXX)
chmod 755 "$PEERS_TEMP"
PEERS_VERSIONS="pg_walstream $(grep -A1 '^name = "pg_walstream"' "$peers/Cargo.lock" | sed -n 's/^version = "\(.*\)"/\1/p'), \
pglogrepl $(sed -n 's/.*jackc\/pglogrepl v[0-9.]*-\([^ ]*\).*/\1/p' "$peers/go/go.mod"), \
$(go env GOVERSION), $(rustc --version | cut -d' ' -f1,2), $("$PEERS_SERVERS/client-18/bin/pg_recvlogical" --version)"
export PEERS_SERVERS PEERS_TEMP PEERS_VERSIONS PEERS_BUILT=$built PEERS_OUT=$built/report PEERS_ROOT=$root
export PGWALSTREAM_SERVER_USER=$server_user

runner=
clean_up() {
  trap - EXIT
  # The servers end with the runner.
  if [ -n "$runner" ]; then
    kill "$runner" 2>/dev/null || true
    wait "$runner" 2>/dev/null || true
    sleep 1
  fi
  rm -rf "$PEERS_TEMP"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
# shellcheck disable=SC2154 # set by who sourced this
"$built/release/peers" "$peers_command" "$@" &
runner=$!
rc=0
wait "$runner" || rc=$?
runner=
exit "$rc"
