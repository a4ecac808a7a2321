#!/usr/bin/env bash
# A sweep under way: crashes, signals, other processes, copies, clocks, read-only disks.
. "$(dirname "$0")/lib.sh"
set -m # every job in a group of its own; SIGINT is reset by env, for CI may have it ignored

export XDG_CACHE_HOME=$ROOT/cache
unmount() { umount "$ROOT"/*/mounted 2>/dev/null; }
trap 'unmount; rm -rf "$ROOT"' EXIT

TINY='run experiments/tiny.lua --threads 1 --progress none'
# A sweep with a run that takes as long as it is let.
LONG='run experiments/tiny.lua --threads 1 --progress plain --only narrow pretrain.epochs=1000000'

tiny() {
    project "$1"
    cp "$E2E/fixtures/tiny.lua" experiments/
    synth_data
}

# start STORE ARGS...: in the background; its pid is $pid, its output in the file log.
start() {
    local store=$1
    shift
    # shellcheck disable=SC2086
    env --default-signal=INT "$AVCL" $LONG --store "$store" "$@" >log 2>&1 &
    pid=$!
}

finish() {
    wait "$pid"
    status=$?
    output=$(cat log)
    shown=0
}

has_epochs() { [ "$(cat "$1"/runs/*/*/epochs.jsonl 2>/dev/null | wc -l)" -ge "$2" ]; }

# workers STORE: pids that hold claims.
workers() { sed -n 's/^pid: //p' "$1"/claims/*; }
# A claim is there before the record of its run is.
both_train() { [ "$(find "$1/runs" -name epochs.jsonl -size +0 | wc -l)" = 2 ]; }

expect_same_stores() {
    output=$("$E2E/compare_stores.py" "$1" "$2" 2>&1)
    status=$? shown=0
    expect_status 0; expect_text ' 0 differences'
}

test_jobs_change_no_bit() {
    tiny jobs
    # shellcheck disable=SC2086
    avcl $TINY --store one --seeds 1-3
    expect_status 0; expect_text '18 done'
    # shellcheck disable=SC2086
    avcl $TINY --store many --seeds 1-3 -j 4 --first-seed-first
    expect_status 0; expect_text '18 done'
    expect_same_stores one many
    # Whole rows first, or one seed of every row.
    # shellcheck disable=SC2086
    avcl run experiments/tiny.lua --threads 1 --progress json --store json --seeds 1,2
    expect_status 0
    order=$(printf '%s\n' "$output" | grep '"start"' | grep pretrain | grep -o '"label":"[a-z]*","seed":.')
    expect_same '"label":"narrow","seed":1 "label":"narrow","seed":2 "label":"wide","seed":1 "label":"wide","seed":2' \
        "$(echo $order)" order
    printf '%s\n' "$output" | grep '^{' |
        python3 -c 'import json, sys; [json.loads(line)["event"] for line in sys.stdin]' ||
        complain 'a line is no JSON'
}

test_a_crash_is_one_failed_run() {
    tiny crash
    start store --seeds 1
    wait_for 30 has_epochs store 3
    kill -SEGV "$(workers store)"
    finish
    expect_status 1
    expect_text 'failed' 'SIGSEGV' 'in phase train' '1 failed, 2 blocked'
    grep -q 'signal: SIGSEGV' store/runs/*/*/attempt-1.yaml || complain 'no signal in the record'
    avcl status --store store
    expect_text 'SIGSEGV'
    # The others finish, and the failed one is tried again as often as was asked for.
    # shellcheck disable=SC2086
    avcl $TINY --store others --seeds 1-2 -j 2 sign=-1 --retries 1
    expect_status 1; expect_no_text 'stack traceback'
    expect_files 4 others/runs attempt-2.yaml
    expect_files 0 others/runs attempt-3.yaml
    # shellcheck disable=SC2086
    avcl $TINY --store fast --seeds 1-2 sign=-1 --fail-fast
    expect_status 1; expect_text '1 failed'
    expect_files 1 fast/runs run.yaml
}

