#!/usr/bin/env bash
# The synthetic set: stopped and completed, the same seed gives the same bytes.
. "$(dirname "$0")/lib.sh"
set -m # every job in a group of its own; SIGINT is reset by env, for CI may have it ignored

SIZE='--clips 240 --train 12 --val 12 --test 12 --seconds 1 --size 40x32'

sums() {
    (cd "$1" && find . -type f -exec sha256sum {} + | sort)
}

videos_in() {
    [ "$(find "$1" -name '*.mp4' 2>/dev/null | wc -l)" -ge "$2" ]
}

test_stopped_and_completed_is_the_same_set() {
    cd "$ROOT" || exit 2
    # shellcheck disable=SC2086
    avcl data synth whole $SIZE
    expect_status 0; expect_text 'whole/manifest.csv'
    local pid
    # shellcheck disable=SC2086
    env --default-signal=INT "$AVCL" data synth cut $SIZE --workers 1 >log 2>&1 &
    pid=$!
    wait_for 30 videos_in cut 10
    kill -INT "$pid"
    wait "$pid"
    status=$? output=$(cat log) shown=0
    expect_status 75; expect_text 'the same command completes it'
    holds 'n < 276' n="$(find cut -name '*.mp4' | wc -l)"
    [ ! -e cut/manifest.csv ] || complain 'a manifest of files that are not there'
    # shellcheck disable=SC2086
    env --default-signal=INT "$AVCL" data synth cut $SIZE --workers 1 >log 2>&1 &
    pid=$!
    wait_for 30 videos_in cut 60
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    # shellcheck disable=SC2086
    avcl data synth cut $SIZE
    expect_status 0; expect_text 'cut/manifest.csv'
    expect_nothing_half_written cut
    expect_same "$(sums whole)" "$(sums cut)" 'sets'
    # A complete set stays as it is.
    # shellcheck disable=SC2086
    avcl data synth cut $SIZE
    expect_status 0
    expect_same "$(sums whole)" "$(sums cut)" 'sets'
    # More workers make the same, another seed another set.
    # shellcheck disable=SC2086
    avcl data synth single $SIZE --workers 1
    expect_same "$(sums whole)" "$(sums single)" 'sets of one worker'
    # shellcheck disable=SC2086
    avcl data synth other $SIZE --seed 1
    expect_same 0 "$(comm -12 <(sums whole | grep mp4 | cut -d' ' -f1 | sort) \
        <(sums other | grep mp4 | cut -d' ' -f1 | sort) | wc -l)" 'videos of seed 1'
}

test_wrong_sizes_are_refused() {
    cd "$ROOT" || exit 2
    avcl data synth odd --train 13
    expect_status 3; expect_sentence; expect_text '13' '12'
    [ ! -e odd/manifest.csv ] || complain 'a manifest was made'
    avcl data synth odd --difficulty 9
    expect_status 3; expect_sentence; expect_text '9' '1.5'
    avcl data synth odd --clips many
    expect_status 2; expect_sentence 2; expect_text 'many'
    avcl data synth /proc/none --clips 1
    [ "$status" = 4 ] || [ "$status" = 5 ] || complain "exit status $status, expected 4 or 5"
    expect_sentence; expect_text '/proc/none'
    make_synth begun
    avcl data synth begun --clips 30 --train 12 --val 12 --test 12 --seconds 1 \
        --size 44x32
    expect_status 5; expect_sentence; expect_text 'begun'
}

# png FILE: its width, height and colour type.
png() { python3 -c "import struct,sys; d=open(sys.argv[1],'rb').read(); print(*struct.unpack('>IIBB', d[16:26]))" "$1"; }

test_variants_masks_and_a_sheet() {
    cd "$ROOT" || exit 2
    avcl data synth more --classes 24 --clips 24 --train 24 --val 24 --test 24 --seconds 1 --size 40x32 \
        --shift 6 --silent 6 --black 6 --masks
    expect_status 0
    expect_same 24 "$(grep -c . more/classes.txt)" classes
    expect_same 6 "$(grep -c ',shift$' more/manifest.csv)" 'rows of shift'
    expect_files 24 more/masks/test '*.png'
    expect_same '40 384 8 0' "$(png more/masks/test/000000.png)" 'masks of 12 frames'
    avcl data sheet more --split test --columns 4 --size 40x30 --out sheet.png
    expect_status 0; expect_text 'row 1: hammer_metal' 'row 24: wavedown_chirp' sheet.png
    # 24 rows of 30 and 23 gaps of 2; four frames, gaps and a square of sound.
    expect_same '198 766 8 2' "$(png sheet.png)" 'sheets'
    avcl data sheet more --split tset
    expect_status 4; expect_sentence
    avcl data synth more --clips 24 --train 24 --val 24 --test 24 --seconds 1 --size 40x32
    expect_status 5; expect_sentence
}

run_tests test_variants_masks_and_a_sheet test_stopped_and_completed_is_the_same_set test_wrong_sizes_are_refused
