# shellcheck shell=bash
# The long parts of script/test, one function each, named long_PART; a comment line above each says what it is. Each runs
# alone, is given up after half an hour, and can run in the background. Sourced after gate.sh, in the root folder.
# shellcheck disable=SC2154

long_runs=tests/long-runs.md # how each part went the last time

# matrix: the scenarios that the gate leaves out: the versions between, the other format, the largest values
long_matrix() { rust_tests --test scenarios -- --test-threads=6 --ignored --skip ::child --skip s25_all --skip messages_are_those_of_the_engine; }

# libpq: every scenario on libpq, on all versions (those on the gate's list a second time)
long_libpq() {
  PGWALSTREAM_TEST_BACKEND=libpq rust_tests --test scenarios -- --test-threads=6 --include-ignored \
    --skip tls_lets_in_whom --skip scram_is_tied --skip ::child --skip s25_all --skip messages_are_those_of_the_engine
}

# passwords: every code point in a password, against libpq and the server, optimized
long_passwords() { cargo test --release --locked --all-features --test scenarios -- --ignored s25_all; }

# faults: storms of 1,000 faults on each version, over TLS and over libpq
long_faults() { FAULTS=1000 rust_tests --test faults -- --test-threads=3 --nocapture --include-ignored; }

# fuzz: every target for 90 seconds from its corpus, with a nightly compiler and AddressSanitizer
long_fuzz() { script/fuzz 90; }

# miri: what handles raw memory, and the C functions over it, under Miri, by Stacked Borrows
long_miri() { script/miri --model stacked; }

# trees: the same by Tree Borrows
long_trees() { script/miri --model tree; }

# deny: licences, bans and sources of all crates, by cargo-deny, which takes minutes to build the first time
long_deny() { deny; }

# features: the library and its tests without TLS, without libpq, and with each feature for Rust programs alone
long_features() {
  local feature
  for feature in serde json futures chrono jiff uuid test-hooks; do
    cargo clippy --lib --locked --quiet --no-default-features --features "$feature" -- -D warnings
  done
  cargo clippy --workspace --all-targets --locked --quiet --features internals -- -D warnings
  cargo test --locked --features internals --lib
  cargo test --locked --no-default-features --features internals --lib
}

# msrv: the library with the oldest Rust that Cargo.toml names, with and without its features
long_msrv() {
  local oldest
  oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  have rustup || die "the oldest Rust, $oldest, needs rustup to install it"
  rustup toolchain install "$oldest" --profile minimal >&2
  # A folder of its own: what another compiler built is of no use to this one.
  export CARGO_TARGET_DIR=$root/build/msrv
  rustup run "$oldest" cargo check --locked --lib --all-features
  rustup run "$oldest" cargo check --locked --lib --no-default-features
}

# unused: crates that Cargo.toml names and nothing uses, by cargo-machete
long_unused() {
  machete_need
  # Exits with 1 where it finds one. What it must pass over stands in Cargo.toml, each with its reason.
  # shellcheck disable=SC2154 # from machete_need
  "$machete_tool" .
}

# semver: the Rust API against the last release, by cargo-semver-checks, which takes minutes to build the first time
# Once there is a release, it belongs to the matrix of .github/workflows/nightly.yml.
long_semver() {
  local last
  last=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null) || die "nothing to compare with yet: there is no release (a tag v…)"
  semver_need
  # shellcheck disable=SC2154 # from semver_need
  "$semver_tool" semver-checks check-release --package pgwalstream --baseline-rev "$last" --all-features
}

