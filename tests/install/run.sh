#!/usr/bin/env bash
# What is installed works without what it was built from: tests/install/run.sh BUILD_DIR.
#
# As root the programs run as another user and with the source tree hidden from them.
export AVCL_BUILD=${1:?tests/install/run.sh BUILD_DIR}
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/prefix.sh"
chmod 755 "$ROOT"

test_install_by_an_ordinary_user() {
    user true
    # cmake notes there what it installed; the build may be somebody else's.
    [ "$(id -u)" != 0 ] || install -m 666 /dev/null "$BUILD/install_manifest.txt"
    user cmake --install "$BUILD" --prefix "$HOME_OF_USER/first" >install.log 2>&1 ||
        complain "cmake --install fails: $(tail -n3 install.log)"
    user mv "$HOME_OF_USER/first" "$PREFIX" # relocatable
    for path in bin/avcl lib/libavcl.so.0 lib/avcl/plugins-1/r3d.avcl.so include/avcl/plugin.h \
        lib/pkgconfig/avcl-plugin.pc share/avcl/lua/avcl/init.lua share/avcl/lua/avcl/cdef.lua \
        share/avcl/template share/bash-completion/completions/avcl share/doc/avcl/LICENSE; do
        [ -e "$PREFIX/$path" ] || complain "$path is not installed"
    done
    expect_no_path_of_ours "$PREFIX"
    expect_same '' "$(find "$PREFIX" -name '*.a' -o -name '*.o' -o -xtype l)" 'left-overs'
}

test_completion_is_bash() {
    bash -n "$PREFIX/share/bash-completion/completions/avcl" || complain 'not bash'
    grep -q plugin "$PREFIX/share/bash-completion/completions/avcl" || complain 'no verbs'
}

test_installed_program_trains() {
    trains "$PREFIX/bin/avcl" installed
}

test_a_plugin_needs_one_compiler_line() {
    local template=$PREFIX/share/avcl/template/backbone.c
    user mkdir "$HOME_OF_USER/one" && cd "$HOME_OF_USER/one" || exit 2
    user "${CC:-cc}" -Wall -Wextra -Wpedantic -Werror -shared -fPIC -fvisibility=hidden \
        -I"$PREFIX/include" "$template" -o line.avcl.so || complain 'the line fails'
    user sh -c 'PKG_CONFIG_PATH=$1/lib/pkgconfig; export PKG_CONFIG_PATH
        cc -shared $(pkg-config --cflags avcl-plugin) "$2" -o pkg.avcl.so' - "$PREFIX" \
        "$template" || complain 'the line with pkg-config fails'
    for file in line pkg; do
        expect_same 'avcl_plugin_v1' "$(exports $file.avcl.so)" "exports of $file"
        expect_no_line 'libavcl' "$(readelf -d $file.avcl.so)"
        hidden env AVCL_PLUGIN_PATH="$PWD" "$PREFIX/bin/avcl" plugin info tiny >"$ROOT/log" 2>&1 ||
            complain "info of $file: $(cat "$ROOT/log")"
    done
}

test_headers_are_c_and_cpp() {
    local header
    for header in "$PREFIX"/include/avcl/*.h; do
        echo "#include \"avcl/${header##*/}\"" >one.c
        "${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
            -I"$PREFIX/include" one.c || complain "${header##*/} is not C99"
    done
    printf '#include "avcl/plugin.h"\n#include "avcl/build.h"\nint main() { return 0; }\n' >one.cc
    for std in c++11 c++20; do
        "${CXX:-c++}" -std=$std -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
            -I"$PREFIX/include" one.cc || complain "the plugin headers are not $std"
    done
}

# make_new KIND: `plugin new`, then what its README says.
make_new() {
    output=$(hidden sh -c 'cd "$1" && export PATH="$2/bin:$PATH" &&
        avcl plugin new "$3" "my_$3" --id "org.lab.my_$3" && make -s -C "my_$3" check' - \
        "$HOME_OF_USER/new" "$PREFIX" "$1" 2>&1)
    status=$?
    expect_status 0; expect_text ' 0 failed, 0 warnings'
}

test_what_new_makes_passes_its_check() {
    user mkdir "$HOME_OF_USER/new"
    for kind in backbone fusion alignment loss method op dataset transform; do make_new "$kind"; done
    output=$(hidden "$PREFIX/bin/avcl" plugin new loss Wrong-Name 2>&1)
    status=$?
    expect_status 3; expect_sentence
    output=$(hidden "$PREFIX/bin/avcl" plugin new bakbone x 2>&1)
    status=$?
    expect_status 3; expect_sentence; expect_text "did you mean 'backbone'?"
    grep -qF 'data=my_dataset:' "$HOME_OF_USER/new/my_dataset/README.md" ||
        complain 'its README does not say how to use it'
}

# The examples, each in a folder of its own, with what the prefix offers and nothing else.
build_examples() {
    local name file
    user mkdir "$HOME_OF_USER/examples"
    for file in "$SOURCE"/plugins/[!t]*/*.c "$SOURCE"/plugins/*/*.cc; do
        name=$(basename "$(dirname "$file")")
        install -D -m 644 "$file" "$ROOT/from/$name/$(basename "$file")"
    done
    chmod -R a+rX "$ROOT/from"
    output=$(hidden sh -ec 'export PKG_CONFIG_PATH="$1/lib/pkgconfig"
        for file in "$2"/*/*.c "$2"/*/*.cc; do
            case $file in *.cc) compiler="c++ -std=c++17" ;; *) compiler=cc ;; esac
            out=$3/$(basename "${file%.*}").avcl.so
            $compiler -Wall -Wextra -Werror -O2 -shared $(pkg-config --cflags avcl-plugin) \
                "$file" -o "$out" -lm
        done' - "$PREFIX" "$ROOT/from" "$HOME_OF_USER/examples" 2>&1)
    status=$?
    expect_status 0
}

