#!/usr/bin/env bash
# Watching and steering a sweep: the live display, status -w, logs -f, niceness, memory, take-over.
# shellcheck disable=SC2034  # status and shown are read by lib.sh
. "$(dirname "$0")/lib.sh"
set -m # every job in a group of its own

export XDG_CACHE_HOME=$ROOT/cache
TINY='run experiments/tiny.lua --threads 1'
# A sweep with runs that take as long as they are let.
LONG="$TINY --progress plain --only narrow pretrain.epochs=1000000"

tiny() {
    project "$1"
    cp "$E2E/fixtures/tiny.lua" experiments/
    synth_data
}

# start ARGS...: a long sweep in ./store in the background; its pid is $pid.
start() {
    # shellcheck disable=SC2086
    "$AVCL" $LONG --store store "$@" >log 2>&1 &
    pid=$!
}

stop() {
    kill -TERM "$pid" 2>/dev/null
    wait "$pid"
    status=$?
    output=$(cat log)
    shown=0
}

# has_epochs N [RUN]: of a run, or of all together.
has_epochs() { [ "$(cat store/runs/*/"${2:-}"*/epochs.jsonl 2>/dev/null | wc -l)" -ge "$1" ]; }
has_claims() { [ "$(find store/claims -name '*.1' 2>/dev/null | wc -l)" -ge "$1" ]; }
# Two runs have come through their first epoch.
both_began() { [ "$(cat store/runs/*/*/epochs.jsonl 2>/dev/null | grep -c '"epoch":1,')" = 2 ]; }
has_gone() { ! kill -0 "$1"; }
was_told_twice() { [ "$(grep -c '^running' watched)" -ge 2 ]; }
has_resumed() { grep -q 'kind: resume' store/runs/*/*/attempt-2.yaml; }
id_of() { "$AVCL" ls -q --store store "$1" | head -n1; }
worker() { sed -n 's/^pid: //p' store/claims/* | head -n1; }

# on_screen COLUMNS COMMAND...: on a terminal; what is seen at the end is $output.
on_screen() {
    output=$(env -u NO_COLOR TERM="${term:-xterm}" "$E2E/screen.py" "$1" typescript "${@:2}" 2>&1)
    status=$?
    shown=0
}

# What is said of the moving lines: $n frames, $widest of them, $rate a second.
moving_lines() {
    read -r n widest rate < <(printf '%s\n' "$output" |
        sed -n 's/^frames \([0-9]*\), widest \([0-9]*\), rate \(.*\)$/\1 \2 \3/p')
}

test_live_display() {
    tiny live
    # shellcheck disable=SC2086
    on_screen 120 "$AVCL" $TINY --store store --seeds 1 pretrain.epochs=2500
    expect_status 0; expect_text '6 done'
    expect_no_text 'ETA' # moving lines are gone at the end
    expect_same 6 "$(printf '%s\n' "$output" | grep -c '  done  ')" 'lines that stay'
    local seen
    seen=$(cat typescript)
    case $seen in *' · epoch '*'/2500 · step '*' · loss '*) ;; *) complain 'no epoch was shown' ;; esac
    case $seen in *'3/6 done · 1 run · ETA '*"row 'narrow' complete"*) ;; *) complain 'no total' ;; esac
    moving_lines
    # One more a second than 10 Hz for the run's own lines, which redraw too.
    holds 'n > 2 && widest < 120 && rate < 20' n="$n" widest="$widest" rate="$rate"
}

test_live_display_of_other_terminals() {
    tiny others
    # shellcheck disable=SC2086
    LC_ALL=C on_screen 40 "$AVCL" $TINY --store ascii --only narrow --seeds 1 pretrain.epochs=200
    expect_status 0
    LC_ALL=C grep -q $'[\x80-\xff]' typescript && complain 'no ASCII'
    # The window becomes narrow under way: no line is longer than it from then on.
    # shellcheck disable=SC2086
    RESIZE=30 on_screen 100 "$AVCL" $TINY --store narrow --only narrow --seeds 1 pretrain.epochs=2500
    expect_status 0
    moving_lines
    holds 'widest > 10 && widest < 30' widest="$widest"
    # shellcheck disable=SC2086
    term=dumb on_screen 80 "$AVCL" $TINY --store dumb --only narrow --seeds 1
    expect_status 0; expect_text 'frames 0,'
    grep -q $'\x1b' typescript && complain 'escape codes for a dumb terminal'
    # Ctrl-C on the terminal: a checkpoint, then the end; the cursor is below all lines.
    # shellcheck disable=SC2086
    INTERRUPT='· epoch ' on_screen 80 "$AVCL" $TINY --only narrow pretrain.epochs=1000000 \
        --store interrupted --seeds 1
    expect_status 75; expect_text 'checkpoint written'; expect_no_text 'ETA'
}

test_watching_from_elsewhere() {
    tiny elsewhere
    start --seeds 1
    wait_for 60 has_epochs 1
    local id
    id=$(id_of 'stage == "pretrain"')
    "$AVCL" status -w --store store >watched 2>&1 &
    local watcher=$!
    "$AVCL" logs -f --store store "$id" >followed 2>&1 &
    local follower=$!
    wait_for 60 grep -q '"epoch":3,' followed
    wait_for 60 was_told_twice
    stop
    expect_status 75
    wait_for 60 has_gone "$follower"
    wait "$follower"
    status=$? output=$(cat followed) shown=0
    expect_status 0; expect_text '"epoch":1,' 'stopped in epoch'
    wait_for 60 grep -q '1 stopped' watched
    kill -TERM "$watcher"
    wait "$watcher"
    status=$? output=$(cat watched) shown=0
    expect_status 143; expect_text '1 running' 'narrow' 'epoch '
    expect_no_text 'stack traceback' $'\x1b'
    expect_same "$(wc -l <store/runs/*/"$id"/epochs.jsonl)" "$(grep -c '"epoch":' followed)" 'epochs followed'
}

