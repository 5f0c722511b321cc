# shellcheck shell=bash
# What the steps of script/test do, one function each. Sourced after common.sh, step.sh and server.sh, in the root folder.
# A function fails, or prints what it looked at: it must never pass without having looked.
# shellcheck disable=SC2154 # root, cache and the servers are from common.sh and script/test

release=$root/build/release # what is shipped
hooks=$root/build/hooks     # the dev profile with hooks and libpq, and C tests under AddressSanitizer
stage=$root/build/stage     # the installed tree, moved, and programs built against it

format() { cargo fmt --check; }

shell() {
  local files folders=(script tests .ci)
  if [ -d bindings ]; then folders+=(bindings); fi
  if [ -d benches ]; then folders+=(benches); fi
  mapfile -t files < <(grep -rlE '^#!.*sh$' "${folders[@]}" && echo script/lib/*.sh | tr ' ' '\n')
  shellcheck -x --severity=warning "${files[@]}"
  echo "${#files[@]} files"
}

c_format() {
  local files
  mapfile -t files < <(find examples-c examples-cpp tests benches bindings -name target -prune -o \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.hpp' \) -print 2>/dev/null)
  [ ${#files[@]} -gt 0 ] || die "no C files"
  clang-format --dry-run --Werror "${files[@]}"
  echo "${#files[@]} files"
}

go_format() {
  local unformatted folders=(bindings/go)
  if [ -d benches/peers/go ]; then folders+=(benches/peers/go); fi
  if [ -d tests/package/go ]; then folders+=(tests/package/go); fi
  unformatted=$(gofmt -l "${folders[@]}")
  [ -z "$unformatted" ] || die "not as gofmt writes it: $unformatted"
  echo "$(find "${folders[@]}" -name '*.go' | wc -l) files"
}

# All features, and the library as most use it.
clippy() {
  cargo clippy --workspace --all-targets --test faults --locked --quiet --all-features -- -D warnings
  cargo clippy --lib --locked --quiet -- -D warnings
}

# Builds all Rust tests at once: one set of features, so that each crate is built once. The backend is chosen by the
# environment when they run.
tests_build() {
  cargo test --workspace --locked --all-features --no-run
  cargo test --locked --all-features --no-run --test faults
}

# rust_tests ARGUMENT…: what tests_build built. Times are printed by libtest's --report-time, which it keeps behind a switch
# for nightly compilers; the switch is set for the tests alone, so that nothing is built anew.
rust_tests() {
  local host
  host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
  env "CARGO_TARGET_${host}_RUNNER=env RUSTC_BOOTSTRAP=1" timeout -k 30 1700 \
    cargo test --workspace --locked --all-features "$@" -Zunstable-options --report-time
}

# Everything that needs no server, or little of one.
unit() {
  rust_tests --lib --test conninfo_agrees_with_libpq --test conninfo_sources_agree_with_libpq --test fuzz_corpora -- --test-threads=4
  rust_tests --test the_backends_have_one_table --test rust_api -- --test-threads=4
}

# Four at a time on two processors: half of them wait for a clock or a server at any moment, and all share one engine thread.
scenarios() { rust_tests --test scenarios -- --test-threads=4; }

# On the newest version, without what waits or is large: for --quick.
scenarios_quick() {
  rust_tests --test scenarios -- --test-threads=6 --skip ::v14 --skip ::v15 --skip ::v16 --skip ::v17 \
    --skip connection:: --skip reconnect:: --skip a_busy_ --skip a_slow_ --skip a_stopping_ --skip a_thousand_ --skip an_idle_ \
    --skip every_committed_ --skip large_ --skip many_streams_ --skip memory_ --skip never_hangs --skip p6_large_transactions \
    --skip status_updates_
}

# Alone: it counts what the process allocates.
allocations() { rust_tests --test steady_state_allocates_nothing --; }

# Scenarios with each of their streams on libpq: those about connections, their loss and their protocol, on the newest
# version; `script/test --long libpq` runs all. Left out is what compares the native session with libpq, and carries no stream.
libpq() {
  PGWALSTREAM_TEST_BACKEND=libpq rust_tests --test scenarios -- --test-threads=4 \
    connection:: reconnect:: protocol:: physical::a_promotion physical::a_lost a_wrong_message_ends_the_stream:: a_wrong_setup_is_named:: --skip ::v14 --skip ::v15 --skip ::v16 --skip ::v17 \
    --skip tls_lets_in_whom --skip scram_is_tied
}

# The command, as a user runs it.
command_tests() { rust_tests --bin pgwalstream --test commands -- --test-threads=4; }

# Everything between writers and a consumer goes wrong. Not beside the other tests: its servers and consumers want the machine.
faults() { rust_tests --test faults -- --test-threads=3 --nocapture; }

doc_tests() { timeout -k 30 900 cargo test --locked --all-features --doc; }

# Licences, bans and sources of all crates. The advisories are a repository that must be fetched: DENY_ADVISORIES=yes, where
# it can be.
deny() {
  deny_need
  # shellcheck disable=SC2154 # from deny_need
  "$deny_tool" --locked --all-features check --hide-inclusion-graph licenses bans sources
  [ "${DENY_ADVISORIES:-}" != yes ] || "$deny_tool" --locked --all-features check advisories
}

rustdoc() { RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --quiet --all-features; }

header() {
  local version macros
  script/header --check
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
  macros=$(sed -n 's/^#define WAL_VERSION_\(MAJOR\|MINOR\|PATCH\) //p' include/pgwalstream.h | paste -sd.)
  [ "$version" = "$macros" ] || die "Cargo.toml says version $version, the header $macros"
}

# Links, paths, cited pages and tests, programs and numbers of the documentation; and that the check notices what is wrong.
docs() {
  local folder
  script/lib/check-docs
  folder=$(mktemp -d)
  mkdir "$folder/docs"
  # shellcheck disable=SC2016 # Markdown
  printf '[there](docs/a.md#a-heading)\n' >"$folder/README.md"
  printf '# A heading\n' >"$folder/docs/a.md"
  script/lib/check-docs --links "$folder" || die "a right link is called wrong"
  printf '[no page](docs/b.md)\n[no heading](docs/a.md#another)\n' >>"$folder/README.md"
  if script/lib/check-docs --links "$folder" >"$folder/found"; then die "wrong links are called right"; fi
  [ "$(grep -c 'leads nowhere\|has no heading' "$folder/found")" -eq 2 ] || die "of two wrong links it found: $(cat "$folder/found")"
  printf 'One two three four five six seven eight nine ten, one two three four five six seven eight nine ten, a b c d e.\n' >"$folder/words.md"
  script/lib/check-docs --words "$folder/words.md" || die "a sentence of 25 words is called long"
  sed -i 's/ a b/ a and b/' "$folder/words.md"
  if script/lib/check-docs --words "$folder/words.md"; then die "a sentence of 26 words is called short"; fi
  rm -r "$folder"
}

# The release script works on this commit: in a copy, which is thrown away.
release_dry_run() {
  local version next
  mkdir -p build
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
  next=$(awk -F. '{ print $1 "." $2 + 1 ".0" }' <<<"$version")
  script/release "$next" --dry-run | tee build/release.out
  grep -qx "bindings/go/v$next" build/release.out || die "there is no tag for Go"
  grep -q "^[0-9a-f]\{64\}  pgwalstream-$next.tar.gz$" build/release.out || die "there is no tarball"
  ! git rev-parse -q --verify "refs/tags/v$next" >/dev/null || die "the dry run left a tag"
  if script/release "$version" --dry-run; then die "a version that is not greater is taken"; fi
}

header_matrix() { tests/package/header-matrix include bindings/cpp; }

configure() { # FOLDER ARGUMENT…
  local folder=$1
  shift
  cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release "$@" >/dev/null
  cmake --build "$folder" -j "$(nproc)"
}

release_build() { configure "$release" -DPGWALSTREAM_TEST_HOOKS=OFF; }

# Each program has a server of its own; more of them than processors, since they wait more than they work.
run_ctest() { timeout -k 30 1500 ctest --test-dir "$1" -j 4 --output-on-failure --no-tests=error --timeout 600; }

release_ctest() { run_ctest "$release"; }

artifacts() {
  local soname
  tests/package/artifacts "$release"
  # cargo's own shared library, for those who build without CMake: the tests have built it already
  cargo build --locked --quiet --all-features
  soname=$(readelf -dW "${CARGO_TARGET_DIR:-target}/debug/libpgwalstream.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
  [ "$soname" = libpgwalstream.so.0 ] || die "cargo's shared library has the SONAME '$soname'"
}

consumers() { tests/package/consumers "$release" "$stage"; }

go_binding() { bindings/go/test.sh "$release" build/go; }

readme() {
  local flags
  PKG_CONFIG_PATH=$(dirname "$(find "$stage/moved" -name pgwalstream.pc)")
  export PKG_CONFIG_PATH
  read -ra flags < <(pkg-config --cflags --libs pgwalstream)
  script/lib/readme-program >"$stage/readme.c"
  script/lib/readme-program docs/guide.md >"$stage/guide.c"
  awk '/^```cpp$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' bindings/cpp/README.md >"$stage/readme.cpp"
  cc -std=c11 -Wall -Wextra -Wpedantic -Werror "$stage/readme.c" -o "$stage/readme" "${flags[@]}"
  cc -std=c11 -Wall -Wextra -Wpedantic -Werror "$stage/guide.c" -o "$stage/guide" "${flags[@]}"
  c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror "$stage/readme.cpp" -o "$stage/readme-cpp" "${flags[@]}"
  # The module that tests/package/consumers left beside the tree.
  rm -rf "$stage/readme-go"
  cp -r "$stage/go" "$stage/readme-go"
  awk '/^```go$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' bindings/go/README.md >"$stage/readme-go/main.go"
  GOFLAGS=-buildvcs=false go -C "$stage/readme-go" build -o "$stage/readme-go/program" .
  echo "the programs of the READMEs and the guide compile and link"
}

# One scenario through each of the languages, built against the installed tree: all must be there, and print the same.
languages() {
  local folder=$root/build/languages libdir flags
  libdir=$(dirname "$(find "$stage/moved" -name libpgwalstream.so)")
  export PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=$libdir
  read -ra flags < <(pkg-config --cflags --libs pgwalstream)
  mkdir -p "$folder"
  cc -std=c11 -O1 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror tests/languages/runner.c -o "$folder/c" "${flags[@]}"
  cc -std=c11 -O1 -DRUNNER_BATCHES -Wall -Wextra -Werror tests/languages/runner.c -o "$folder/c-batches" "${flags[@]}"
  c++ -std=c++17 -O1 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror tests/languages/runner.cpp -o "$folder/cpp" "${flags[@]}"
  (cd bindings/go && go build -o "$folder/go" ./internal/scenario)
  tests/languages/run "$folder/c" "$folder/c-batches" "$folder/cpp" "$folder/go"
}

doxygen_check() {
  rm -rf build/doc
  mkdir -p build/doc
  (
    cat script/lib/Doxyfile
    echo "OUTPUT_DIRECTORY = build/doc"
  ) | doxygen -
  mkdir -p build/doc/cpp
  (
    cat script/lib/Doxyfile-cpp
    echo "OUTPUT_DIRECTORY = build/doc/cpp"
  ) | doxygen - 2>build/doc/cpp/log
  if grep -vE ' Member ((begin|end|size|empty|operator[^ ]*)\(|operator |(iterator|value_type) \(typedef|[a-z]+\(([a-z]+ &&|const error &))' build/doc/cpp/log; then
    die "the C++ headers are not documented"
  fi
  echo "references: build/doc/html/index.html, build/doc/cpp/html/index.html"
}

# A server of its own, with the demo's tables and changes waiting in a slot of each example's.
with_workload() { # COMMAND…
  trap server_stop EXIT
  server_start "$PGWALSTREAM_SERVERS" 18
  server_sql -f script/lib/demo-setup.sql >/dev/null
  server_sql -c "SELECT pg_create_logical_replication_slot(s, 'pgoutput') FROM unnest('{batch_slot,epoll_slot}'::text[]) s" >/dev/null
  server_sql -f script/lib/demo-workload.sql >/dev/null
  "$@"
  server_stop
  trap - EXIT
}

examples_under() { # WRAPPER…: each read the first changes that wait
  "$@" "$release/examples/wal_tail" --count 10 "$server_conninfo" demo_slot demo_pub | tee build/wal_tail.out
  python3 - build/wal_tail.out <<'PYTHON'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
changes = [e for e in events if e["kind"] in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "MESSAGE")]
assert len(changes) >= 10, f"{len(changes)} changes"
assert changes[0]["new"]["customer"] == "Ada", changes[0]
assert events[-1]["kind"] == "COMMIT", events[-1]
print(f"{len(events)} lines, all JSON")
PYTHON
  "$@" "$release/examples/wal_batch" --count 10 "$server_conninfo" batch_slot demo_pub
  "$@" "$release/examples/wal_epoll" --also batch_slot --count 1 --timeout 5 "$server_conninfo" epoll_slot demo_pub >/dev/null
}

valgrind_examples() {
  with_workload examples_under valgrind --quiet --error-exitcode=99 --leak-check=full \
    --show-leak-kinds=definite --errors-for-leak-kinds=definite
}

demo() {
  script/demo | tee build/demo.out
  tail -1 build/demo.out | grep -q '^demo: [0-9]* events shown'
}

asan_proof() {
  mkdir -p build
  cc -fsanitize=address,undefined -g tests/package/asan-proof.c -o build/asan-proof
  if build/asan-proof 2>build/asan-proof.log; then die "AddressSanitizer did not notice an overflow"; fi
  grep -m1 'AddressSanitizer: heap-buffer-overflow' build/asan-proof.log
}

# The library with the hooks and with libpq, in cargo's own folder and the dev profile, whose crates the tests have built
# already; and a second one without either, which shares that folder: neither has the other's archive, whichever is built
# after the other.
hooks_build() {
  # Without optimization: with the sanitizers g++ takes five times as long to optimize the C++ tests.
  local static arguments=(-DPGWALSTREAM_CARGO_PROFILE=dev -DCMAKE_BUILD_TYPE=Debug)
  local -x CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
  configure "$hooks" "${arguments[@]}" -DPGWALSTREAM_TEST_HOOKS=ON -DPGWALSTREAM_LIBPQ=ON "-DPGWALSTREAM_TEST_SANITIZE=address,undefined"
  configure "$root/build/no-libpq" "${arguments[@]}" -DBUILD_TESTING=OFF
  rm "$hooks/rust/libpgwalstream.a"
  cmake --build "$hooks" -j "$(nproc)"
  readelf -dW "$hooks/libpgwalstream.so" | grep 'NEEDED.*libpq\.so' || die "the shared library does not need libpq"
  if readelf -dW "$root/build/no-libpq/libpgwalstream.so" | grep 'NEEDED.*libpq\.so'; then
    die "a library that was built without libpq needs it"
  fi
  static=$(PKG_CONFIG_PATH=$hooks pkg-config --static --libs pgwalstream)
  case $static in *-lpq*) ;; *) die "pgwalstream.pc does not name libpq: $static" ;; esac
}

asan_ctest() {
  local program checked=0
  # Every program that ctest runs has the sanitizer in it.
  while read -r program; do
    nm -D "$program" | grep __asan_init >/dev/null || die "$program is built without AddressSanitizer"
    checked=$((checked + 1))
  done < <(find "$hooks" -path "$hooks/cargo" -prune -o -path "$hooks/CMakeFiles" -prune -o -type f -perm -u+x ! -name '*.so*' -print)
  [ "$checked" -gt 0 ] || die "no programs in $hooks"
  echo "$checked programs, all with AddressSanitizer"
  ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 run_ctest "$hooks"
}
