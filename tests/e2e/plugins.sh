#!/usr/bin/env bash
# Plugins as a stranger builds them: one .c file, one cc line, a folder on AVCL_PLUGIN_PATH.
. "$(dirname "$0")/lib.sh"

TEMPLATE=$SOURCE/plugins/template/backbone.c

# compile SOURCE OUTPUT: the line that the template shows.
compile() {
    output=$(${CC:-cc} -Wall -Wextra -Wpedantic -Werror -shared -fPIC -fvisibility=hidden \
        -I"$INCLUDE" "$1" -o "$2" 2>&1)
    status=$?
    expect_status 0
}

test_template_trains_from_a_script() {
    project template
    synth_data
    mkdir plugins
    compile "$TEMPLATE" plugins/tiny.avcl.so
    export AVCL_PLUGIN_PATH=$PWD/plugins
    sed -i "s/width = 2,/width = 2, backbone = 'tiny',/" experiments/_base/avcl.lua
    avcl run experiments/study.lua
    expect_status 0; expect_text '3 done'
    grep -qF 'org.example.tiny' "$(run_of results run.yaml)/run.yaml" ||
        complain 'the record does not name the plugin'
    avcl graph experiments/study.lua --check-gradients
    expect_status 0
    unset AVCL_PLUGIN_PATH
    avcl run experiments/study.lua --store other
    expect_status 4; expect_text "'tiny'"
}

