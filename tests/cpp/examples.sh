#!/usr/bin/env bash
# Runs the C++ examples against a server as a user would, and compares what they print.
#
#   tests/c/with-server.sh 18 -- tests/cpp/examples.sh TAIL CACHE_INVALIDATION
set -uo pipefail
tail_program=$1 cache_program=$2
: "${PGWALSTREAM_TEST_CONNINFO:?run this with tests/c/with-server.sh}" "${PGWALSTREAM_PSQL:?run this with tests/c/with-server.sh}"
conninfo=$PGWALSTREAM_TEST_CONNINFO
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

sql() { for command; do "$PGWALSTREAM_PSQL" -XqAt -v ON_ERROR_STOP=1 -d "$conninfo" -c "$command" >/dev/null || exit 1; done; }
check() { # WHAT COMMAND…
  local what=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "failed: $what" >&2
    head -5 "$work/err" >&2
  fi
}
exits() { # STATUS COMMAND…
  local want=$1 rc=0
  shift
  timeout 60 "$@" >"$work/out" 2>"$work/err" || rc=$?
  [ "$rc" -eq "$want" ] || { echo "exit status $rc, not $want" >&2 && false; }
}
await() { # COMMAND…: until it succeeds
  local end=$((SECONDS + 60))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

sql 'CREATE TABLE products (id bigint PRIMARY KEY, name text, price numeric)' \
  'CREATE PUBLICATION shop FOR TABLE products' \
  "SELECT pg_create_logical_replication_slot('tail', 'pgoutput')"

# --- tail -----------------------------------------------------------------------------------------------------------
check "tail without arguments" exits 2 "$tail_program"
check "tail on a missing slot" exits 1 "$tail_program" "$conninfo" none shop
check "says so" grep -q '^tail: WAL_E_SLOT_MISSING: ' "$work/err"
check "tail with a mistyped option" exits 1 "$tail_program" "$conninfo" tail shop bianry=on
check "is told the right one" grep -q 'binary' "$work/err"
"$tail_program" "$conninfo" tail shop >"$work/out" 2>"$work/err" &
pid=$!
sql "INSERT INTO products VALUES (1, 'bolt', 0.10), (2, NULL, 2)" \
  'UPDATE products SET id = 3 WHERE id = 2' 'DELETE FROM products WHERE id = 3' 'TRUNCATE products'
check "tail prints it all" await grep -q TRUNCATE "$work/out"
check "and the commit" await test "$(grep -c COMMIT "$work/out")" -ge 3
kill -s INT "$pid"
rc=0
wait "$pid" || rc=$?
check "SIGINT ends it with status 0" test "$rc" = 0
cat >"$work/want" <<'TEXT'
BEGIN
RELATION public.products
INSERT public.products new( id='1' name='bolt' price='0.10' )
INSERT public.products new( id='2' name=NULL price='2' )
COMMIT
BEGIN
UPDATE public.products old( id='2' ) new( id='3' name=NULL price='2' )
COMMIT
BEGIN
DELETE public.products old( id='3' )
COMMIT
BEGIN
TRUNCATE public.products
TEXT
check "line by line" cmp "$work/want" <(grep -v PROGRESS "$work/out" | head -13 | sed 's|^[0-9A-F]*/[0-9A-F]* ||')

# --- cache_invalidation ---------------------------------------------------------------------------------------------
sql "INSERT INTO products VALUES (1, 'bolt', 0.10), (2, 'nut', 0.05), (3, 'washer', 0.01)"
check "cache_invalidation without arguments" exits 2 "$cache_program"
coproc cache { timeout 120 "$cache_program" "$conninfo" shop 2>"$work/err"; }
ask() { # ID: the answer is in $answer
  echo "$1" >&"${cache[1]}"
  IFS= read -r -t 60 answer <&"${cache[0]}" || answer="none"
}
answers() { # ID ANSWER
  ask "$1"
  [ "$answer" = "$2" ] || { echo "'$answer', not '$2'" >&2 && false; }
}
check "the first time" answers 1 'miss 1 bolt 0.10'
check "and again" answers 1 'hit 1 bolt 0.10'
check "another" answers 2 'miss 2 nut 0.05'
check "what is not there" answers 9 'miss 9 no such product'
check "no number" answers x 'an id is a number'
sql 'UPDATE products SET price = 0.20 WHERE id = 1'
check "after an update" answers 1 'miss 1 bolt 0.20'
check "and again" answers 1 'hit 1 bolt 0.20'
check "the other is still known" answers 2 'hit 2 nut 0.05'
sql 'UPDATE products SET id = 20 WHERE id = 2'
check "after a change of the key" answers 2 'miss 2 no such product'
check "under its new key" answers 20 'miss 20 nut 0.05'
sql 'DELETE FROM products WHERE id = 1' "INSERT INTO products VALUES (1, 'screw', 0.30)"
check "after a delete and an insert" answers 1 'miss 1 screw 0.30'
sql 'BEGIN; UPDATE products SET price = 9 WHERE id = 20; ROLLBACK'
check "after a rollback" answers 20 'hit 20 nut 0.05'
sql 'TRUNCATE products'
check "after a truncate" answers 1 'miss 1 no such product'
check "nothing is left" answers 20 'miss 20 no such product'
# shellcheck disable=SC2154 # coproc sets it
pid=$cache_PID
eval "exec ${cache[1]}>&-"
rc=0
wait "$pid" || rc=$?
check "the end of its input ends it" test "$rc" = 0

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
