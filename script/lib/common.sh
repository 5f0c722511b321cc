# shellcheck shell=bash
# What the project's scripts share: where things are, saying, installing what is missing, named and timed steps.
# Sourced, never run. The caller has done `set -euo pipefail`.

umask 022

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# Downloads, tools and logs. Git ignores the default.
cache=${PGWALSTREAM_CACHE:-$root/.cache}
# The user that runs PostgreSQL when we are root: PostgreSQL refuses to run as root.
server_user=pgwalstream

say() { printf '%s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# as_root CMD…: run CMD as root, through sudo if need be.
as_root() {
  if is_root; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "needs root for '$*': run as root, or install sudo"
  fi
}

# as_server_user CMD…: run CMD as the user that runs servers: us, or the unprivileged user when we are root.
as_server_user() {
  if is_root; then
    setpriv --reuid="$server_user" --regid="$server_user" --clear-groups env HOME=/nonexistent "$@"
  else
    "$@"
  fi
}

# When root, makes the user that servers run as. Nothing to do otherwise.
server_user_need() {
  if is_root && ! getent passwd "$server_user" >/dev/null; then
    say "creating the system user '$server_user' (PostgreSQL does not run as root)"
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$server_user"
  fi
}

# apt_need [COMMAND=]PACKAGE…: install the packages that are missing. With COMMAND= a package counts as there when
# the command is, however it came.
apt_updated=
apt_need() {
  local word command package missing=()
  for word; do
    command=${word%%=*} package=${word#*=}
    if [ "$command" != "$word" ]; then
      have "$command" || missing+=("$package")
    elif ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
      missing+=("$package")
    fi
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  have apt-get || die "please install (no apt-get here to do it): ${missing[*]}"
  say "installing with apt-get: ${missing[*]}"
  mkdir -p "$cache"
  if [ -z "$apt_updated" ]; then
    apt_get update
    apt_updated=yes
  fi
  apt_get install -y --no-install-recommends "${missing[@]}"
}

# apt_get ARGUMENT…: says nothing unless it fails
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" >"$cache/apt.log" 2>&1 || {
    tail -30 "$cache/apt.log" >&2
    die "apt-get failed: $*"
  }
}

# Debian's PostgreSQL 15 with wal2json, for what the servers of script/servers lack. Installed so that it makes no cluster
# and starts nothing: a setting of postgresql-common, which stays and is named. Where the server is installed already, nothing
# of its settings is touched.
debian_server_need() {
  if ! dpkg-query -W -f='${Status}' postgresql-15 2>/dev/null | grep -q 'ok installed'; then
    apt_need postgresql-common
    say "setting create_main_cluster = false in /etc/postgresql-common/createcluster.conf, so that postgresql-15 makes no cluster"
    as_root sed -i 's/^#\{0,1\} *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    grep -qx 'create_main_cluster = false' /etc/postgresql-common/createcluster.conf ||
      die "cannot keep postgresql-15 from making a cluster (/etc/postgresql-common/createcluster.conf)"
  fi
  # With the C library's languages: a server that speaks another.
  apt_need postgresql-15 postgresql-15-wal2json locales pgbouncer
}

# What the backend libpq is built with, and a Kerberos realm for its test, which runs in a folder of its own.
libpq_need() {
  apt_need libpq-dev libclang-dev pkg-config=pkg-config krb5kdc=krb5-kdc kadmin.local=krb5-admin-server kinit=krb5-user
  debian_server_need
}

# Finds cargo, also under sudo, which hides the caller's toolchain.
cargo_need() {
  have cargo && return 0
  local home
  for home in "$HOME" ${SUDO_USER:+"$(getent passwd "$SUDO_USER" | cut -d: -f6)"}; do
    if [ -x "$home/.cargo/bin/cargo" ]; then
      export PATH="$home/.cargo/bin:$PATH" RUSTUP_HOME="${RUSTUP_HOME:-$home/.rustup}"
      return 0
    fi
  done
  if [ -x /usr/local/cargo/bin/cargo ]; then
    export PATH="/usr/local/cargo/bin:$PATH" RUSTUP_HOME="${RUSTUP_HOME:-/usr/local/rustup}"
    return 0
  fi
  die "no cargo found: install a Rust toolchain (rustup) first, $(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml") or newer"
}

# cargo_component_need COMPONENT…: clippy, rustfmt, which a minimal toolchain lacks.
cargo_component_need() {
  local component
  for component; do
    case $component in
      clippy) cargo clippy --version >/dev/null 2>&1 && continue ;;
      rustfmt) cargo fmt --version >/dev/null 2>&1 && continue ;;
    esac
    have rustup || die "cargo $component is missing, and there is no rustup to add it"
    say "adding the Rust component $component"
    rustup component add "$component" >&2 || die "rustup could not add $component"
  done
}

