#!/usr/bin/env bash
# What is wrong is said in one sentence with its place and a documented exit status.
. "$(dirname "$0")/lib.sh"

# A whole file of the synthetic set.
a_clip() {
    find -L data/synth -name '*.mp4' | sort | head -n1
}

test_media_that_is_none() {
    project media
    avcl data probe nothing.mp4
    expect_status 4; expect_sentence; expect_text "'nothing.mp4'" 'No such file'
    avcl data probe experiments
    expect_status 3; expect_sentence; expect_text "'experiments' is a directory"
    echo 'plain text, whatever its name says' >text.mp4
    avcl data probe text.mp4
    expect_status 3; expect_sentence; expect_text "'text.mp4'" 'not a media file'
    : >empty.mp4
    avcl data probe empty.mp4
    expect_status 3; expect_sentence; expect_text "'empty.mp4'"
}

# The index of a streamable file comes first, so a cut one still has its first frames: whole
# ones, in order; of the last few, those that were shown early but stored late are gone.
test_media_cut_short() {
    project cut
    synth_data
    local clip whole size
    clip=$(a_clip) size=$(stat -Lc %s "$clip")
    avcl data md5 "$clip"
    whole=$output
    head -c $((size * 8 / 10)) "$clip" >late.mp4
    avcl data md5 late.mp4
    expect_status 0
    # Every line of the cut one is one of the whole one's, in its order: nothing is left to add.
    expect_same '' "$(diff <(cut -f2 <<<"$whole") <(cut -f2 <<<"$output") | grep '^>')" frames
    expect_same "$(head -n3 <<<"$whole")" "$(head -n3 <<<"$output")" 'first frames'
    holds 'cut < all' cut="$(wc -l <<<"$output")" all="$(wc -l <<<"$whole")"
    head -c $((size / 5)) "$clip" >early.mp4
    avcl data probe early.mp4
    expect_status 3; expect_sentence; expect_text "'early.mp4'" 'partial file'
    ffmpeg -v error -i "$clip" -c copy -movflags 0 last.mp4
    head -c $((size / 2)) last.mp4 >noindex.mp4
    avcl data probe noindex.mp4
    expect_status 3; expect_sentence; expect_text "'noindex.mp4'" 'moov'
}

test_media_without_sound_works() {
    project mute
    synth_data
    ffmpeg -v error -i "$(a_clip)" -an -c copy mute.mp4
    avcl data probe mute.mp4 --json
    expect_status 0; expect_text '"has_audio":false'
    avcl data probe "$(a_clip)" --json
    expect_text '"has_audio":true'
    avcl data mel mute.mp4 -o mute.png
    expect_status 0
    # ... and trains, next to one with sound.
    mkdir -p data/mine
    cp mute.mp4 data/mine/0.mp4
    cp "$(a_clip)" data/mine/1.mp4
    printf 'path,label\n0.mp4,a\n1.mp4,b\n' >data/mine/manifest.csv
    avcl run experiments/study.lua data=mine pretrain.split=train batch=2 finetune.val_split=none \
        finetune.select=last test.split=train
    expect_status 0; expect_text '3 done'
}

test_bad_clips_stop_a_run_with_their_names() {
    project clips
    synth_data
    mkdir -p data/mine
    cp "$(a_clip)" data/mine/good.mp4
    echo text >data/mine/bad.mp4
    printf 'path,label,split\ngood.mp4,,unlab\nbad.mp4,,unlab\ngood.mp4,a,train\ngood.mp4,a,val\ngood.mp4,a,test\n' \
        >data/mine/manifest.csv
    printf 'a\n' >data/mine/classes.txt
    avcl run experiments/study.lua data=mine batch=2
    expect_status 1; expect_text 'bad.mp4' '1 of 2 samples' '1 failed'; expect_no_text 'stack traceback'
    expect_files 0 results/runs result.yaml
}

test_script_that_is_none() {
    project script
    avcl run experiments/none.lua
    expect_status 4; expect_sentence; expect_text 'experiments/none.lua'
    avcl run experiments
    expect_status 3; expect_sentence; expect_text "'experiments' is a directory"
    avcl lua experiments
    expect_status 3; expect_sentence; expect_text 'experiments'
    echo 'return 7' >experiments/seven.lua
    avcl run experiments/seven.lua
    expect_status 3; expect_sentence; expect_text 'experiments/seven.lua:1' 'avcl.experiment'
    echo 'retrun {}' >experiments/torn.lua
    avcl run experiments/torn.lua
    expect_status 3; expect_sentence; expect_text 'experiments/torn.lua:1'
}

test_unknown_key_has_its_line_and_a_hint() {
    project key
    sed -i 's/lr = 1e-2 }/lrr = 1e-2 }/' experiments/_base/avcl.lua
    avcl run experiments/study.lua
    expect_status 3; expect_sentence
    expect_text "experiments/_base/avcl.lua:$(grep -n lrr experiments/_base/avcl.lua |
        head -n1 | cut -d: -f1): unknown key 'lrr'" "did you mean 'lr'?"
    project key2
    sed -i 's/seeds =/seed =/' experiments/study.lua
    avcl run experiments/study.lua
    expect_status 3; expect_sentence
    expect_text "experiments/study.lua:$(grep -n 'seed =' experiments/study.lua | cut -d: -f1):" \
        "did you mean 'seeds'?"
    project key3
    avcl run experiments/study.lua lamda=1
    expect_status 3; expect_sentence; expect_text 'command line' "did you mean 'lambda'?"
}

