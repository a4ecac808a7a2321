#!/usr/bin/env bash
# Formatting, Lua lint and the size list (a warning, not a gate).
set -uo pipefail
cd "$(dirname "$0")/../.."
bad=0

mapfile -t c_files < <(git ls-files '*.c' '*.h')
clang-format --dry-run --Werror "${c_files[@]}" || bad=1

mapfile -t lua_files < <(git ls-files '*.lua')
luajit /usr/bin/luacheck -q "${lua_files[@]}" || bad=1

for file in "${c_files[@]}" "${lua_files[@]}"; do
    lines=$(wc -l <"$file")
    case $file in
        core/include/*) [ "$lines" -le 250 ] || printf 'large: %s has %d lines\n' "$file" "$lines" ;;
        *) [ "$lines" -le 500 ] || printf 'large: %s has %d lines\n' "$file" "$lines" ;;
    esac
done
exit $bad