# The cbindgen that writes and checks the header; one version, since another words the header differently.
cbindgen_version=0.29.4
cbindgen_need() {
  local tool=$cache/tools/bin/cbindgen
  if [ "$("$tool" --version 2>/dev/null)" != "cbindgen $cbindgen_version" ]; then
    if [ "$(cbindgen --version 2>/dev/null)" = "cbindgen $cbindgen_version" ]; then
      tool=$(command -v cbindgen)
    else
      say "building cbindgen $cbindgen_version into $cache/tools"
      # Unoptimized: it runs for a second, and takes a minute more to optimize.
      cargo install cbindgen --version "$cbindgen_version" --locked --debug --root "$cache/tools" --quiet >&2 ||
        die "cargo could not install cbindgen $cbindgen_version"
    fi
  fi
  # shellcheck disable=SC2034 # for the caller
  cbindgen=$tool
}

# The cargo-deny that checks licences, sources and what is banned (deny.toml).
deny_version=0.20.2
deny_need() {
  deny_tool=$cache/tools/bin/cargo-deny
  if [ "$("$deny_tool" --version 2>/dev/null)" != "cargo-deny $deny_version" ]; then
    say "building cargo-deny $deny_version into $cache/tools"
    cargo install cargo-deny --version "$deny_version" --locked --root "$cache/tools" --quiet >&2 ||
      die "cargo could not install cargo-deny $deny_version"
  fi
}

# crate_tool_need CRATE VERSION VARIABLE: one version of a tool of cargo's, built into the cache.
crate_tool_need() {
  local tool=$cache/tools/bin/$1
  if ! grep -qF "\"$1 $2 (" "$cache/tools/.crates.toml" 2>/dev/null || [ ! -x "$tool" ]; then
    say "building $1 $2 into $cache/tools"
    cargo install "$1" --version "$2" --locked --root "$cache/tools" --quiet >&2 || die "cargo could not install $1 $2"
  fi
  printf -v "$3" '%s' "$tool"
}
# Unused crates; changes of the Rust API.
machete_need() { crate_tool_need cargo-machete 0.9.1 machete_tool; }
semver_need() { crate_tool_need cargo-semver-checks 0.51.0 semver_tool; }

# The toolchain and the tool of script/fuzz: one nightly, since the sanitizers' flags change, and one cargo-fuzz.
fuzz_toolchain=nightly-2026-05-20
fuzz_version=0.13.2
fuzz_need() {
  have rustup || die "fuzzing needs a nightly toolchain ($fuzz_toolchain), and there is no rustup to install it"
  if ! rustup run "$fuzz_toolchain" rustc --version >/dev/null 2>&1; then
    say "installing the toolchain $fuzz_toolchain"
    rustup toolchain install "$fuzz_toolchain" --profile minimal >&2 || die "rustup could not install $fuzz_toolchain"
  fi
  # libFuzzer is C++.
  apt_need c++=g++
  fuzz_tool=$cache/tools/bin/cargo-fuzz
  if [ "$("$fuzz_tool" --version 2>/dev/null)" != "cargo-fuzz $fuzz_version" ]; then
    say "building cargo-fuzz $fuzz_version into $cache/tools"
    cargo install cargo-fuzz --version "$fuzz_version" --locked --root "$cache/tools" --quiet >&2 ||
      die "cargo could not install cargo-fuzz $fuzz_version"
  fi
}

# Go for the Go binding: what is there if it is new enough, else one version, pinned by its checksum: one that comes from where the
# archive comes from proves nothing.
go_version=1.26.8
go_sum_amd64=d0f743b33e8d8945e6b1f432edd15785c70507121d6e2a723b21285eddf8b57b
go_sum_arm64=211ffced9dcb9633a55eac6364816ec0ddd951389a740e88fa8b3337971bdda0
go_least=24 # of Go 1
go_need() {
  local folder minor archive machine sum
  for folder in "" /usr/local/go/bin "$cache/tools/go/bin"; do
    [ -z "$folder" ] || [ -x "$folder/go" ] || continue
    minor=$(PATH="${folder:+$folder:}$PATH" GOTOOLCHAIN=local go version 2>/dev/null | sed -n 's/.* go1\.\([0-9]*\).*/\1/p')
    if [ "${minor:-0}" -ge "$go_least" ]; then
      export PATH="${folder:+$folder:}$PATH" GOTOOLCHAIN=local
      return 0
    fi
  done
  case $(uname -m) in
    x86_64) machine=amd64 sum=$go_sum_amd64 ;;
    aarch64) machine=arm64 sum=$go_sum_arm64 ;;
    *) die "please install Go 1.$go_least or newer" ;;
  esac
  archive=go$go_version.linux-$machine.tar.gz
  apt_need curl=curl ca-certificates
  say "fetching Go $go_version into $cache/tools"
  mkdir -p "$cache/tools"
  curl -fsSL --retry 3 -o "$cache/tools/$archive" "https://dl.google.com/go/$archive" || die "cannot fetch $archive"
  printf '%s  %s\n' "$sum" "$cache/tools/$archive" | sha256sum --check --quiet >&2 ||
    die "$archive is not the one whose checksum is in script/lib/common.sh"
  rm -rf "$cache/tools/go"
  tar -xzf "$cache/tools/$archive" -C "$cache/tools"
  rm "$cache/tools/$archive"
  export PATH="$cache/tools/go/bin:$PATH" GOTOOLCHAIN=local
}
