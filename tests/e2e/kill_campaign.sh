#!/usr/bin/env bash
# kill -9 at random moments, again and again; the study ends with the bits of an undisturbed one.
#
#   tests/e2e/kill_campaign.sh [BUILD_DIR [KILLS [SEED]]]      60 kills in about 3 minutes
AVCL_BUILD=${1:-build/release}
KILLS=${2:-60}
RANDOM=${3:-1}
. "$(dirname "$0")/lib.sh"

STUDY='run experiments/study.lua pretrain.epochs=4 batch=2 checkpoint_s=0 --progress none'

test_many_kills() {
    project campaign
    synth_data
    # shellcheck disable=SC2086
    avcl $STUDY --store whole
    expect_status 0
    local n=0 round=0 seconds
    while [ $n -lt "$KILLS" ]; do
        round=$((round + 1))
        while [ $n -lt "$KILLS" ]; do
            # From before the claim to well into an epoch.
            seconds=$(awk -v r=$RANDOM 'BEGIN { printf "%.3f", 0.05 + 1.5 * r / 32768 }')
            # shellcheck disable=SC2086
            output=$(timeout -s KILL "$seconds" "$AVCL" $STUDY --store "cut-$round" 2>&1)
            status=$? shown=0
            n=$((n + 1))
            [ $status != 0 ] || break
            expect_status 137
            expect_no_text 'stack traceback' 'damaged'
        done
        # shellcheck disable=SC2086
        avcl $STUDY --store "cut-$round"
        expect_status 0
        output=$("$E2E/compare_stores.py" whole "cut-$round" 2>&1)
        status=$? shown=0
        expect_status 0; expect_text '3 runs, 4 checkpoints, 0 differences'
    done
    printf '    %d kills, %d studies finished\n' "$n" "$round"
}

run_tests test_many_kills
