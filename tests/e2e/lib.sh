# shellcheck shell=bash
# lib.sh - what the end-to-end scripts share: temporary projects, expectations, verdicts.
#
#   . "$(dirname "$0")/lib.sh"          with AVCL_BUILD set (tests/e2e/run.sh sets it)
#   test_a_thing() { avcl doctor; expect_status 0; }
#   run_tests test_a_thing
set -uo pipefail

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCE=$(cd "$E2E/../.." && pwd)
BUILD=$(cd "${AVCL_BUILD:-$SOURCE/build/release}" && pwd) || exit 2
AVCL=$BUILD/bin/avcl
INCLUDE=$SOURCE/core/include
export OMP_WAIT_POLICY=passive NO_COLOR=1 LC_ALL=C.UTF-8
unset AVCL_STORE AVCL_PLUGIN_PATH
# No names of data sets from the user's own settings.
export XDG_CONFIG_HOME=/nonexistent

ROOT=$(mktemp -d "${TMPDIR:-/tmp}/avcl-e2e.XXXXXX") || exit 2
trap 'chmod -R u+w "$ROOT" 2>/dev/null; rm -rf "$ROOT"' EXIT

# What is remembered of plugins, apart from the user's.
export XDG_CACHE_HOME=$ROOT/cache

output="" status=0 problems=0 shown=0

# avcl ARGS...: runs the program in the current folder; its streams and status are kept.
avcl() {
    output=$("$AVCL" "$@" 2>&1)
    status=$?
    shown=0
}

complain() {
    printf '    %s\n' "$@"
    [ $shown = 1 ] || printf '%s\n' "$output" | tail -n 15 | sed 's/^/    | /'
    shown=1
    problems=$((problems + 1))
}

expect_status() {
    [ "$status" = "$1" ] || complain "exit status $status, expected $1"
}

# expect_text TEXT...: each is in the output, as it stands.
expect_text() {
    for text in "$@"; do
        case $output in *"$text"*) ;; *) complain "not in the output: $text" ;; esac
    done
}

expect_no_text() {
    for text in "$@"; do
        case $output in *"$text"*) complain "in the output: $text" ;; esac
    done
}

# A refusal is one sentence on one line and no stack trace.
expect_sentence() {
    local n
    n=$(printf '%s\n' "$output" | grep -c .)
    [ "$n" -le "${1:-1}" ] || complain "$n lines instead of one sentence"
    expect_no_text 'stack traceback'
}

expect_same() {
    [ "$1" = "$2" ] || complain "${3:-values} differ: $1 and $2"
}

# expect_files N FOLDER PATTERN
expect_files() {
    local n
    n=$(find "$2" -name "$3" 2>/dev/null | grep -c .)
    [ "$n" = "$1" ] || complain "$n files $3 under $2, expected $1"
}

# Names of files that a killed or failed writer would leave.
expect_nothing_half_written() {
    local left
    left=$(find "$1" -name '.tmp-*' -o -name '*.part' -o -name '*.tmp' 2>/dev/null)
    [ -z "$left" ] || complain "left behind: $left"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local tries=$(($1 * 50))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { complain "waited in vain for: $*"; return 1; }
        sleep 0.02
    done
}

# project NAME: an empty project with the base tables and the model; leaves us in it.
project() {
    mkdir -p "$ROOT/$1/experiments/_base"
    cd "$ROOT/$1" || exit 2
    cp "$E2E/fixtures/base.lua" experiments/_base/avcl.lua
    cp "$E2E/fixtures/model.lua" experiments/_base/model.lua
    cp "$E2E/fixtures/study.lua" experiments/study.lua
}

# synth_data: the small synthetic set as data/synth of the current project, made once.
synth_data() {
    local made=${E2E_DATA:-$ROOT/shared-synth}
    mkdir -p data
    [ -f "$made/manifest.csv" ] || make_synth "$made" || exit 2
    ln -sfn "$made" data/synth
}

make_synth() {
    "$AVCL" data synth "$1" --clips 24 --train 12 --val 12 --test 12 --seconds 1 \
        --size 40x32 >/dev/null 2>&1
}

# The folder of the newest run of a store that has a file of this name.
run_of() {
    find "$1/runs" -name "$2" -printf '%T@ %h\n' 2>/dev/null | sort -n | tail -n1 | cut -d' ' -f2
}

# Arithmetic that must hold: holds '0.9 * a < b' a=3 b=4
holds() {
    local condition=$1
    shift
    awk "BEGIN { $(printf '%s;' "$@") exit !($condition) }" ||
        complain "does not hold: $condition ($*)"
}

# run_tests NAME...: each in a shell and a folder of its own; prints verdicts and the sum.
run_tests() {
    local passed=0 failed=0 name text started
    # shellcheck disable=SC2046
    if [ -n "${E2E_ONLY:-}" ]; then set -- $(printf '%s\n' "$@" | grep -E -- "$E2E_ONLY"); fi
    for name in "$@"; do
        started=$(date +%s%N)
        if text=$(cd "$ROOT" && "$name"; [ "$problems" = 0 ]); then
            passed=$((passed + 1))
            printf 'ok      %5.1f s  %s\n' "$(seconds_since "$started")" "${name#test_}"
        else
            failed=$((failed + 1))
            printf 'FAILED  %5.1f s  %s\n' "$(seconds_since "$started")" "${name#test_}"
        fi
        [ -z "$text" ] || printf '%s\n' "$text"
    done
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
}

seconds_since() {
    awk -v from="$1" -v to="$(date +%s%N)" 'BEGIN { printf "%.1f", (to - from) / 1e9 }'
}
