#!/usr/bin/env bash
# A sweep whose runner, runs or both are killed at random moments, again and again, ends with
# the bits and the table of an undisturbed one, and does no run twice.
#
#   E2E_KILLS=200 tests/e2e/kill_sweep.sh     with AVCL_BUILD set; 8 strikes without E2E_KILLS
. "$(dirname "$0")/lib.sh"

KILLS=${E2E_KILLS:-8}
RANDOM=${E2E_SEED:-1}
export XDG_CACHE_HOME=$ROOT/cache
SEEDS=1-4
TINY="run experiments/tiny.lua --threads 1 --progress none -j 2 pretrain.epochs=3 checkpoint_s=0"

table() {
    "$AVCL" table experiments/tiny.lua --seeds $SEEDS --store "$1" pretrain.epochs=3 checkpoint_s=0 2>/dev/null |
        sed "s/$1/STORE/g"
}

# No attempt began after a result was there, and nobody came to another result.
expect_done_once() {
    local folder file
    expect_files 0 "$1/runs" 'result.conflict*'
    for folder in "$1"/runs/*/*/; do
        [ "$(cat "$folder"/attempt-*.yaml | grep -c 'state: done')" -le 1 ] ||
            complain "done more than once: $folder"
        for file in "$folder"/attempt-*.yaml; do
            [ "$file" -nt "$folder/result.yaml" ] || continue
            expect_same "$(printf '%s\n' "$folder"/attempt-*.yaml | sort -V | tail -n1)" "$file" \
                "last attempt of $folder"
        done
    done
}

# The processes of the runner $pid.
children() { cat "/proc/$pid/task/$pid/children" 2>/dev/null; }

# strike: kills runner, worker, both, or asks the runner to stop.
strike() {
    case $((RANDOM % 4)) in
        0) kill -KILL "$pid" ;;
        1) # shellcheck disable=SC2046
            kill -KILL $(children | cut -d' ' -f1) ;;
        2) # shellcheck disable=SC2046
            kill -KILL $(children) "$pid" ;;
        3) kill -TERM "$pid" ;;
    esac 2>/dev/null
}

test_killed_at_random_moments() {
    project kills
    cp "$E2E/fixtures/tiny.lua" experiments/
    synth_data
    # shellcheck disable=SC2086
    avcl $TINY --seeds $SEEDS --store whole
    expect_status 0
    local expected n=0 round=0 seconds
    expected=$(table whole)
    while [ $n -lt "$KILLS" ]; do
        round=$((round + 1))
        status=1
        while [ $n -lt "$KILLS" ] && [ $status != 0 ]; do
            # shellcheck disable=SC2086
            "$AVCL" $TINY --seeds $SEEDS --store "cut-$round" >log 2>&1 &
            pid=$!
            seconds=$(awk -v r=$RANDOM 'BEGIN { printf "%.3f", 0.05 + 0.7 * r / 32768 }')
            sleep "$seconds"
            strike && n=$((n + 1))
            { wait $pid; status=$?; } 2>/dev/null
            output=$(cat log) shown=0
            case $status in 0 | 1 | 75 | 137 | 143) ;; *) complain "exit status $status" ;; esac
            expect_no_text 'stack traceback' 'damaged'
        done
        # shellcheck disable=SC2086
        avcl $TINY --seeds $SEEDS --store "cut-$round"
        expect_status 0
        output=$("$E2E/compare_stores.py" whole "cut-$round" 2>&1)
        status=$? shown=0
        expect_status 0; expect_text ' 0 differences'
        expect_same "$expected" "$(table "cut-$round")" tables
        expect_done_once "cut-$round"
        avcl store verify --checkpoints --store "cut-$round"
        output=$(printf '%s\n' "$output" | grep -v '/.tmp-') shown=0
        expect_same '' "$(printf '%s\n' "$output" | grep '^runs/')" 'damage'
    done
    printf '    %d strikes, %d sweeps finished\n' "$n" "$round"
}

run_tests test_killed_at_random_moments
