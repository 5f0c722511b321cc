#!/usr/bin/env bash
# Runs the examples against a server as a user would and looks at what they print.
#
#   tests/c/with-server.sh 18 -- tests/c/examples.sh WAL_TAIL WAL_BATCH WAL_EPOLL WAL_REPLAY WAL_ONCE WAL_RECEIVE [WRAPPER…]
#
# WRAPPER, valgrind say, runs each. The last line is "N passed, N failed".
# shellcheck disable=SC2016 # Python in single quotes
set -uo pipefail
tail_program=$1 batch_program=$2 epoll_program=$3 replay_program=$4 once_program=$5 receive_program=$6 load_program=$7
shift 7
wrapper=("$@")
: "${PGWALSTREAM_TEST_CONNINFO:?run this with tests/c/with-server.sh}" "${PGWALSTREAM_PSQL:?run this with tests/c/with-server.sh}"
conninfo=$PGWALSTREAM_TEST_CONNINFO
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

sql() { for command; do "$PGWALSTREAM_PSQL" -XqAt -v ON_ERROR_STOP=1 -d "$conninfo" -c "$command" || exit 1; done; }
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
run_tail() { timeout 60 "${wrapper[@]}" "$tail_program" "$@" >"$work/out" 2>"$work/err"; }
run_epoll() { timeout 60 "${wrapper[@]}" "$epoll_program" "$@" >"$work/out" 2>"$work/err"; }
run_batch() { timeout 60 "${wrapper[@]}" "$batch_program" "$@" >"$work/out" 2>"$work/err"; }
run_once() { timeout 60 "${wrapper[@]}" "$once_program" "$@" >"$work/out" 2>"$work/err"; }
run_receive() { timeout 60 "${wrapper[@]}" "$receive_program" "$@" >"$work/out" 2>"$work/err"; }
run_load() { timeout 60 "${wrapper[@]}" "$load_program" "$@" >"$work/out" 2>"$work/err"; }
run_replay() { timeout 60 "${wrapper[@]}" "$replay_program" "$@" >"$work/out" 2>"$work/err"; }
exits() { # STATUS COMMAND…
  local want=$1 rc=0
  shift
  "$@" || rc=$?
  [ "$rc" -eq "$want" ] || { echo "exit status $rc, not $want" >&2 && false; }
}
# An expression about the events that were printed, as a list of dicts.
events() {
  python3 - "$work/out" "$1" <<'PYTHON'
import json, sys
def once(pairs):
    keys = [k for k, _ in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)
es = [json.loads(line, object_pairs_hook=once) for line in open(sys.argv[1], encoding="utf-8")]
def of(kind): return [e for e in es if e["kind"] == kind]
if not eval(sys.argv[2]):
    print(*es, sep="\n", file=sys.stderr)
    sys.exit(1)
PYTHON
}
slot_at() { sql "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '$1'"; }

# --- The command line ---------------------------------------------------------------------------------------------
for program in run_tail run_batch run_epoll; do
  check "$program --help" exits 0 $program --help
  check "$program --help names every option" grep -q 'close_timeout' "$work/out"
  check "$program --version" exits 0 $program --version
  check "$program without arguments" exits 2 $program
  check "$program with an unknown option" exits 2 $program --nonsense a b c
  check "$program with too much" exits 2 $program a b c d
  check "$program with a bad count" exits 2 $program --count x a b c
  check "$program with a bad timeout" exits 2 $program --timeout -1 a b c
  check "$program with a missing value" exits 2 $program a b c --count
  check "$program with a mistyped library option" exits 2 $program --option slott=x a b c
  check "and is told the right one" grep -q '"slot"' "$work/err"
  check "$program on a missing slot" exits 1 $program "$conninfo" none none
  check "and is told what to do" grep -q '  hint: ' "$work/err"
done

# --- wal_tail -----------------------------------------------------------------------------------------------------
sql 'CREATE TABLE "Odd.name" (id int PRIMARY KEY, b bool, i8 int8, f float8, n numeric, t text, y bytea, big text)' \
  'ALTER TABLE "Odd.name" ALTER big SET STORAGE EXTERNAL' \
  'CREATE PUBLICATION ex FOR TABLE "Odd.name"' \
  "SELECT pg_create_logical_replication_slot(s, 'pgoutput') FROM unnest('{ex,ex_binary,ex_batch,ex_pipe,ex_int,ex_capture,ex_parts,ex_full}'::text[]) s" >/dev/null
