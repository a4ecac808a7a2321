#!/usr/bin/env bash
# Real videos that Debian ships: every frame as ffmpeg shows it, and a cache of them.
#
#   tests/e2e/debian_clips.sh BUILD_DIR
#
# Packages are fetched, looked into and forgotten; nothing is installed or kept. Where they
# cannot be had, it says so and passes: a mirror that is down is no fault of ours.
set -uo pipefail
cd "$(dirname "$0")/../.."
avcl=$(realpath "${1:?debian_clips.sh BUILD_DIR}")/bin/avcl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

# fetch PACKAGE PATH...: those files of it into the folder.
fetch() {
    local package=$1
    shift
    (cd "$dir" && apt-get download -qq "$package" >/dev/null 2>&1) || return 0
    mkdir -p "$dir/tree"
    dpkg-deb --fsys-tarfile "$dir/$package"_*.deb | tar -x -C "$dir/tree" "$@"
    find "$dir/tree" -type f -exec mv -t "$dir" {} +
}
fetch gem-doc ./usr/share/gem/examples/data/alea.mpg \
    ./usr/share/gem/examples/data/anim-1.mov ./usr/share/gem/examples/data/homer.avi
fetch psychtoolbox-3-common ./usr/share/psychtoolbox-3/PsychDemos/MovieDemos/DualDiscs.mov
fetch python-kivy-examples ./usr/share/kivy-examples/widgets/cityCC0.mpg

shopt -s nullglob
clips=("$dir"/*.mov "$dir"/*.mpg "$dir"/*.avi)
if [ ${#clips[@]} = 0 ]; then
    echo 'skipped: no package could be fetched'
    exit 0
fi

printf 'path,label,split\n' >"$dir/set.csv"
for clip in "${clips[@]}"; do
    name=$(basename "$clip")
    printf '%s,x,train\n' "$name" >>"$dir/set.csv"
    "$avcl" data md5 "$clip" | awk '{print $2}' >"$dir/ours"
    ffmpeg -v quiet -nostdin -noautorotate -i "$clip" -map 0:v:0 -vsync 0 -f framemd5 - |
        sed -n '/^#/!s/.*, *//p' >"$dir/theirs"
    if [ -s "$dir/ours" ] && cmp -s "$dir/ours" "$dir/theirs"; then
        printf '%-16s %4d frames as ffmpeg shows them\n' "$name" "$(wc -l <"$dir/ours")"
    else
        printf '%-16s differs from ffmpeg: %d frames, and %d of its\n' "$name" \
            "$(wc -l <"$dir/ours")" "$(wc -l <"$dir/theirs")"
        bad=1
    fi
done
"$avcl" data prepare "$dir/set.csv" "$dir/set.avclcache" --strict || bad=1
exit $bad