test_signals() {
    tiny signals
    local name
    for name in HUP TERM INT; do
        start "$name" --seeds 1
        wait_for 30 has_epochs "$name" 2
        kill "-$name" "$pid"
        finish
        expect_status 75; expect_text 'checkpoint written'
        expect_files 1 "$name/work" last.safetensors
    done
    grep -q 'state: cancelled' INT/runs/*/*/attempt-1.yaml || complain 'INT is not cancelled'
    grep -q 'state: preempted' HUP/runs/*/*/attempt-1.yaml || complain 'HUP is not preempted'
    # A second Ctrl-C does not wait: here the worker cannot answer the first.
    start twice --seeds 1
    wait_for 30 has_epochs twice 2
    kill -STOP "$(workers twice)"
    kill -INT "$pid"
    sleep 0.3
    kill -INT "$pid"
    finish
    expect_status 130
    # A cancelled run stops alone.
    start one --seeds 1,2 -j 2
    wait_for 30 both_train one
    avcl cancel --store one "$(avcl_id one 'seed == 1')"
    expect_status 0
    wait_for 30 grep -q 'state: cancelled' one/runs/*/*/attempt-1.yaml
    kill -0 "$pid" || complain 'the other run was stopped too'
    kill -TERM "$pid"
    finish
    expect_status 75
    "$AVCL" resume --store one --progress none "$(avcl_id one 'seed == 1')" >log 2>&1 &
    pid=$!
    wait_for 30 has_file one attempt-2.yaml
    kill -TERM "$pid"
    finish
    expect_status 75
    expect_files 1 one/runs attempt-2.yaml
}

has_file() { [ -n "$(find "$1/runs" -name "$2")" ]; }
avcl_id() { "$AVCL" ls -q --store "$1" "$2" | head -n1; }

test_queued_runs_are_what_was_planned() {
    tiny queue
    mkdir plugins
    cp "$SOURCE/plugins/template/backbone.c" plugins/mine.c
    cc -O1 -shared -fPIC -fvisibility=hidden -I "$INCLUDE" plugins/mine.c -o plugins/mine.avcl.so ||
        complain 'the template does not compile'
    sed -e "s/local y = g:scope.*/local y = g:backbone('tiny', { clip = x, name = 'audio' }, {}).pool/" \
        -e '/local w = g:weight/d' -e '/return g:global_avg_pool/d' -e '/^  end)$/d' \
        -i experiments/tiny.lua
    AVCL_PLUGIN_PATH=$PWD/plugins start store --seeds 1,2 --threads 1
    wait_for 60 has_epochs store 1 || cat log
    # The script is gone: what is queued goes on. The plugin changes: what is queued stops.
    local before
    before=$(sha256sum <experiments/tiny.lua | cut -d' ' -f1)
    echo 'error "edited"' >experiments/tiny.lua
    cc -O0 -g -shared -fPIC -fvisibility=hidden -I "$INCLUDE" plugins/mine.c -o plugins/new.so
    mv plugins/new.so plugins/mine.avcl.so
    kill -USR1 "$(workers store | head -n1)"
    finish
    expect_status 75
    expect_text 'has changed since this run was planned'
    grep -q "$before" store/runs/*/*/run.yaml || complain 'run.yaml has another script'
    expect_files 1 store/runs run.yaml
}

test_a_copy_of_a_live_store_is_sound() {
    tiny copy
    start store --seeds 1
    wait_for 30 has_epochs store 3
    cp -a store copy
    avcl store verify --store copy
    expect_status 0; expect_text '0 problems'
    avcl ls --store copy
    expect_text 'running'
    # shellcheck disable=SC2086
    avcl $LONG --store copy --seeds 1
    expect_status 75; expect_text 'another process runs it'
    expect_files 0 copy/runs attempt-2.yaml
    kill -TERM "$pid"
    finish
    expect_status 75
    avcl store merge store --store copy
    expect_status 0; expect_text '0 conflicts'
    avcl store verify --store copy
    expect_status 0
}

