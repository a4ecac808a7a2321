#!/usr/bin/env bash
# Runs every fuzzer for some seconds from its committed seeds, two at a time.
#   tests/fuzz/run.sh BUILD_DIR [SECONDS [NAME...]]
# What breaks one is left in BUILD_DIR/fuzz/NAME/, to be run again by fuzz_NAME FILE.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=$1 seconds=${2:-20}
shift; [ $# -gt 0 ] && shift
names=${*:-$(ls tests/fuzz/corpus)}

one() {
    local name=$1 work=$2/fuzz/$1 log
    log=$work/log
    mkdir -p "$work/new"
    if "$2/bin/fuzz_$name" -max_total_time="$3" -timeout=10 -rss_limit_mb=2048 -max_len=20000 \
        -artifact_prefix="$work/" -print_final_stats=1 "$work/new" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        printf 'ok      %-12s %s runs\n' "$name" \
            "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    else
        printf 'FAILED  %-12s see %s\n' "$name" "$log"
        tail -n 30 "$log"
        return 1
    fi
}
export -f one
printf '%s\n' $names | xargs -P 2 -I{} bash -c 'one "$@"' _ {} "$build" "$seconds"
