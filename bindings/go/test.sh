#!/usr/bin/env bash
# Runs all tests of the Go binding against a build.
#
#   bindings/go/test.sh BUILD-FOLDER [WORK-FOLDER]
#
# The build is installed into WORK-FOLDER (BUILD-FOLDER/go), where Go finds it through pkg-config as it would anywhere.
# Servers are those of PGWALSTREAM_SERVERS, as for tests/c/with-server.sh. The test cache never counts: it does not see
# the shared library change.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../../script/lib/common.sh
. "$here/../../script/lib/common.sh"

[ $# -ge 1 ] || die "usage: test.sh BUILD-FOLDER [WORK-FOLDER]"
go_need
build=$(cd "$1" && pwd -P)
stage=${2:-$build/go}
mkdir -p "$stage"
stage=$(cd "$stage" && pwd -P)
cmake --install "$build" --prefix "$stage" >/dev/null
libdir=$(dirname "$(find "$stage" -name libpgwalstream.a | head -1)")
export PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=$libdir GOFLAGS=-buildvcs=false
cd "$here"

say() { printf '\n-- %s\n' "$*"; }
beside() { # VERSION COMMAND…
  local version=$1
  shift
  timeout -k 30 600 "$here/../../tests/c/with-server.sh" "$version" -- "$@"
}

say "go vet"
for tags in pgwalstream_reference walgc,pgwalstream_static; do go vet -tags "$tags" ./...; done

say "the tests and the examples, with a thousand streams; the accessors against the library's"
PGWALSTREAM_SERVER_SETTINGS="max_wal_senders=1050 max_replication_slots=1050 shared_buffers=16MB" \
  PGWALSTREAM_TEST_STREAMS=1000 beside 18 go test -count=1 -tags pgwalstream_reference -v ./... |
  grep --line-buffered -vE '^(=== (RUN|PAUSE|CONT)|\?)'

say "the race detector, on the oldest server"
beside 14 go test -count=1 -race .

say "the static archive, with the checks of what is given to C (cgocheck2) and the collector running all the time"
GOEXPERIMENT=cgocheck2 beside 18 go test -count=1 -tags walgc,pgwalstream_static .