# claimers PROCESSES SEEDS: all at once on one store.
claimers() {
    local n pids=()
    for n in $(seq "$1"); do
        # shellcheck disable=SC2086
        "$AVCL" $TINY --store shared --only narrow --seeds "1-$2" >"log-$n" 2>&1 &
        pids+=($!)
    done
    for n in "${pids[@]}"; do
        wait "$n"
        case $? in 0 | 75) ;; *) complain "a claimer ended with $?" ;; esac
    done
    # shellcheck disable=SC2086
    avcl $TINY --store shared --only narrow --seeds "1-$2"
    expect_status 0
    expect_files $((3 * $2)) shared/runs result.yaml
    expect_files $((3 * $2)) shared/runs attempt-1.yaml
    expect_files 0 shared/runs attempt-2.yaml
    expect_files 0 shared/runs 'result.conflict*'
    # shellcheck disable=SC2086
    avcl store verify --store shared
    expect_status 0; expect_text '0 problems'
}

test_eight_processes_do_each_run_once() {
    tiny claimers
    claimers 8 "${E2E_CLAIMS:-20}"
}

test_a_read_only_store_is_readable() {
    tiny read-only
    mkdir mounted
    if ! mount -t tmpfs -o size=16m tmpfs mounted 2>/dev/null; then
        echo '    (skipped: this user may not mount a small file system)'
        return
    fi
    # shellcheck disable=SC2086
    avcl $TINY --store mounted/store --seeds 1
    expect_status 0
    mount -o remount,ro mounted
    local verb
    for verb in ls status 'store verify' "show $(avcl_id mounted/store 'stage == "test"')" \
        'plan experiments/tiny.lua --seeds 1'; do
        # shellcheck disable=SC2086
        avcl $verb --store mounted/store
        expect_status 0
    done
    # shellcheck disable=SC2086
    avcl $TINY --store mounted/store --seeds 1
    expect_status 0; expect_text '6 skipped'
    # shellcheck disable=SC2086
    avcl $TINY --store mounted/store --seeds 2
    expect_status 5; expect_text 'Read-only file system'
    expect_no_text 'stack traceback'
    mount -o remount,rw mounted
    # shellcheck disable=SC2086
    avcl $TINY --store mounted/store --seeds 1,2
    expect_status 0
}

test_a_clock_that_is_set_back() {
    tiny clock
    if ! command -v faketime >/dev/null; then
        echo '    (skipped: no faketime)'
        return
    fi
    # shellcheck disable=SC2086
    avcl $TINY --store whole --seeds 1-2
    expect_status 0
    start store --seeds 1
    wait_for 30 has_epochs store 3
    # Nobody takes over what is alive, whatever the clock says.
    # shellcheck disable=SC2086
    output=$(faketime -f -5m "$AVCL" $LONG --store store --seeds 1 2>&1)
    status=$? shown=0
    expect_status 75; expect_text 'another process runs it'
    kill -KILL "$pid"
    finish 2>/dev/null
    # shellcheck disable=SC2086
    avcl $TINY --store back --seeds 1
    # shellcheck disable=SC2086
    output=$(faketime -f -5m "$AVCL" $TINY --store back --seeds 1-2 2>&1)
    status=$? shown=0
    expect_status 0; expect_text '6 skipped'
    expect_same_stores whole back
    output=$(faketime -f -5m "$AVCL" ls 'state == "done"' -q --store back 2>&1)
    expect_same 12 "$(printf '%s\n' "$output" | grep -c .)" 'runs listed'
    # At eight it stops, and says why.
    # shellcheck disable=SC2086
    output=$(faketime '2026-11-25 07:59:58' "$AVCL" $LONG --store late --seeds 1 --until 08:00 2>&1)
    status=$? shown=0
    expect_status 75; expect_text '--until' 'checkpoint written'
    # shellcheck disable=SC2086
    avcl $TINY --store back --until 8
    expect_status 3; expect_text "'8' is not a time"
}

run_tests test_jobs_change_no_bit test_a_crash_is_one_failed_run test_signals \
    test_queued_runs_are_what_was_planned test_a_copy_of_a_live_store_is_sound \
    test_eight_processes_do_each_run_once test_a_read_only_store_is_readable \
    test_a_clock_that_is_set_back