sql "INSERT INTO \"Odd.name\" VALUES (1, true, 9223372036854775807, 1e300, 1.50, E'q\" b\\\\ n\n t\t \x01 \u20ac \U0001F600', '\xff00', repeat('z', 100000)), (2, NULL, NULL, 'NaN', NULL, '', '', NULL)" \
  'UPDATE "Odd.name" SET t = NULL WHERE id = 1' \
  'UPDATE "Odd.name" SET id = 3 WHERE id = 2' \
  'DELETE FROM "Odd.name" WHERE id = 3' \
  "SELECT pg_logical_emit_message(true, 'p', 'inside')" \
  'TRUNCATE "Odd.name" CASCADE' \
  "SELECT pg_logical_emit_message(false, 'p', E'\\\\xff80'::bytea)" \
  'INSERT INTO "Odd.name" (id) VALUES (9), (10)' >/dev/null

check "wal_tail" exits 0 run_tail --messages --count 9 --timeout 10 "$conninfo" ex ex
check "the transaction of the last change is whole" events 'es[-1]["kind"] == "COMMIT" and of("INSERT")[-1]["new"]["id"] == 10'
check "relation" events '(of("RELATION")[0]["schema"], of("RELATION")[0]["table"]) == ("public", "Odd.name") and of("RELATION")[0]["columns"][0] == {"name": "id", "type": "integer", "type_oid": 23, "typmod": -1, "key": True}'
check "types" events 'of("INSERT")[0]["new"] | {"big": 0} == {"id": 1, "b": True, "i8": 2**63 - 1, "f": 1e300, "n": 1.5, "t": "q\" b\\ n\n t\t \x01 \u20ac \U0001F600", "y": "\\xff00", "big": 0}'
check "nulls" events 'of("INSERT")[1]["new"] == {"id": 2, "b": None, "i8": None, "f": "NaN", "n": None, "t": "", "y": "\\x", "big": None}'
check "unchanged" events 'of("UPDATE")[0]["unchanged"] == ["big"] and "big" not in of("UPDATE")[0]["new"] and of("UPDATE")[0]["new"]["t"] is None'
check "old key" events 'of("UPDATE")[1]["key"] == {"id": 2} and "old" not in of("UPDATE")[1]'
check "truncate" events 'of("TRUNCATE")[0]["tables"] == [{"schema": "public", "table": "Odd.name"}] and of("TRUNCATE")[0]["cascade"] and not of("TRUNCATE")[0]["restart_identity"]'
check "messages" events '[(m["transactional"], m["content"]) for m in of("MESSAGE")] == [(True, "inside"), (False, {"$binary": "ff80"})]'
check "identity and time" events 'all(e["commit_time"].endswith("+00:00") and e["commit_time"].startswith("20") and e["xid"] and e["sequence"] >= 0 for e in of("INSERT"))'
check "the summary" grep -q 'wal_tail: [0-9]* events printed, 10 changes received' "$work/err"
check "nothing comes twice" exits 0 run_tail --changes-only --timeout 0.5 "$conninfo" ex ex
check "and nothing was left" events 'es == []'

check "wal_tail --binary" exits 0 run_tail --binary --changes-only --count 2 --timeout 10 "$conninfo" ex_binary ex
check "only changes" events '{e["kind"] for e in es} == {"INSERT"}'
check "types from binary" events 'of("INSERT")[0]["new"] | {"big": 0} == {"id": 1, "b": True, "i8": 2**63 - 1, "f": 1e300, "n": 1.5, "t": "q\" b\\ n\n t\t \x01 \u20ac \U0001F600", "y": "\\xff00", "big": 0}'
check "a binary NaN" events 'of("INSERT")[1]["new"]["f"] == "NaN"'

# A reader that goes away: an error, and nothing of it acknowledged.
sql 'INSERT INTO "Odd.name" (id, t) SELECT g, repeat(g::text, 100) FROM generate_series(1001, 2000) g'
before=$(slot_at ex_pipe)
rc=0
{ timeout 60 "${wrapper[@]}" "$tail_program" --option status_interval=100ms "$conninfo" ex_pipe ex 2>"$work/err" || echo $? >"$work/rc"; } | true
check "a closed pipe ends it with status 1" test "$(cat "$work/rc" 2>/dev/null)" = 1
check "and acknowledges nothing" test "$before" = "$(slot_at ex_pipe)"
rc=0
timeout 60 "${wrapper[@]}" "$tail_program" --timeout 5 "$conninfo" ex_pipe ex >/dev/full 2>"$work/err" || rc=$?
check "so does a full disk" test "$rc" = 1
check "and acknowledges nothing" test "$before" = "$(slot_at ex_pipe)"