# package: Debian packages of a release build, installed in a clean root with a compiler, used and removed there
long_package() {
  local folder=$root/build/package root_folder
  root_folder=$folder/root
  apt_need debootstrap=debootstrap binutils
  CARGO_TARGET_DIR=$release/cargo configure "$folder/build" -DCMAKE_INSTALL_PREFIX=/usr -DBUILD_TESTING=OFF -DPGWALSTREAM_COMMAND=ON
  rm -rf "$folder/debs"
  script/package "$folder/build" "$folder/debs"
  as_root rm -rf "$root_folder"
  as_root debootstrap --variant=minbase --include=gcc,libc6-dev,pkg-config bookworm "$root_folder" >"$folder/debootstrap.log" ||
    die "debootstrap failed: $(tail -5 "$folder/debootstrap.log")"
  as_root mkdir "$root_folder/new"
  as_root cp "$folder"/debs/*.deb tests/package/consumer.c "$root_folder/new"
  as_root chroot "$root_folder" sh -eu <<'SH'
cd /new
dpkg -i libpgwalstream0_*.deb
# Alone it is what a program needs; nothing of it is for building.
[ ! -e /usr/include/pgwalstream.h ]
dpkg -i libpgwalstream-dev_*.deb libpgwalstream0-dbg_*.deb
cc -std=c11 -Wall -Wextra -Werror consumer.c -o shared $(pkg-config --cflags --libs pgwalstream)
ldd ./shared | grep 'libpgwalstream.so.0 => /'
./shared
cc -std=c11 -Wall -Wextra -Werror consumer.c -o static $(pkg-config --cflags --libs pgwalstream-static)
./static
find / -xdev -path '/usr/lib/debug/.build-id/*.debug' | grep .
[ -e /usr/share/man/man3/pgwalstream.3.gz ]
# The command needs no other package of these.
dpkg -i pgwalstream_*.deb
pgwalstream --version
[ -e /usr/share/man/man1/pgwalstream-tail.1.gz ] && [ -e /usr/share/bash-completion/completions/pgwalstream ]
dpkg --purge pgwalstream libpgwalstream0-dbg libpgwalstream-dev libpgwalstream0
if find / -xdev -name '*pgwalstream*' -not -path '/new/*' -not -path '/proc/*' | grep .; then
  echo "the files above were left behind"
  exit 1
fi
SH
  as_root rm -rf "$root_folder"
}

# fresh: script/demo in a fresh clone with an empty cache, in at most 150 seconds beside the fetching of the server
long_fresh() {
  local begin took
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  chmod a+rx "$folder"
  git clone -q . "$folder/clone"
  "$folder/clone/script/servers" 18 client-18 >/dev/null
  begin=$SECONDS
  "$folder/clone/script/demo" | tail -1
  took=$((SECONDS - begin))
  echo "script/demo took $took s in a fresh clone"
  [ "$took" -le 150 ]
}

# next: the scenarios of PostgreSQL 18 on the one that comes next, from Debian's experimental, in a root folder of its own
long_next() {
  local major=19 folder=$root/build/next sysroot user here
  sysroot=$folder/root
  apt_need debootstrap=debootstrap
  as_root rm -rf "$folder"
  mkdir -p "$folder/servers/18/bin"
  as_root debootstrap --variant=minbase --include=perl,ca-certificates sid "$sysroot" >"$folder/debootstrap.log" ||
    die "debootstrap failed: $(tail -5 "$folder/debootstrap.log")"
  # The mirror's release file may be old: it is the newest there is. postgresql-common wants /proc to be set up, which nobody
  # needs here: what counts is that the server runs.
  as_root chroot "$sysroot" sh -u >"$folder/install.log" 2>&1 <<SH || true
echo 'deb http://deb.debian.org/debian experimental main' >/etc/apt/sources.list.d/experimental.list
echo 'Acquire::Check-Valid-Until "false";' >/etc/apt/apt.conf.d/99old
mkdir -p /etc/postgresql-common
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -t experimental postgresql-$major
useradd -u $(id -u "$server_user") -U -M server
install -d -o server /tmp/made
SH
  here=$sysroot/usr/lib/postgresql/$major/bin/postgres
  # By the root folder's own loader and libraries: this machine's are older.
  printf '#!/bin/sh\nexec %s --argv0 %s --library-path %s %s "$@"\n' "$sysroot/lib64/ld-linux-x86-64.so.2" "$here" \
    "$sysroot/usr/lib/x86_64-linux-gnu:$sysroot/lib/x86_64-linux-gnu" "$here" >"$folder/servers/18/bin/postgres"
  cat >"$folder/servers/18/bin/initdb" <<SH
#!/bin/sh
# A copy of what initdb has made.
while [ "\$1" != -D ]; do shift; done
exec cp -a "$folder/servers/18/template" "\$2"
SH
  chmod a+x "$folder/servers/18/bin/postgres" "$folder/servers/18/bin/initdb"
  "$folder/servers/18/bin/postgres" --version || die "no PostgreSQL $major: $(tail -5 "$folder/install.log")"
  user=$(id -u "$server_user")
  as_root chroot --userspec="$user" "$sysroot" "/usr/lib/postgresql/$major/bin/initdb" -D /tmp/made/data -U postgres -A trust \
    -E UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1 || die "initdb failed: $(tail -5 "$folder/initdb.log")"
  as_root mv "$sysroot/tmp/made/data" "$folder/servers/18/template"
  for here in 14 15 16 17 client-18; do ln -s "$PGWALSTREAM_SERVERS/$here" "$folder/servers/$here"; done
  # What is left out runs commands of the server beside it, or compares the list of types, which each version makes longer.
  PGWALSTREAM_SERVERS=$folder/servers PGWALSTREAM_NEXT=$major rust_tests --test scenarios -- --test-threads=4 18 \
    --skip values:: --skip connection:: --skip sound::
  as_root rm -rf "$folder"
}

# debezium: the format debezium against the Debezium engine over the same WAL; needs Maven and Java, which it installs
long_debezium() {
  local folder=$cache/debezium
  apt_need mvn=maven javac=openjdk-17-jdk-headless
  mkdir -p "$folder"
  debezium_jars "$folder/jars" || {
    rm -rf "$folder/jars"
    mvn -q -f tests/debezium/pom.xml dependency:copy-dependencies -DoutputDirectory="$folder/jars"
    debezium_jars "$folder/jars" || die "what Maven fetched is not what tests/debezium/jars.sha256 says"
  }
  javac -cp "$folder/jars/*" -d "$folder/classes" tests/debezium/Engine.java
  PGWALSTREAM_DEBEZIUM="$folder/classes:$folder/jars/*" \
    rust_tests --test scenarios -- --ignored messages_are_those_of_the_engine
}

# debezium_jars FOLDER: whether all that the engine needs is there, and nothing else
debezium_jars() {
  local sums=$root/tests/debezium/jars.sha256
  [ -d "$1" ] && [ "$(find "$1" -name '*.jar' | wc -l)" = "$(wc -l <"$sums")" ] && (cd "$1" && sha256sum --quiet -c "$sums")
}

# arm: the unit tests of the library built for aarch64, run by an emulator
long_arm() {
  have rustup || die "the standard library for aarch64 needs rustup to install it"
  apt_need gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
  rustup target add aarch64-unknown-linux-gnu >&2
  export CARGO_TARGET_DIR=$root/build/arm CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
  export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
  # The emulator passes neither MADV_WIPEONFORK nor TCP_INFO on, needs memory itself, and makes time what it is nowhere.
  cargo test --locked --target aarch64-unknown-linux-gnu --no-default-features --features internals --lib -- \
    --test-threads=2 --skip s19_a_thread --skip sys::fork:: --skip what_came_is_counted --skip quadratic_time
}

# peers: this library and other clients side by side over the same WAL; nothing else should run meanwhile
long_peers() { benches/peers/run --quick; }

long_parts() { declare -F | sed -n 's/^declare -f long_\([a-z]*\)$/\1/p' | grep -vx -e parts -e list -e note -e run -e commit; }

# long_run PART: in a shell of its own, which `timeout` can end with all that it started.
long_run() {
  # shellcheck disable=SC2016 # for that shell
  timeout -k 30 1800 bash -c 'set -euo pipefail
    for name in common step server gate long; do . "script/lib/$name.sh"; done
    "long_$1"' script/test "$1"
}

# What the part is about to run on. How the parts went is no change.
long_commit() {
  local commit
  commit=$(git rev-parse --short=10 HEAD 2>/dev/null || echo unknown)
  [ -z "$(git status --porcelain -- . ":!$long_runs" 2>/dev/null)" ] || commit="$commit and changes"
  printf '%s' "$commit"
}

# The parts, with what each is.
long_list() {
  local part
  for part in $(long_parts); do
    sed -n "s/^# \($part\): \(.*\)/\1 \2/p" "${BASH_SOURCE[0]}" | awk '{ name = $1; $1 = ""; printf "%-10s%s\n", name, $0 }'
  done
}

# long_note PART COMMIT: writes down how the part went, in the place of the last time. Parts may run beside each other.
long_note() {
  local part=$1 commit=$2 line result=ok
  [ ${#steps_failed[@]} -eq 0 ] || result=FAILED
  line="| $part | $commit | $(date -u +%Y-%m-%d) | $result: $cases_passed passed, $cases_failed failed | ${steps_times[0]} s |"
  PART=$part LINE=$line flock "$cache/long-runs.lock" python3 - "$long_runs" <<'PYTHON'
import os, sys
path, part = sys.argv[1], os.environ["PART"]
lines = open(path, encoding="utf-8").read().splitlines()
rows = [line for line in lines if line.startswith("| ") and not line.startswith(("| part |", f"| {part} |"))]
head = lines[:next(i for i, line in enumerate(lines) if line.startswith("|---")) + 1]
open(path, "w", encoding="utf-8").write("\n".join(head + sorted(rows + [os.environ["LINE"]])) + "\n")
PYTHON
}
