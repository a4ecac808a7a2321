#!/usr/bin/env bash
# Data sets and transforms of plugins in a study: trained on, recorded, part of its identity.
. "$(dirname "$0")/lib.sh"

# compile SOURCE NAME: into plugins/ of the project.
compile() {
    mkdir -p plugins
    output=$(${CC:-cc} -Wall -Wextra -Wpedantic -Werror -O2 -shared -fPIC -fvisibility=hidden \
        -I"$INCLUDE" "$SOURCE/plugins/$1" -o "plugins/$2.avcl.so" -lm 2>&1)
    status=$?
    expect_status 0
    export AVCL_PLUGIN_PATH=$PWD/plugins
}

# Metrics of every epoch, without times.
metrics() {
    find "$1/runs" -name epochs.jsonl | sort | xargs sed 's/,"clips_per_s.*//' | sha256sum
}

runs_of() {
    find "$1/runs" -name run.yaml | sed 's|/run.yaml||; s|.*/||' | sort
}

test_arrays_train_like_files() {
    project arrays
    synth_data
    compile npy/npy.c npy
    avcl lua "$E2E/fixtures/to_npy.lua" data/synth data/arrays
    expect_status 0
    expect_files 60 data/arrays '*.wave.npy'
    avcl run experiments/study.lua data=npy:data/arrays workers=1 --store one
    expect_status 0; expect_text '3 done'
    grep -qF 'id: org.example.npy' "$(run_of one run.yaml)/run.yaml" ||
        complain 'the record does not name the plugin'
    avcl run experiments/study.lua data=npy:data/arrays workers=4 --store many
    expect_status 0
    expect_same "$(metrics one)" "$(metrics many)" metrics
    # Under a name of its own, with parameters; the same samples are the same runs.
    printf "return { data = { clips = { dataset = 'npy', path = 'data/arrays',\n%s } } }\n" \
        'params = { fps = 12 }' >avcl.lua
    avcl run experiments/study.lua data=clips --store one
    expect_status 0; expect_text '3 skipped'
    sed -i 's/fps = 12/fps = 6/' avcl.lua
    avcl run experiments/study.lua data=clips --store one --dry-run
    expect_text 'data changed'
    sed -i 's/fps = 6/fpz = 6/' avcl.lua
    avcl run experiments/study.lua data=clips --store one
    expect_status 3; expect_sentence; expect_text "did you mean 'fps'?"
    # What an array holds is part of the data, too.
    sed -i 's/fpz = 6/fps = 12/' avcl.lua
    printf '\377' | dd of=data/arrays/unlab/000000.npy bs=1 seek=200 conv=notrunc status=none
    avcl run experiments/study.lua data=clips --store one --dry-run
    expect_text 'data changed'
    rm data/arrays/unlab/000000.npy
    avcl run experiments/study.lua data=clips --store bad strict=true
    expect_status 1; expect_text 'org.example.npy/npy' '000000.npy' 'No such file'
    avcl data stats clips
    expect_status 3; expect_sentence; expect_text "read by the plugin 'npy'"
}

test_a_generated_set_is_called_synthetic() {
    project generated
    compile template/dataset.c tiny
    avcl run experiments/study.lua data=tiny: --store one
    expect_status 0; expect_text '3 done'
    grep -qF 'synthetic: true' "$(run_of one run.yaml)/run.yaml" ||
        complain 'the record does not say that the data are synthetic'
    avcl run experiments/study.lua data=tiny: --store two -j2
    expect_status 0
    expect_same "$(metrics one)" "$(metrics two)" metrics
    expect_same "$(runs_of one)" "$(runs_of two)" runs
    avcl run experiments/study.lua data=tinny: --store two
    expect_status 4; expect_sentence; expect_text "org.example.tiny/tiny"
}

test_a_transform_is_a_key_like_any_other() {
    project transforms
    synth_data
    compile cutout/cutout.c cutout
    avcl run experiments/study.lua --store plain
    expect_status 0
    avcl run experiments/study.lua transforms.cutout.p=0 --store plain
    expect_status 0; expect_text '3 skipped'
    avcl run experiments/study.lua transforms.cutout.p=0.5 workers=1 --store one
    expect_status 0; expect_text '3 done'
    grep -qF 'id: org.example.cutout' "$(run_of one epochs.jsonl)/run.yaml" ||
        complain 'the record does not name the plugin'
    avcl run experiments/study.lua transforms.cutout.p=0.5 workers=8 --store many
    expect_status 0
    expect_same "$(metrics one)" "$(metrics many)" metrics
    [ "$(metrics one)" != "$(metrics plain)" ] || complain 'it changes nothing'
    # Of a stage alone, and the table of a script.
    avcl run experiments/study.lua pretrain.transforms.cutout.p=1 --store one
    expect_status 0; expect_text '3 done'
    sed -i "s/seeds = { 1 },/seeds = { 1 }, transforms = { cutout = { p = 0.5 } },/" \
        experiments/study.lua
    avcl run experiments/study.lua --store one
    expect_status 0; expect_text '3 skipped'
    avcl run experiments/study.lua transforms.cutout.side=2 --store one
    expect_status 3; expect_sentence; expect_text 'transforms.cutout.side' '0..1'
    avcl run experiments/study.lua transforms.cutuot.p=1 --store one
    expect_status 3; expect_sentence; expect_text "did you mean"
    avcl help cutout
    expect_status 0; expect_text 'side = 0.5'
    # Other mathematics, and the author says so: other runs.
    sed 's/\.numerics = 1/.numerics = 2/' "$SOURCE/plugins/cutout/cutout.c" >other.c
    ${CC:-cc} -O2 -shared -fPIC -fvisibility=hidden -I"$INCLUDE" other.c -o plugins/cutout.new &&
        mv plugins/cutout.new plugins/cutout.avcl.so
    avcl run experiments/study.lua --store one --dry-run
    expect_no_text 'skip  '
}

test_an_error_of_a_plugin_is_a_sentence() {
    project failing
    synth_data
    sed 's/double centre\[2\];/&\n    if (t->shape[1] == 4) return r->host->report(r->call, AVCL_E_SHAPE, "takes no 4 frames");/' \
        "$SOURCE/plugins/cutout/cutout.c" >cutout.c
    mkdir plugins
    ${CC:-cc} -O2 -shared -fPIC -fvisibility=hidden -I"$INCLUDE" cutout.c \
        -o plugins/cutout.avcl.so
    export AVCL_PLUGIN_PATH=$PWD/plugins
    avcl run experiments/study.lua transforms.cutout.p=1
    expect_status 1; expect_text 'org.example.cutout/cutout: takes no 4 frames'
    expect_no_text 'stack traceback'
    sed -i 's/if (t->shape\[1\] == 4) return .*/__builtin_trap();/' cutout.c
    ${CC:-cc} -O2 -shared -fPIC -fvisibility=hidden -I"$INCLUDE" cutout.c \
        -o plugins/cutout.new && mv plugins/cutout.new plugins/cutout.avcl.so
    avcl run experiments/study.lua transforms.cutout.p=1 --store crashed
    expect_status 1
    expect_text 'crashed in org.example.cutout/cutout apply (SIGILL)'
}

run_tests test_arrays_train_like_files test_a_generated_set_is_called_synthetic \
    test_a_transform_is_a_key_like_any_other test_an_error_of_a_plugin_is_a_sentence
