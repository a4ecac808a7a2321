#!/usr/bin/env bash
# Threads under pressure: one core, more threads than cores, two runs at once.
#
#   tests/bench/oversubscribe.sh
#
# A runtime that spins while it waits takes the core from the thread it waits for; runs then slow down by
# factors, not by their share. Prints seconds a step and how they compare with the fair share.
set -euo pipefail
cd "$(dirname "$0")/../.."
avcl=${AVCL_PROGRAM:-$PWD/build/release/bin/avcl}
[ -x "$avcl" ] || { echo "no program $avcl: build it first" >&2; exit 1; }
cores=$(nproc)

step() { # step COMMAND...: median seconds of a step
    "$@" bench step --width 16 --clip 3,8,56,56 --mel 1,56,56 --steps 15 --json |
        sed 's/.*"step_s":\([^,]*\),.*/\1/'
}

show() { # show WHAT SECONDS FAIR
    awk -v what="$1" -v s="$2" -v fair="$3" 'BEGIN {
        printf "%-38s %.4f s  %.2f of its fair share\n", what, s, fair / s }'
}

alone=$(step "$avcl")
show "alone, $cores threads" "$alone" "$alone"
one=$(step taskset -c 0 "$avcl")
single=$(step env OMP_NUM_THREADS=1 "$avcl")
show "one core (taskset)" "$one" "$single"
show "one core, $cores threads asked for" "$(step env OMP_NUM_THREADS="$cores" taskset -c 0 "$avcl")" "$single"
show "twice as many threads as cores" "$(step env OMP_NUM_THREADS=$((2 * cores)) "$avcl")" "$alone"
first=$(mktemp)
trap 'rm -f "$first"' EXIT
step "$avcl" >"$first" &
second=$(step "$avcl")
wait $!
fair=$(awk -v a="$alone" 'BEGIN { print 2 * a }')
show "two runs at once, the one" "$(cat "$first")" "$fair"
show "two runs at once, the other" "$second" "$fair"