test_wrong_type_and_value_out_of_range() {
    project value
    avcl run experiments/study.lua width=wide
    expect_status 3; expect_sentence; expect_text 'width=wide' 'not a number'
    avcl run experiments/study.lua width=0
    expect_status 3; expect_sentence; expect_text "'width'" 'is 0' '1..4096'
    avcl run experiments/study.lua rgb.normalise=tmena
    expect_status 3; expect_sentence; expect_text 'tmena' "did you mean 'tmean'?"
    local line
    line=$(grep -n 'lr = 1e-2 }' experiments/_base/avcl.lua | head -n1 | cut -d: -f1)
    sed -i "${line}s/lr = 1e-2/lr = '1e-2'/" experiments/_base/avcl.lua
    avcl run experiments/study.lua
    expect_status 3; expect_sentence
    expect_text "experiments/_base/avcl.lua:$line: 'lr'" 'must be a number'
    sed -i "${line}s/lr = '1e-2'/lr = -1/" experiments/_base/avcl.lua
    avcl run experiments/study.lua
    expect_status 3; expect_sentence; expect_text "avcl.lua:$line: 'lr'" 'is -1' 'above 0'
    expect_files 0 . results
}

test_unknown_backbone_lists_similar_ones() {
    project backbone
    synth_data
    avcl run experiments/study.lua backbone=r3
    expect_status 4; expect_sentence 2; expect_text 'model.lua:3' "'r3'" 'similar: avcl.r3d/r3d'
    expect_files 0 . result.yaml
    avcl plugin info r3
    expect_status 4; expect_sentence; expect_text "'r3'" 'r3d'
}

test_wrong_shapes_name_line_path_and_shapes() {
    project shapes
    synth_data
    sed -i 's/g:mean(g:square(f.video - f.audio))/g:matmul(f.video, f.audio)/' \
        experiments/_base/model.lua
    local line
    line=$(grep -n matmul experiments/_base/model.lua | cut -d: -f1)
    avcl run experiments/study.lua
    expect_status 3; expect_sentence 2
    expect_text "experiments/_base/model.lua:$line" 'matmul' '[4,16]'
    avcl graph experiments/study.lua
    expect_status 3; expect_sentence; expect_text "experiments/_base/model.lua:$line"
    expect_files 0 . result.yaml
}

test_unknown_data_and_bad_manifest() {
    project data
    avcl run experiments/study.lua data=nowhere
    expect_status 4; expect_sentence; expect_text "'nowhere'"
    mkdir -p data/mine
    printf 'path,labl\na.mp4,x\n' >data/mine/manifest.csv
    avcl run experiments/study.lua data=mine
    expect_status 3; expect_sentence; expect_text 'manifest.csv: line 1' "'labl'"
    printf 'path,label\n"a.mp4,x\n' >data/mine/manifest.csv
    avcl run experiments/study.lua data=mine
    expect_status 3; expect_sentence; expect_text 'manifest.csv: line 2'
}

# The run header has two lines; the refusal is one.
test_store_that_cannot_be_written() {
    project store
    synth_data
    local place
    for place in /proc/no-store experiments/study.lua/store; do
        avcl run experiments/study.lua --store "$place"
        expect_status 5; expect_sentence 3; expect_text "${place%/store}"
    done
    avcl table experiments/study.lua --store nowhere
    expect_status 4; expect_sentence; expect_text "'nowhere'"
    mkdir -p ro/store
    if chmod a-w ro/store && ! touch ro/store/probe 2>/dev/null; then
        avcl run experiments/study.lua --store ro/store
        expect_status 5; expect_sentence 3; expect_text 'ro/store'
        expect_files 0 ro/store '*.yaml'
    else
        echo '    (a folder without write permission: skipped, root may write everywhere)'
    fi
}

test_damaged_record_is_no_result() {
    project damaged
    synth_data
    avcl run experiments/study.lua pretrain.epochs=1 --only base
    expect_status 0
    local result
    result=$(find results/runs -name result.yaml | head -n1)
    sed -i 's/^metrics/mertics/' "$result"
    avcl run experiments/study.lua pretrain.epochs=1
    expect_status 5; expect_text "$result"; expect_no_text 'stack traceback'
}

test_usage_errors() {
    project usage
    avcl runn
    expect_status 2; expect_sentence 2; expect_text 'runn' "did you mean 'run'?"
    avcl run
    expect_status 2; expect_sentence 2; expect_text 'script'
    avcl run --sto x experiments/study.lua
    expect_status 2; expect_sentence 2; expect_text '--sto'
    avcl run experiments/study.lua --seeds one
    expect_status 3; expect_sentence; expect_text "'one'"
}

run_tests test_media_that_is_none test_media_cut_short test_media_without_sound_works \
    test_bad_clips_stop_a_run_with_their_names test_script_that_is_none \
    test_unknown_key_has_its_line_and_a_hint test_wrong_type_and_value_out_of_range \
    test_unknown_backbone_lists_similar_ones test_wrong_shapes_name_line_path_and_shapes \
    test_unknown_data_and_bad_manifest test_store_that_cannot_be_written \
    test_damaged_record_is_no_result test_usage_errors
