# need.sh - installs the Debian packages that a script needs. Sourced, not run.
#
#   . core/tools/need.sh; need_build; need_tests
#
# As root or with password-less sudo it installs; otherwise it prints the exact
# command and exits 3. Quick when nothing is missing.

BUILD_PACKAGES="gcc libc6-dev cmake ninja-build pkg-config git luajit libluajit-5.1-dev
lua-argparse lua-filesystem libdnnl-dev libopenblas-openmp-dev libavformat-dev libavcodec-dev
libavutil-dev libswscale-dev libswresample-dev libfftw3-dev libyaml-dev libjansson-dev libssl-dev
libpng-dev libcairo2 fonts-dejavu-core"
TEST_PACKAGES="faketime libcmocka-dev clang g++ dpkg-dev libclang-rt-14-dev clang-format lua-busted lua-check ffmpeg
python3 python3-yaml python3-pandas python3-scipy librsvg2-bin zsh fish
libyaml-pp-perl"

missing_packages() {
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            printf '%s ' "$package"
    done
}

need_packages() {
    local missing as_root=""
    missing=$(missing_packages "$@")
    [ -z "$missing" ] && return 0
    if [ "$(id -u)" != 0 ]; then
        as_root="sudo"
        if ! sudo -n true 2>/dev/null; then
            printf 'missing Debian packages; install them with\n  sudo apt-get install %s\n' \
                "$missing" >&2
            exit 3
        fi
    fi
    printf 'installing: %s\n' "$missing" >&2
    if ! { $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        $as_root apt-get install -y -qq --no-install-recommends $missing; } >"${TMPDIR:-/tmp}/avcl-apt.log" 2>&1
    then
        tail -n 20 "${TMPDIR:-/tmp}/avcl-apt.log" >&2
        printf 'apt-get could not install: %s\n' "$missing" >&2
        exit 3
    fi
}

need_build() { need_packages $BUILD_PACKAGES; }
need_tests() { need_packages $BUILD_PACKAGES $TEST_PACKAGES; }

# build PRESET [TARGET]: configures and builds; quiet unless it fails.
build() {
    local preset=$1 target=${2:-all} log
    mkdir -p build
    log="build/$preset.log"
    if ! { cmake --preset "$preset" && cmake --build --preset "$preset" --target "$target"; } \
        >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        printf 'the %s build failed; the whole log is %s\n' "$preset" "$log" >&2
        return 1
    fi
}