# Ctrl-C.
for signal in INT TERM; do
  "${wrapper[@]}" "$tail_program" "$conninfo" ex_int ex >"$work/out" 2>"$work/err" &
  pid=$!
  for _ in {1..100}; do
    grep -q '"COMMIT"' "$work/out" && break
    sleep 0.1
  done
  sleep 0.3
  # A background job of a script ignores SIGINT until the program asks for it, which wal_tail does.
  kill -s "$signal" "$pid"
  rc=0
  wait "$pid" || rc=$?
  check "SIG$signal ends it with status 0" test "$rc" = 0
  check "and a summary" grep -q 'events printed' "$work/err"
  sql 'INSERT INTO "Odd.name" (id) SELECT max(id) + 1 FROM "Odd.name"'
done

# --- wal_batch ----------------------------------------------------------------------------------------------------
check "wal_batch" exits 0 run_batch --timeout 1 "$conninfo" ex_batch ex
check "its lines" grep -Eq '^rows [0-9]+ columns [0-9]+ bytes [0-9]+ seconds [0-9.]+ user [0-9.]+ system [0-9.]+$' "$work/out"
check "the inserts, updates and deletes" grep -Eq '^public\.Odd\.name +1006 +2 +1 +[0-9]+$' "$work/out"
check "max RSS" grep -Eq '^max RSS [0-9]+ kB$' "$work/out"
check "nothing comes twice" exits 0 run_batch --timeout 0.5 "$conninfo" ex_batch ex
check "and nothing was left" grep -q '^rows 0 ' "$work/out"
sql 'INSERT INTO "Odd.name" (id) SELECT g FROM generate_series(5001, 5500) g'
check "wal_batch --count" exits 0 run_batch --count 10 --option batch_events=16 --timeout 10 "$conninfo" ex_batch ex
# The batch of the 10th row is counted whole, and a batch of 16 may bring BEGIN and RELATION besides.
check "ends" grep -Eq '^rows (1[0-9]|2[0-7]) ' "$work/out"

# --- wal_replay ---------------------------------------------------------------------------------------------------
check "wal_replay --help" exits 0 run_replay --help
check "wal_replay --help names every option" grep -q 'replay_pace' "$work/out"
check "wal_replay --version" exits 0 run_replay --version
check "wal_replay without arguments" exits 2 run_replay
check "wal_replay with an unknown option" exits 2 run_replay --nonsense x
check "wal_replay with files that are none" exits 1 run_replay "$work/none" "$work/none"
check "wal_replay without the file" exits 1 run_replay "$work/none"
check "a captured session" exits 0 run_tail --messages --option capture_file="$work/capture" --count 1500 --timeout 10 "$conninfo" ex_capture ex
grep -v '"PROGRESS"' "$work/out" >"$work/live"
check "wal_replay" exits 0 run_replay "$work/capture"
# What was received and not printed any more comes too.
head -n "$(wc -l <"$work/live")" "$work/out" >"$work/same"
check "gives what wal_tail gave" cmp "$work/live" "$work/same"
check "and more than nothing" test "$(wc -l <"$work/live")" -gt 1500
check "wal_replay --recorded --count" exits 0 run_replay --recorded --changes-only --count 3 "$work/capture"
check "ends there" events 'len(es) == 3 and {e["kind"] for e in es} == {"INSERT", "UPDATE"}'
check "a capture is not overwritten" exits 1 run_tail --option capture_file="$work/capture" "$conninfo" ex_capture ex
check "a captured session in files" exits 0 run_tail --messages --option capture_file="$work/part-%n" --option capture_rotate=64kB --count 1500 --timeout 10 "$conninfo" ex_parts ex
grep -v '"PROGRESS"' "$work/out" >"$work/parts"
check "several of them" test -e "$work/part-000002"
check "wal_replay of all" exits 0 run_replay "$work"/part-*
check "gives what wal_tail gave again" cmp "$work/parts" <(head -n "$(wc -l <"$work/parts")" "$work/out")
head -c -1 "$work/capture" >"$work/cut"
check "a cut capture" exits 1 run_replay "$work/cut"
check "is said to be one" grep -q 'WAL_E_CAPTURE: the capture ends at offset [0-9]*' "$work/err"
check "behind all that is whole" cmp "$work/live" <(head -n "$(wc -l <"$work/live")" "$work/out")