test_niceness_is_that_of_the_workers() {
    tiny nice
    start --seeds 1 --nice 7
    wait_for 60 has_epochs 1
    expect_same 7 "$(ps -o ni= -p "$(worker)" | tr -d ' ')" niceness
    stop
    expect_status 75
}

# The planned bytes of two runs do not fit, so the second waits, and goes on when there is room.
test_memory_is_given_in_turn() {
    tiny memory
    start --seeds 1,2 -j 2 --memory 0.000001
    wait_for 60 has_claims 2
    wait_for 60 has_epochs 20
    local first second
    first=$(find store/runs -name epochs.jsonl | head -n1 | cut -d/ -f4)
    second=$(id_of "run ~= '$first'")
    expect_files 1 store/runs epochs.jsonl
    avcl cancel --store store "$first"
    expect_status 0
    wait_for 60 has_epochs 2 "$second"
    stop
    expect_status 75
    # With room for both neither waits.
    rm -rf store
    start --seeds 1,2 -j 2
    wait_for 60 both_began
    stop
    expect_status 75
}

# A run of a machine that nobody can ask: its claim says another host.
test_steal() {
    tiny steal
    start --seeds 1 checkpoint_s=0
    wait_for 60 has_epochs 1
    kill -KILL "$pid" "$(worker)"
    wait "$pid" 2>/dev/null
    cat >elsewhere.lua <<'LUA'
local c, doc = require 'avcl.ffi', require 'avcl.doc'
local claim = doc.read(arg[1], 0)
claim.host = 'node17'
c.call('avcl_store_publish', arg[1], doc.new(claim), 1)
LUA
    "$AVCL" lua elsewhere.lua store/claims/*.1
    local id
    id=$(id_of 'state == "running"')
    [ -n "$id" ] || complain 'the run of the other machine does not count as running'
    avcl resume --store store --progress none "$id"
    expect_status 75
    expect_files 0 store/runs attempt-2.yaml
    "$AVCL" resume --steal --store store --progress none "$id" >log 2>&1 &
    pid=$!
    wait_for 60 has_resumed
    stop
    expect_status 75
    expect_files 1 store/claims "$id.2"
    avcl store verify --store store
    expect_status 0
}

run_tests test_live_display test_live_display_of_other_terminals test_watching_from_elsewhere \
    test_niceness_is_that_of_the_workers test_memory_is_given_in_turn test_steal