test_template_works_from_avcl_lua() {
    project template-lua
    mkdir plugins
    compile "$TEMPLATE" plugins/tiny.avcl.so
    cat >use.lua <<'END'
local avcl = require 'avcl'
local g = avcl.graph()
local taps = g:backbone('tiny', { clip = g:input('x', { 2, 3, 4, 16, 16 }), name = 'net' },
  { width = 5 })
g:keep('pool', taps.pool)
g:minimize(1, g:mean(g:square(taps.pool)))
local s = avcl.session(g, { device = 'reference', precision = 'f64', seed = 1 })
local x = {}
for i = 1, 2 * 3 * 4 * 16 * 16 do x[i] = math.sin(i) end
s:set('x', x):run 'train'
local pool, shape = s:array 'pool'
local norm = 0
for _, v in ipairs(s:array 'grad/net/conv1/weight') do norm = norm + v * v end
print(table.concat(shape, 'x'), #pool, norm > 0 and norm < math.huge and 'gradient')
END
    AVCL_PLUGIN_PATH=$PWD/plugins avcl lua use.lua
    expect_status 0; expect_text "2x10	20	gradient"
}

test_parameters_of_a_plugin_are_checked() {
    project template-params
    mkdir plugins
    compile "$TEMPLATE" plugins/tiny.avcl.so
    export AVCL_PLUGIN_PATH=$PWD/plugins
    avcl plugin info tiny --param width=0
    expect_status 3; expect_sentence; expect_text 'width = 0 is below 1'
    avcl plugin info tiny --param widht=4
    expect_status 3; expect_sentence; expect_text "did you mean 'width'?"
    avcl plugin info tiny --json --param width=4
    expect_status 0
    # 4 x 3 x 27 + 8 x 4 x 27 weights, and a scale and a shift for 4 and 8 channels.
    expect_text '"parameters":1212' '"state":24'
}

test_wrong_abi_is_refused_with_both_numbers() {
    project abi
    mkdir plugins
    local theirs=41.2 ours
    ours=$(sed -n 's/^#define AVCL_ABI_M[AI][JN]OR \([0-9]*\).*/\1/p' "$INCLUDE/avcl/plugin.h" |
        paste -sd.)
    mkdir -p include/avcl
    cp "$INCLUDE"/avcl/*.h include/avcl/
    sed -i 's/^#define AVCL_ABI_MAJOR .*/#define AVCL_ABI_MAJOR 41/
            s/^#define AVCL_ABI_MINOR .*/#define AVCL_ABI_MINOR 2/' include/avcl/plugin.h
    INCLUDE=$PWD/include compile "$TEMPLATE" plugins/old.avcl.so
    export AVCL_PLUGIN_PATH=$PWD/plugins
    avcl plugin list
    expect_status 0; expect_text 'refused' 'old.avcl.so' "ABI $theirs" "$ours" 'r3d'
    avcl plugin info tiny
    expect_status 4; expect_sentence; expect_text 'old.avcl.so' "ABI $theirs" "$ours"
    avcl plugin list --json
    expect_status 0; expect_text '"state":"refused"'
}

test_files_that_are_no_plugins_are_refused() {
    project nonsense
    mkdir plugins
    echo 'not an object' >plugins/text.avcl.so
    : >plugins/empty.avcl.so
    head -c 2000 "$BUILD/lib/avcl/plugins-1/r3d.avcl.so" >plugins/cut.avcl.so
    AVCL_PLUGIN_PATH=$PWD/plugins avcl plugin list
    expect_status 0
    expect_text text.avcl.so empty.avcl.so cut.avcl.so
    expect_same 3 "$(printf '%s\n' "$output" | grep -c '^refused')" 'refused files'
    AVCL_PLUGIN_PATH=$PWD/nowhere avcl plugin info r3d
    expect_status 0
}

test_info_of_r3d_is_the_papers() {
    avcl plugin info r3d --json --input 3,16,112,112
    expect_status 0
    expect_text '"parameters":14361792' '{"name":"conv5","shape":[512,2,7,7]}' \
        '{"name":"pool","shape":[512]}'
    printf '%s' "$output" | python3 -m json.tool >/dev/null || complain 'it is not JSON'
    avcl plugin info r3d --input 3,16
    expect_status 3; expect_sentence
}

# A study of five points whose third one crashes inside a plugin's kernel.
test_a_crash_in_a_kernel_ends_one_run() {
    project crash
    synth_data
    mkdir plugins
    sed 's/return run(r, attrs, inputs\[0\], outputs\[0\], 1);/if (((const struct attrs *)attrs)->fraction == 0.3) __builtin_trap();\n    &/' \
        "$SOURCE/plugins/shift/shift.c" >shift.c
    compile shift.c plugins/shift.avcl.so
    export AVCL_PLUGIN_PATH=$PWD/plugins
    cat >experiments/_base/model.lua <<'END'
return function(g, p)
  local x = g:op('shift', { g:input 'rgb' }, { fraction = p.fraction })
  local v = g:backbone('r3d', { clip = x, name = 'video' }, { width = 2 })
  local a = g:backbone('r3d', { clip = g:input 'mel', name = 'audio' }, { width = 2 })
  g:minimize(g:mean(g:square(v.pool - a.pool)))
  return { features = { v.pool, a.pool } }
end
END
    cat >experiments/study.lua <<'END'
local avcl = require 'avcl'
local base = require 'experiments._base.avcl'
base.defaults.fraction = 0.1
base.stages = { pretrain = base.stages.pretrain }
local rows = {}
for i, f in ipairs { FRACTIONS } do rows[i] = { label = 'f' .. f .. '-' .. i, fraction = f, batch = 3 + i } end
return avcl.experiment {
  name = 'crash', base = base, model = require 'experiments._base.model',
  rows = avcl.rows(rows), columns = {}, seeds = { 1 },
}
END
    cp experiments/study.lua study.txt
    sed -i 's/FRACTIONS/0.1, 0.2, 0.3, 0.4, 0.45/' experiments/study.lua
    avcl run experiments/study.lua
    expect_status 1; expect_text '4 done' '1 failed'
    grep -rqF 'crashed in org.example.shift/shift forward (SIGILL)' results/runs ||
        complain 'no record names plugin and op'
    # Two more of the kind, and the plugin is out.
    sed 's/FRACTIONS/0.3, 0.3, 0.3, 0.3, 0.3/' study.txt >experiments/study.lua
    avcl run experiments/study.lua
    avcl plugin list
    expect_text quarantined 'org.example.shift/shift forward (SIGILL)'
    avcl run experiments/study.lua
    expect_text "'shift'"
    avcl --plugin plugins/shift.avcl.so plugin list # named: another chance
    expect_no_text quarantined
}

# In f64, with every gradient: what a plugin of a stranger's has to pass.
# Devices too: of those the file itself is looked at.
test_what_is_shipped_passes_its_check() {
    for file in "$BUILD"/lib/avcl/plugins-*/*.avcl.so; do
        avcl plugin check "$(basename "$file" .avcl.so)"
        expect_status 0; expect_text ' 0 failed'
        # A stopped gradient differs from finite differences on purpose.
        output=$(grep '^warn' <<<"$output" | grep -v stop_gradient)
        expect_same '' "$output" warnings
    done
}

# One step of the whole of AVCL with each: eq. 11 through both towers, or one for both.
test_backbones_are_one_key_away() {
    cd "$SOURCE" || exit 2
    for name in r2plus1d c3d; do
        for more in models=1 'stem=7' 'stem=3 audio.in_channels=1'; do
            # shellcheck disable=SC2086
            avcl graph experiments/table2.lua --only conv3 backbone=$name width=2 batch=2 $more
            expect_status 0; expect_text 'train '
        done
    done
}

# build_shift SED: the shift example, changed, in place of what is there.
build_shift() {
    sed "$1" "$SOURCE/plugins/shift/shift.c" >shift.c
    compile shift.c plugins/shift.new
    mv plugins/shift.new plugins/shift.avcl.so
}

# A kernel's mathematics are the author's word; without it an old number is never current.
test_a_changed_kernel_makes_old_numbers_stale() {
    project stale
    synth_data
    mkdir plugins
    export AVCL_PLUGIN_PATH=$PWD/plugins
    sed -i "s/g:input 'rgb'/g:op('shift', { g:input 'rgb' }, { fraction = 0.34 })/" \
        experiments/_base/model.lua
    build_shift ''
    avcl run experiments/study.lua
    expect_status 0; expect_text '3 done'
    avcl table experiments/study.lua
    expect_status 0; expect_no_text stale
    avcl ls
    expect_no_text stale
    build_shift 's/int64_t source = t + step/int64_t source = t + 2 * step/' # numerics = 1 still
    avcl table experiments/study.lua
    expect_status 0; expect_text '[1 stale]' 'another file of org.example.shift'
    avcl table experiments/study.lua --format json
    expect_text '"n_stale":1'
    avcl why experiments/study.lua base synth
    expect_text 'done, stale' 'another file of org.example.shift'
    avcl ls 'stage == "test"'
    expect_text 'done, stale'
    avcl run experiments/study.lua --dry-run
    expect_text 'stale: the code changed since (org.example.shift)'
    avcl run experiments/study.lua --rerun=code
    expect_status 0; expect_text '3 done'
    avcl table experiments/study.lua
    expect_no_text stale
    # With the author's word they are other runs.
    build_shift 's/\.numerics = 1/.numerics = 2/'
    avcl table experiments/study.lua
    expect_text '0/1 seeds'; expect_no_text stale
}

# A builder's mathematics are its graph.
test_a_changed_builder_makes_other_runs() {
    project builder
    synth_data
    mkdir plugins
    export AVCL_PLUGIN_PATH=$PWD/plugins
    compile "$TEMPLATE" plugins/tiny.avcl.so
    sed -i "s/width = 2,/width = 2, backbone = 'tiny',/" experiments/_base/avcl.lua
    avcl run experiments/study.lua
    expect_status 0; expect_text '3 done'
    sed 's/2 \* p->width/3 * p->width/' "$TEMPLATE" >tiny.c # numerics = 1 still
    compile tiny.c plugins/tiny.new && mv plugins/tiny.new plugins/tiny.avcl.so
    avcl table experiments/study.lua
    expect_text '0/1 seeds'
    avcl run experiments/study.lua --dry-run
    expect_text 'graph changed'
    (cat "$TEMPLATE"; echo 'static const int other_bytes __attribute__((used)) = 7;') >tiny.c
    compile tiny.c plugins/tiny.new && mv plugins/tiny.new plugins/tiny.avcl.so
    avcl table experiments/study.lua
    expect_no_text '0/1 seeds' stale
}

# What a kernel says of a step, and what it computes, has a name.
test_a_failing_kernel_is_named() {
    project failing
    synth_data
    mkdir plugins
    export AVCL_PLUGIN_PATH=$PWD/plugins
    sed -i "s/g:input 'rgb'/g:op('shift', { g:input 'rgb' }, { fraction = 0.34 })/" \
        experiments/_base/model.lua
    build_shift 's/return run(r, attrs, inputs\[0\], outputs\[0\], 1);/static int n; if (++n == 4) return r->host->report(r->call, AVCL_E_IO, "the fourth is too much"); &/'
    avcl run experiments/study.lua
    expect_status 1
    expect_text 'org.example.shift/shift' 'the fourth is too much' 'model.lua:'
    expect_no_text 'stack traceback'
    build_shift 's/return run(r, attrs, inputs\[0\], outputs\[0\], 1);/avcl_status rc = run(r, attrs, inputs[0], outputs[0], 1); *(float *)outputs[0]->data = 0.0f \/ 0.0f; return rc;/'
    avcl run experiments/study.lua --store nan
    expect_status 1
    expect_text 'org.example.shift/shift' 'model.lua:'
}

run_tests test_template_trains_from_a_script test_template_works_from_avcl_lua \
    test_parameters_of_a_plugin_are_checked test_wrong_abi_is_refused_with_both_numbers \
    test_files_that_are_no_plugins_are_refused test_info_of_r3d_is_the_papers \
    test_a_crash_in_a_kernel_ends_one_run test_what_is_shipped_passes_its_check \
    test_backbones_are_one_key_away test_a_changed_kernel_makes_old_numbers_stale \
    test_a_changed_builder_makes_other_runs test_a_failing_kernel_is_named