# No room: an error, nothing of it hidden, nothing lost. The limit is of the file size, in blocks of 1024 bytes.
(
  ulimit -f 64
  exec timeout 60 "${wrapper[@]}" "$tail_program" --option capture_file="$work/full" --timeout 10 "$conninfo" ex_full ex 2>&1 >/dev/null
) | cat >"$work/err"
rc=${PIPESTATUS[0]}
check "a full disk ends it with status 1" test "$rc" = 1
check "and says so" grep -q 'WAL_E_CAPTURE: cannot write the capture file' "$work/err"
check "what was captured before is good" exits 1 run_replay "$work/full"
check "up to there" grep -q 'WAL_E_CAPTURE: the capture ends at offset [0-9]*, before its end mark' "$work/err"
check "without a capture it goes on" exits 0 run_tail --changes-only --timeout 2 "$conninfo" ex_full ex
check "to the last change" events 'es[-1]["new"]["id"] == 5500'

# --- wal_epoll ----------------------------------------------------------------------------------------------------
sql "SELECT pg_create_logical_replication_slot(s, 'pgoutput') FROM unnest('{ex_a,ex_b}'::text[]) s" >/dev/null
sql 'INSERT INTO "Odd.name" (id) SELECT g FROM generate_series(110001, 120000) g' \
  'DO $$ BEGIN FOR i IN 7001..7200 LOOP INSERT INTO "Odd.name" (id) VALUES (i); COMMIT; END LOOP; END $$'
ids() { # SLOT: the ids that it printed, in order
  sed -n "s/^$1\t//p" "$work/out" | grep '"INSERT"' | grep -o '"id":[0-9]*' | cut -d: -f2
}
want=$(seq 110001 120000 && seq 7001 7200)
check "wal_epoll with --also and no slot" exits 2 run_epoll --also
check "wal_epoll on two slots" exits 0 run_epoll --also ex_b --timeout 2 "$conninfo" ex_a ex
check "each gives every row once, in order" test "$(ids ex_a)" = "$want" -a "$(ids ex_b)" = "$want"
check "both have their turns" test "$(cut -f1 "$work/out" | uniq | wc -l)" -gt 2
check "nothing comes twice" exits 0 run_epoll --also ex_b --timeout 0.5 "$conninfo" ex_a ex
check "and nothing was left" test -z "$(ids ex_a)$(ids ex_b)"
sql 'INSERT INTO "Odd.name" (id) SELECT g FROM generate_series(8001, 8010) g'
check "wal_epoll --count" exits 0 run_epoll --also ex_b --count 15 --timeout 20 "$conninfo" ex_a ex
check "is reached" grep -q 'wal_epoll: 20 changes received' "$work/err"
check "wal_epoll with a slot that is missing" exits 1 run_epoll --also no_such_slot "$conninfo" ex_a ex

