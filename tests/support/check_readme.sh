#!/usr/bin/env bash
# Executes README.md as a stranger would, in a project of its own: check_readme.sh BUILD_DIR.
#
# Fenced blocks, by their info string:
#   sh               runs; must exit 0 (`sh exit 3`: must exit 3)
#   sh no-run: WHY   does not run; the ./programs it names must exist
#   LANGUAGE FILE    becomes that file of the project (lua, c, csv)
#   output           stands, line by line and in this order, in what the last sh block
#                    printed; … stands for anything
#   text             is for the eye
# Any other block is a fault. Then: every environment variable, exit code and verb is named.
set -uo pipefail
cd "$(dirname "$0")/../.."
AVCL=$PWD
export AVCL
PATH=$(realpath "${1:?check_readme.sh BUILD_DIR}")/bin:$PATH
export PATH OMP_WAIT_POLICY=passive
readme=$AVCL/README.md
project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
# What a stranger's shell would not have set.
unset AVCL_PLUGIN_PATH AVCL_PLUGIN_PATH_ONLY AVCL_STORE
export XDG_DATA_HOME=$project/.data XDG_CONFIG_HOME=$project/.config
started=$SECONDS ran=0 bad=0
: >"$project/.state"

fault() { # fault LINE MESSAGE: the block, then why
    printf 'README.md:%d: %s\n%s\n' "$1" "$2" "$body"
    bad=1
}

write_file() {
    mkdir -p "$(dirname "$project/$1")"
    printf '%s' "$body" >"$project/$1"
}

check_programs() {
    local name
    for name in $(grep -oE '(^|[ ;&])\./[A-Za-z0-9_./-]+' <<<"$body"); do
        [ -x "$AVCL/$name" ] || fault "$line" "$name does not exist or cannot be run"
    done
}

# Exports last from block to block, as in one terminal.
run_block() {
    local want=$1 code
    (
        cd "$project" && . ./.state && set -e
        eval "$body"
        export -p | grep -E ' (AVCL_[A-Z_]*|PATH)=' >.state
    ) >"$project/.output" 2>&1
    code=$?
    ran=$((ran + 1))
    if [ $code != "$want" ]; then
        fault "$line" "exits $code, expected $want"
        sed 's/^/    | /' "$project/.output"
    fi
}

check_output() {
    local text pattern rest
    rest=$(cat "$project/.output")
    while IFS= read -r text; do
        [ -n "$text" ] || continue
        pattern=$(sed 's/[][\\.*^$+?(){}|]/\\&/g; s/…/.*/g' <<<"$text")
        if ! grep -qE "^$pattern\$" <<<"$rest"; then
            fault "$line" "no line '$text' in what was printed:"
            sed 's/^/    | /' "$project/.output"
            return
        fi
        rest=$(sed -E "1,/^$(sed 's|/|\\/|g' <<<"$pattern")\$/d" <<<$'\n'"$rest")
    done <<<"$body"
}

take_block() {
    case $info in
        'sh no-run: '*) check_programs ;;
        sh) run_block 0 ;;
        'sh exit '*) run_block "${info##* }" ;;
        output) check_output ;;
        text) ;;
        'lua '* | 'c '* | 'csv '*) write_file "${info#* }" ;;
        *) fault "$line" "a block of '$info' says neither where it goes nor why it does not run" ;;
    esac
}

number=0 info='' body='' inside=0 line=0
while IFS= read -r text; do
    number=$((number + 1))
    if [ $inside = 0 ] && [[ $text == '```'* ]]; then
        inside=1 info=${text#'```'} body='' line=$number
    elif [ $inside = 1 ] && [ "$text" = '```' ]; then
        inside=0
        take_block
        [ $bad = 0 ] || exit 1 # later blocks stand on this one
    elif [ $inside = 1 ]; then
        body+=$text$'\n'
    fi
done <"$readme"
[ $inside = 0 ] || fault "$line" 'a block without end'
[ $ran -ge 10 ] || { printf 'only %d blocks ran\n' "$ran"; bad=1; }

body=''
named() { grep -qF -- "$1" "$readme" || { printf 'README.md does not name %s\n' "$2"; bad=1; }; }
for name in $( (grep -rhoE "getenv ?\(? ?['\"][A-Z_]+['\"]" core/src lua
    grep -hoE "set '[A-Z_]+'" lua/avcl/cli/term.lua) | grep -oE '[A-Z_]{4,}'); do
    named "\`$name\`" "the environment variable $name"
done
for code in $(sed -n '/^M.exit = {/,/^}/p' lua/avcl/cli/init.lua | grep -oE '[0-9]+'); do
    named "| $code |" "exit code $code"
done
for verb in $(sed -n "/^M.verbs = {/,/^}/s/'\([a-z]*\)',/\1/gp" lua/avcl/cli/init.lua); do
    named "avcl $verb" "avcl $verb"
done
printf '%d blocks ran in %d s\n' "$ran" $((SECONDS - started))
exit $bad