test_examples_pass_their_check() {
    build_examples
    for file in "$HOME_OF_USER"/examples/*.avcl.so; do
        output=$(hidden "$PREFIX/bin/avcl" plugin check "$file" 2>&1)
        status=$?
        expect_status 0; expect_text ' 0 failed, 0 warnings'
        expect_same avcl_plugin_v1 "$(exports "$file")" "exports of $file"
        [ -s "${file%.avcl.so}.check.json" ] || complain "no result beside $file"
    done
}

test_examples_train() {
    [ -d "$HOME_OF_USER/examples" ] || build_examples
    project examples
    cat >experiments/_base/model.lua <<'END'
return function(g, p)
  local rgb = g:op('org.example.shift/shift', { g:input 'rgb' }, { fraction = 0.34 })
  local v = g:backbone('s3dg', { clip = rgb, name = 'video' }, { width = p.width })
  local a = g:backbone('s3dg', { clip = g:input 'mel', name = 'audio' }, { width = p.width })
  local f = g:fusion('mmtm', { video = v.pool, audio = a.pool })
  g:minimize(0.1, g:loss('vicreg', { f.video, f.audio }))
  g:minimize(0.1, g:loss('barlow', { f.video, f.audio }))
  return { features = { f.video, f.audio }, taps = { video = v, audio = a } }
end
END
    cp "$SOURCE/tests/e2e/fixtures/to_npy.lua" .
    echo "return { data = { arrays = { dataset = 'npy', path = 'data/arrays' } } }" >avcl.lua
    chown -R "$(stat -c %u "$HOME_OF_USER")" .
    hidden "$PREFIX/bin/avcl" -C "$PWD" data synth data/synth --clips 24 --train 12 --val 12 \
        --test 12 --seconds 1 --size 40x32 >log 2>&1 || complain "no data: $(cat log)"
    hidden "$PREFIX/bin/avcl" -C "$PWD" lua to_npy.lua data/synth data/arrays >log 2>&1 ||
        complain "no arrays: $(cat log)"
    output=$(hidden env AVCL_PLUGIN_PATH="$HOME_OF_USER/examples" "$PREFIX/bin/avcl" \
        -C "$PWD" run experiments/study.lua data=arrays transforms.cutout.p=0.5 2>&1)
    status=$?
    expect_status 0; expect_text '3 done'
    for name in shift npy cutout s3dg; do
        grep -qF "org.example.$name" "$(run_of results epochs.jsonl)/run.yaml" ||
            complain "the record does not name the plugin $name"
    done
    grep -qF 'check: passed' "$(run_of results epochs.jsonl)/run.yaml" ||
        complain 'the record does not say that they passed their check'
}

# The section of README.md on plugins, line by line, by a user who has the prefix and nothing else.
test_first_backbone_of_the_readme() {
    user mkdir "$HOME_OF_USER/readme"
    awk '/^## /{ on = /in ten minutes/ } /^```/{ code = on && /^```sh/; next } code' \
        "$SOURCE/README.md" >lines
    [ "$(wc -l <lines)" -ge 3 ] || complain 'README.md has no such section'
    while IFS= read -r line; do
        output=$(hidden sh -ec 'cd "$1"; PATH=$2/bin:$PATH; export PATH; eval "$3"' - \
            "$HOME_OF_USER/readme" "$PREFIX" "$line" 2>&1 </dev/null)
        status=$?
        expect_status 0
        case $line in
            make*) expect_text ' 0 failed, 0 warnings' ;;
            *info*) expect_text 'backbone mynet' 'pool' 'passed' ;;
        esac
    done <lines
}

# The page is made from the schemas; this fails when a module changed and the page did not.
test_page_of_modules_is_current() {
    output=$("$AVCL" --safe lua "$SOURCE/core/tools/module_page.lua" |
        diff "$SOURCE/core/doc/modules.md" -) || complain 'core/doc/modules.md is not current'
}

test_packages_run_without_the_source_tree() {
    (cd "$BUILD" && cpack -B "$ROOT/packages" >"$ROOT/cpack.log" 2>&1) ||
        complain "cpack fails: $(tail -n5 "$ROOT/cpack.log")"
    local name
    name=$(basename "$ROOT"/packages/*.deb .deb)
    mkdir "$ROOT/tar" "$ROOT/deb" && chmod 755 "$ROOT/tar" "$ROOT/deb"
    tar -xzf "$ROOT/packages/$name.tar.gz" -C "$ROOT/tar"
    dpkg-deb -x "$ROOT/packages/$name.deb" "$ROOT/deb"
    output=$(dpkg-deb -f "$ROOT/packages/$name.deb" Depends)
    expect_text lua-argparse lua-filesystem libluajit libavformat libdnnl libopenblas
    expect_no_path_of_ours "$ROOT/tar" "$ROOT/deb"
    trains "$ROOT/tar/$name/bin/avcl" from-tar
    trains "$ROOT/deb/usr/bin/avcl" from-deb
}

run_tests test_install_by_an_ordinary_user test_completion_is_bash \
    test_installed_program_trains test_a_plugin_needs_one_compiler_line \
    test_headers_are_c_and_cpp test_what_new_makes_passes_its_check \
    test_examples_pass_their_check test_examples_train test_first_backbone_of_the_readme test_page_of_modules_is_current test_packages_run_without_the_source_tree
