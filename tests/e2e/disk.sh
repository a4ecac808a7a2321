#!/usr/bin/env bash
# A disk that is full: one sentence, nothing half-written, and the same command finishes later.
. "$(dirname "$0")/lib.sh"

unmount() { umount "$ROOT"/*/full 2>/dev/null; }
trap 'unmount; rm -rf "$ROOT"' EXIT

# mount_disk SIZE: a file system of that size as ./full; false where one may not mount.
mount_disk() {
    mkdir -p full
    mount -t tmpfs -o "size=$1" tmpfs full 2>/dev/null
}

# What is there must be whole: documents with their end marks, tensors that can be opened.
expect_sound_files() {
    local file
    expect_nothing_half_written full
    while read -r file; do
        [ "$(tail -n1 "$file")" = '...' ] || complain "half of a document: $file"
    done < <(find full -name '*.yaml' -size +0)
    while read -r file; do
        echo "require 'avcl'.safetensors(arg[1])" >open.lua
        "$AVCL" lua open.lua "$file" >/dev/null 2>&1 || complain "half of a checkpoint: $file"
    done < <(find full -name '*.safetensors')
}

# From room for next to nothing to room for all but the last file.
test_full_at_any_point_then_more_space() {
    project disk
    synth_data
    if ! mount_disk 1m; then
        echo '    (skipped: this user may not mount a small file system)'
        return
    fi
    unmount
    avcl run experiments/study.lua --store whole
    expect_status 0
    local kib stopped=0
    for kib in 4 24 48 200 560; do
        mount_disk "${kib}k" || complain 'cannot mount'
        avcl run experiments/study.lua --store full/store
        if [ "$status" != 0 ]; then
            stopped=$((stopped + 1))
            expect_text 'No space left on device'
            [ "$status" = 1 ] || [ "$status" = 5 ] || complain "exit $status with $kib KiB"
        fi
        expect_no_text 'stack traceback'
        expect_same 1 "$(printf '%s\n' "$output" | grep -c 'No space left')" "sentences, $kib KiB"
        expect_sound_files
        mount -o remount,size=8m full
        avcl run experiments/study.lua --store full/store
        expect_status 0
        output=$("$E2E/compare_stores.py" whole full/store 2>&1)
        status=$? shown=0
        expect_status 0
        unmount
    done
    holds 'n == 5' n="$stopped"
}

test_synthetic_set_on_a_full_disk() {
    project synth-disk
    if ! mount_disk 300k; then
        echo '    (skipped: this user may not mount a small file system)'
        return
    fi
    local size='--clips 24 --train 12 --val 12 --test 12 --seconds 1 --size 40x32'
    # shellcheck disable=SC2086
    avcl data synth full/set $size
    expect_status 5; expect_sentence; expect_text 'full/set' 'No space left on device'
    [ ! -e full/set/manifest.csv ] || complain 'a manifest of files that are not there'
    find full -name '*.mp4' | while read -r file; do
        "$AVCL" data md5 "$file" >/dev/null 2>&1 || echo "    half of a video: $file"
    done | grep . && problems=$((problems + 1))
    mount -o remount,size=8m full
    # shellcheck disable=SC2086
    avcl data synth full/set $size
    expect_status 0
    expect_nothing_half_written full
    expect_same "$(cd "${E2E_DATA:-$ROOT/shared-synth}" && find . -type f -exec sha256sum {} + | sort)" \
        "$(cd full/set && find . -type f -exec sha256sum {} + | sort)" 'sets'
    unmount
}

test_output_that_cannot_be_written_is_no_success() {
    output=$("$AVCL" plugin list 2>&1 >/dev/full)
    status=$? shown=0
    expect_status 1
}

run_tests test_full_at_any_point_then_more_space test_synthetic_set_on_a_full_disk \
    test_output_that_cannot_be_written_is_no_success
