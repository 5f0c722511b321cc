# shellcheck shell=bash
# Named and timed steps, and what the last lines say of them. Sourced after common.sh.
#
# step NAME CMD…: run CMD (a function of the script, or a command) as one named, timed step and remember how it went.
# The output goes to the terminal and to $cache/log/NAME.log. Always returns 0, so that the next step runs; a step
# whose forerunner failed is called with `step_after FORERUNNER NAME CMD…` and then counts as failed without running.
# A step that prints results of cargo test or ctest counts as that many test cases, any other as one.
#
# step_ahead NAME CMD…: begins the step at once, beside those that follow; `step NAME` waits for it and tells how it went. For
# what keeps one processor busy and minds nobody else.
# shellcheck disable=SC2154 # cache is from common.sh
steps_began=0 # after how many seconds the first did
steps_only=()
steps_list=
steps_failed=()
steps_names=()
steps_times=()
cases_passed=0
cases_failed=0
step_shows=() # the processes that show a step's log
declare -A steps_ahead=() # the shells of the steps that were begun ahead

# Ctrl-C ends the run, not only the step, and nothing that shows a log outlives it.
step_end() {
  # A child that is ended before it has become a program runs it, too.
  [ "$BASHPID" = "$$" ] || return 0
  [ ${#step_shows[@]} -eq 0 ] || kill "${step_shows[@]}" 2>/dev/null || true
  [ ${#steps_ahead[@]} -eq 0 ] || kill "${steps_ahead[@]}" 2>/dev/null || true
}
trap step_end EXIT
trap 'exit 130' INT

step_wanted() {
  local name
  [ ${#steps_only[@]} -gt 0 ] || return 0
  for name in "${steps_only[@]}"; do [ "$name" != "$1" ] || return 0; done
  return 1
}

# steps_only_known LIST: every name that was asked for is in the list, or the run ends.
steps_only_known() {
  local name
  for name in "${steps_only[@]}"; do
    grep -qx -- "$name" <<<"$1" || die "there is no step '$name' (see --list)"
  done
}

step_ahead() {
  local name=$1
  shift
  if [ -n "$steps_list" ] || ! step_wanted "$name"; then return 0; fi
  mkdir -p "$cache/log"
  step_in_group "$name" "$@" >"$cache/log/$name.log" 2>&1 </dev/null &
  steps_ahead[$name]=$!
}

# step_in_group NAME CMD…: in a process group of its own, all of which ends with this shell
step_in_group() {
  local name=$1 begin=${EPOCHREALTIME/[.,]/} rc=0
  shift
  set -m
  (
    set -euo pipefail
    "$@"
  ) &
  # shellcheck disable=SC2064 # the process is known now
  trap "kill -- -$! 2>/dev/null" TERM
  wait $! || rc=$?
  echo $((${EPOCHREALTIME/[.,]/} - begin)) >"$cache/log/$name.took"
  exit "$rc"
}

step() {
  local name=$1 log begin took rc passed failed keeper shower
  shift
  if [ -n "$steps_list" ]; then
    printf '%s\n' "$name"
    return 0
  fi
  step_wanted "$name" || return 0
  mkdir -p "$cache/log"
  log=$cache/log/$name.log
  [ -n "${steps_ahead[$name]-}" ] || : >"$log"
  printf '\n=== %s\n' "$name"
  begin=${EPOCHREALTIME/[.,]/}
  # The log is shown by a tail of its own, not through a pipe: a server that a failed test leaves behind must not
  # keep the pipe, and so this script, open.
  sleep infinity >/dev/null 2>&1 &
  keeper=$!
  tail -n +1 -f -s 0.1 --pid="$keeper" "$log" 2>/dev/null &
  shower=$!
  step_shows=("$keeper" "$shower")
  set +e
  if [ -n "${steps_ahead[$name]-}" ]; then
    wait "${steps_ahead[$name]}"
    rc=$?
  else
    (
      set -euo pipefail
      "$@"
    ) >>"$log" 2>&1 </dev/null
    rc=$?
  fi
  kill "$keeper"
  wait "$keeper" 2>/dev/null
  wait "$shower" 2>/dev/null
  step_shows=()
  set -e
  took=$(((${EPOCHREALTIME/[.,]/} - begin) / 100000))
  if [ -n "${steps_ahead[$name]-}" ]; then
    took=$(($(cat "$cache/log/$name.took" || echo 0) / 100000))
    unset "steps_ahead[$name]"
  fi
  took=$((took / 10)).$((took % 10))
  # "test result: ok. 5 passed; 0 failed; …" (cargo), "100% tests passed, 0 tests failed out of 5" (ctest)
  read -r passed failed < <(awk '
    /^test result: / { for (i = 2; i <= NF; i++) { if ($i == "passed;") p += $(i-1); if ($i == "failed;") f += $(i-1) } }
    / tests failed out of / { f += $4; p += $NF - $4 }
    END { print p + 0, f + 0 }' "$log")
  if [ "$rc" -eq 0 ]; then
    [ $((passed + failed)) -gt 0 ] || passed=1
    printf -- '--- ok: %s (%s s)\n' "$name" "$took"
  else
    [ "$failed" -gt 0 ] || failed=1
    steps_failed+=("$name")
    printf -- '--- FAILED: %s (%s s, exit %s)\n' "$name" "$took" "$rc"
  fi
  steps_names+=("$name")
  steps_times+=("$took")
  cases_passed=$((cases_passed + passed))
  cases_failed=$((cases_failed + failed))
}

# step_failed NAME: whether that step ran and failed
step_failed() {
  local name
  for name in "${steps_failed[@]}"; do [ "$name" != "$1" ] || return 0; done
  return 1
}

step_after() {
  local needed=$1
  shift
  if step_failed "$needed" && [ -z "$steps_list" ] && step_wanted "$1"; then
    printf '\n=== %s\n--- FAILED: %s (not run: it needs %s)\n' "$1" "$1" "$needed"
    steps_failed+=("$1")
    steps_names+=("$1")
    steps_times+=(0.0)
    cases_failed=$((cases_failed + 1))
    return 0
  fi
  step "$@"
}

# The tests that took longest, by the logs of this run's steps: cargo's, ctest's and Go's.
slowest() { # COUNT
  local name
  for name in "${steps_names[@]}"; do
    [ -e "$cache/log/$name.log" ] || continue
    sed -nE \
      -e "s/^test (.*) \.\.\. (ok|FAILED) <([0-9.]+)s>\$/\3 $name: \1/p" \
      -e "s/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) \.+ *[* A-Za-z]+ +([0-9.]+) sec\$/\2 $name: \1/p" \
      -e "s/^--- (PASS|FAIL): ([^ ]+) \(([0-9.]+)s\)\$/\3 $name: \2/p" "$cache/log/$name.log"
  done | sort -rn | awk -v count="$1" 'NR <= count { seconds = $1; $1 = ""; printf "%7.1f s %s\n", seconds, $0 }'
}

# The last words: how long the steps and the slowest tests took, which steps failed, and `N passed, N failed`. Returns 1 if
# anything failed.
steps_summary() {
  local at
  [ -z "$steps_list" ] || return 0
  printf '\nThe slowest tests:\n'
  slowest 10
  printf '\nThe steps:\n'
  for at in "${!steps_names[@]}"; do printf '%7s s  %s\n' "${steps_times[$at]}" "${steps_names[$at]}"; done | sort -rn
  printf '\n%s steps in %s s, %s s of them for setting up' "${#steps_names[@]}" "$SECONDS" "$steps_began"
  if [ ${#steps_failed[@]} -gt 0 ]; then printf '; failed: %s' "${steps_failed[*]}"; fi
  printf '\n%s passed, %s failed\n' "$cases_passed" "$cases_failed"
  [ ${#steps_failed[@]} -eq 0 ]
}
