#!/usr/bin/env bash
# The allowed arrows of the architecture: who may include, require or name whom.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0

# refuse WHAT PATTERN FILES...: prints each line that must not be there.
refuse() {
    local what=$1 pattern=$2
    shift 2
    if grep -nE "$pattern" "$@" 2>/dev/null; then
        printf '  ^ %s\n' "$what"
        bad=1
    fi
}

mapfile -t core < <(git ls-files 'core/src/*.[ch]' 'core/include/*.h')
mapfile -t modules < <(git ls-files 'modules/*.[ch]' 'plugins/*.[ch]' 'plugins/*.cc')
mapfile -t plain < <(git ls-files 'modules/*.[ch]' 'plugins/*.[ch]' | grep -v '^modules/devices/')
mapfile -t lua < <(git ls-files 'lua/*.lua')
mapfile -t scripts < <(git ls-files 'experiments/*.lua')

refuse 'a module may include public headers only' \
    '#include "(base|graph|plugin|media|data|train|store|cli)/' "${modules[@]}"
refuse 'only devices may include avcl/device.h' '#include "avcl/device\.h"' "${plain[@]}"
refuse 'modules see no header above the plugin contract' \
    '#include "avcl/(graph|session|host|data|media|store|train)\.h"' "${modules[@]}"
refuse 'the core names no module' \
    '"(r3d|c3d|r2plus1d|amfm|cgra|selfcl|simclr|moco|byol)"' "${core[@]}"
refuse 'no OpenMP pragma: parallel_for is the only way to threads in kernels' \
    '#pragma omp' "${core[@]}" "${modules[@]}"
refuse 'the library never prints, exits or aborts' \
    '(^|[^a-z_])(printf|puts|exit|abort) *\(' $(printf '%s\n' "${core[@]}" | grep -v '/cli/')
mapfile -t not_ffi < <(printf '%s\n' "${lua[@]}" | grep -v '^lua/avcl/ffi\.lua$')
refuse "only lua/avcl/ffi.lua says ffi" "require *\(?['\"]ffi['\"]" "${not_ffi[@]}"
refuse 'the Lua layer knows no experiment' "require *\(?['\"]experiments" "${lua[@]}"
if [ ${#scripts[@]} -gt 0 ]; then
    refuse 'an experiment is a value' "\\<ffi\\>|os\.(time|execute)|io\.|[^.a-z_]print *\(" "${scripts[@]}"
fi
exit $bad
