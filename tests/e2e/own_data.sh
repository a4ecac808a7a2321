#!/usr/bin/env bash
# A user's own videos and list, from any folder, by one override.
. "$(dirname "$0")/lib.sh"

# own_set FOLDER: quoted commas and quotes, a folder, unlabelled rows; no split column.
own_set() {
    local clip i=0
    mkdir -p "$1/clips, raw" || exit 2
    printf '\xef\xbb\xbflabel,path\r\n' >"$1/list.csv" # as a spreadsheet leaves it
    for clip in $(find -L data/synth/train -name '*.mp4' | sort | head -n 8); do
        cp "$clip" "$1/clips, raw/take \"$i\".mp4"
        case $((i % 4)) in
            0) label='dog, barking' ;;
            1) label='door "slam"' ;;
            *) label='' ;;
        esac
        printf '"%s","clips, raw/take ""%d"".mp4"\r\n' "${label//\"/\"\"}" "$i" >>"$1/list.csv"
        i=$((i + 1))
    done
}

ONE_SPLIT='finetune.val_split=none finetune.select=last test.split=train batch=2'

test_own_csv_from_another_folder() {
    project own
    synth_data
    own_set "$ROOT/elsewhere/my set"
    mkdir -p "$ROOT/third/place"
    local script=$PWD/experiments/study.lua
    cd "$ROOT/third/place" || exit 2
    # shellcheck disable=SC2086
    avcl run "$script" data="$ROOT/elsewhere/my set/list.csv" $ONE_SPLIT pretrain.split=train \
        --store here
    expect_status 0; expect_text '3 done'
    output=$(python3 - here <<'END' 2>&1
import glob, sys, yaml
for path in sorted(glob.glob(sys.argv[1] + '/runs/*/*/run.yaml')):
    data, = yaml.safe_load(open(path))['provenance']['data']
    print('items', data['items'], 'synthetic', data['synthetic'])
for path in glob.glob(sys.argv[1] + '/runs/*/*/result.yaml'):
    metrics = yaml.safe_load(open(path))['metrics']
    if 'train' in metrics and 'n' in metrics['train']:
        print('scored', metrics['train']['n'], 'failed', metrics['train'].get('n_failed'))
END
)
    shown=0
    expect_same 3 "$(grep -c 'items 8 synthetic False' <<<"$output")" 'records of 8 own items'
    # The rows without a label are no test items.
    expect_text 'failed 0'
    expect_files 0 "$ROOT/third/place" '*.mp4'
    # Another way to the same list is the same run.
    cd "$ROOT/elsewhere/my set" || exit 2
    # shellcheck disable=SC2086
    avcl run "$script" data="$PWD/list.csv" $ONE_SPLIT pretrain.split=train \
        --store "$ROOT/third/place/here"
    expect_status 0; expect_text '3 skipped'
}

test_relative_list_and_names_of_sets() {
    project named
    synth_data
    own_set "$PWD/data/own"
    # shellcheck disable=SC2086
    avcl run experiments/study.lua data=data/own/list.csv $ONE_SPLIT pretrain.split=train
    expect_status 0; expect_text '3 done'
    echo "return { data = { mine = 'data/own/list.csv' } }" >avcl.lua
    # shellcheck disable=SC2086
    avcl run experiments/study.lua data=mine $ONE_SPLIT pretrain.split=train
    expect_status 0; expect_text '3 skipped'
    avcl run experiments/study.lua data=mien
    expect_status 4; expect_sentence; expect_text "did you mean 'mine'?"
}

test_a_list_beside_the_user() {
    project beside
    synth_data
    own_set "$ROOT/beside-data"
    local script=$PWD/experiments/study.lua
    cd "$ROOT/beside-data" || exit 2
    # shellcheck disable=SC2086
    avcl run "$script" data=list.csv $ONE_SPLIT pretrain.split=train --store here
    expect_status 0; expect_text '3 done'
}

run_tests test_own_csv_from_another_folder test_relative_list_and_names_of_sets \
    test_a_list_beside_the_user