# A server that ends one of the streams leaves the other; SIGTERM ends it all.
"${wrapper[@]}" "$epoll_program" --option reconnect=off --also ex_b "$conninfo" ex_a ex >"$work/out" 2>"$work/err" &
pid=$!
active() { sql "SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name IN ('ex_a', 'ex_b')"; }
await() { # SECONDS COMMAND…: until it succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}
both_active() { [ "$(active)" = 2 ]; }
check "both slots are followed" await 30 both_active
sql "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'ex_a'" >/dev/null
check "the end of one is told" await 30 grep -q 'slot ex_a' "$work/err"
sql 'INSERT INTO "Odd.name" (id) VALUES (9001)'
check "and the other goes on" await 30 grep -q '^ex_b.*9001' "$work/out"
kill -s TERM "$pid"
rc=0
wait "$pid" || rc=$?
check "SIGTERM ends it" test "$rc" = 0

# Connected again by itself: the line says why, and nothing is missing.
"${wrapper[@]}" "$tail_program" --timeout 60 "$conninfo" ex_a ex >"$work/out" 2>"$work/err" &
pid=$!
follows() { [ "$(sql "SELECT active FROM pg_replication_slots WHERE slot_name = 'ex_a'")" = t ]; }
check "wal_tail follows the slot" await 30 follows
sql "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'ex_a'" >/dev/null
check "it is connected again" await 30 grep -q '"RECONNECTED".*"attempts":[0-9]*,"status":"WAL_E_SERVER_SHUTDOWN","message":"' "$work/out"
sql 'INSERT INTO "Odd.name" (id) VALUES (9002)'
check "and goes on" await 30 grep -q '"id":9002' "$work/out"
kill -s TERM "$pid"
rc=0
wait "$pid" || rc=$?
check "SIGTERM ends that too" test "$rc" = 0

# --- wal_once -----------------------------------------------------------------------------------------------------
check "wal_once --help" exits 0 run_once --help
check "wal_once without arguments" exits 2 run_once
check "wal_once without FILE" exits 2 run_once --count 1 "$conninfo" ex_once ex_once
check "wal_once with a file that cannot be made" exits 1 run_once "$work/none/store" "$conninfo" ex_once ex_once
sql 'CREATE TABLE once (id int PRIMARY KEY)' 'CREATE PUBLICATION ex_once FOR TABLE once' \
  "SELECT pg_create_logical_replication_slot('ex_once', 'pgoutput')" >/dev/null
store=$work/store
rows() { grep -o '"new":{"id":[0-9]*' "$store" | grep -o '[0-9]*$'; }
each_once() { # N: rows 1 to N are there, each once, in order
  cmp -s <(rows) <(seq "$1")
}
# Killed in the middle again and again, of it and of a transaction.
for round in 1 2 3 4 5; do
  sql "INSERT INTO once SELECT generate_series($((round * 200 - 199)), $((round * 200 - 100)))"
  "${wrapper[@]}" "$once_program" "$store" "$conninfo" ex_once ex_once >"$work/out" 2>"$work/err" &
  pid=$!
  for id in $(seq $((round * 200 - 99)) $((round * 200))); do echo "INSERT INTO once VALUES ($id);"; done |
    "$PGWALSTREAM_PSQL" -XqAt -v ON_ERROR_STOP=1 -d "$conninfo"
  kill -s KILL "$pid"
  wait "$pid" 2>/dev/null
  printf '{"kind":"INSERT","new":{"id":' >>"$store"
done
released() { [ "$(sql "SELECT active FROM pg_replication_slots WHERE slot_name = 'ex_once'")" = f ]; }
check "the slot is free" await 30 released
check "wal_once goes on" exits 0 run_once "$store" --timeout 1 "$conninfo" ex_once ex_once
check "each row once" each_once 1000
# An idle hour: the slot moves no further than what is stored.
sql 'CREATE TABLE noise AS SELECT generate_series(1, 1000) n'
check "an idle run" exits 0 run_once "$store" --option status_interval=50ms --timeout 1 "$conninfo" ex_once ex_once
sql 'INSERT INTO once VALUES (1001)'
check "and another" exits 0 run_once "$store" --timeout 1 "$conninfo" ex_once ex_once
check "each row once still" each_once 1001
# A file that is older than the slot.
head -1 "$store" >"$work/old" && grep -m1 '^position ' "$store" >>"$work/old"
check "an old file is refused" exits 1 run_once "$work/old" "$conninfo" ex_once ex_once
check "and called a gap" grep -q 'WAL_E_GAP' "$work/err"

# --- wal_load -----------------------------------------------------------------------------------------------------
check "wal_load --help" exits 0 run_load --help
check "wal_load without TARGET" exits 2 run_load --timeout 1 "$conninfo" ex_load ex_load
sql 'CREATE DATABASE ex_target' 'CREATE TABLE load (id int PRIMARY KEY, t text)' 'CREATE TABLE "Load ""2" (id int PRIMARY KEY)' \
  'CREATE PUBLICATION ex_load FOR TABLE load, "Load ""2"' \
  "INSERT INTO load SELECT g, repeat(E'a\\\\b', 100) || g FROM generate_series(1, 20000) g" \
  'INSERT INTO "Load ""2" SELECT generate_series(1, 100)' >/dev/null
target="$conninfo dbname=ex_target"
in_target() { "$PGWALSTREAM_PSQL" -XqAt -v ON_ERROR_STOP=1 -d "$target" -c "$1"; }
in_target 'CREATE TABLE load (id int PRIMARY KEY, t text)'
in_target 'CREATE TABLE "Load ""2" (id int PRIMARY KEY)'
# Killed in the middle of the rows and of the changes, while somebody writes.
for round in 1 2 3 4 5; do
  "${wrapper[@]}" "$load_program" "$target" --option snapshot_item_size=64kB "$conninfo" ex_load ex_load >"$work/out" 2>"$work/err" &
  pid=$!
  for id in $(seq $((100000 + round * 100)) $((100099 + round * 100))); do
    echo "INSERT INTO load VALUES ($id, 'new'); UPDATE load SET t = t || 'u' WHERE id = $id - 100000; DELETE FROM load WHERE id = $id - 90000;"
  done | "$PGWALSTREAM_PSQL" -XqAt -v ON_ERROR_STOP=1 -d "$conninfo"
  sleep "0.$round"
  kill -s KILL "$pid"
  wait "$pid" 2>/dev/null
  load_released() { [ "$(sql "SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name = 'ex_load'")" = 0 ]; }
  check "the slot is free after kill $round" await 30 load_released
done
check "wal_load goes on" exits 0 run_load "$target" --timeout 2 "$conninfo" ex_load ex_load
same() { # TABLE
  local query="SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t.id)) FROM $1 t"
  [ "$(sql "$query")" = "$(in_target "$query")" ]
}
check "the tables are the same" same load
check "each of them" same '"Load ""2"'
sql 'UPDATE load SET id = -id WHERE id < 10' 'TRUNCATE "Load ""2"'
check "and another run" exits 0 run_load "$target" --timeout 1 "$conninfo" ex_load ex_load
check "keeps them so" same load
check "and the truncated one" same '"Load ""2"'

# A commit may bear any time that the server knows: an origin says which.
sql "SELECT pg_create_logical_replication_slot('ex_time', 'pgoutput')" >/dev/null
sql "SELECT pg_replication_origin_create('ex_origin')" >/dev/null
sql "SELECT pg_replication_origin_session_setup('ex_origin'); BEGIN; SELECT pg_replication_origin_xact_setup('0/1', '294276-12-31 23:59:59.999999+00'); INSERT INTO \"Odd.name\" (id) VALUES (900001); COMMIT; BEGIN; SELECT pg_replication_origin_xact_setup('0/2', '4713-01-01 00:00:00.5+00 BC'); INSERT INTO \"Odd.name\" (id) VALUES (900002); COMMIT" >/dev/null
check "the last time and the first" exits 0 run_tail --count 2 --timeout 10 "$conninfo" ex_time ex
check "are told" grep -q '"commit_time":"294276-12-31T23:59:59.999999+00:00"' "$work/out"
check "both" grep -q '"commit_time":"4713-01-01T00:00:00.5+00:00 BC"' "$work/out"

# --- wal_receive --------------------------------------------------------------------------------------------------
check "wal_receive --help" exits 0 run_receive --help
check "wal_receive without arguments" exits 2 run_receive
check "wal_receive with an option that is none" exits 2 run_receive "$work/archive" "$conninfo" nonsense=1
begin=$(sql 'SELECT pg_current_wal_flush_lsn()')
sql 'CREATE TABLE received (id int)' 'SELECT pg_switch_wal()' 'INSERT INTO received VALUES (1)' >/dev/null
end=$(sql 'SELECT pg_current_wal_flush_lsn()')
check "wal_receive receives" exits 0 run_receive "$work/archive" "$conninfo" ex_receive start_lsn="$begin" stop_lsn="$end"
segment=$(sql "SELECT pg_walfile_name('$begin')")
check "its segment is told" grep -q "^segment $segment$" "$work/out"
check "the archive is sound" exits 0 run_receive --check "$work/archive"
check "it has the segment" exits 0 run_receive --fetch "$work/archive" "$segment" "$work/fetched"
check "all of it" test "$(stat -c %s "$work/fetched")" -eq 16777216
check "it does not have another" exits 1 run_receive --fetch "$work/archive" 00000009.history "$work/fetched"
check "a name that is none is an error" exits 126 run_receive --fetch "$work/archive" ../x "$work/fetched"
printf x | dd of="$work/archive/$segment" bs=1 seek=8 conv=notrunc 2>/dev/null
check "a damage is found" exits 1 run_receive --check "$work/archive"
sql "SELECT pg_drop_replication_slot('ex_receive')" >/dev/null

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
