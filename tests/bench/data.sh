#!/usr/bin/env bash
# What reading a data set costs: tests/bench/data.sh [ROUNDS]
#
# Files like Kinetics': 340x256, 10 s, 30 frames a second, H.264 with a key frame in 250
# frames, AAC. They are made here (moving test pictures with noise), so these are figures
# of synthetic video. Every figure is the median of ROUNDS, taken in turn in one process;
# rates are per second of CPU time of one core, waiting is wall clock on this machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
. core/tools/need.sh
rounds=${1:-5}
need_tests
build release data_bench
build release avcl_program
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# make NAME SECONDS SEED
make() {
    ffmpeg -v error -nostdin -y \
        -f lavfi -i "testsrc2=size=340x256:rate=30:duration=$2,noise=alls=14:allf=t:all_seed=$3" \
        -f lavfi -i "sine=frequency=$((200 + 50 * $3)):duration=$2" \
        -c:v libx264 -preset fast -crf 27 -pix_fmt yuv420p -c:a aac -ar 44100 -ac 2 \
        -shortest "$dir/$1"
}

make whole.mp4 60 1
printf 'path,label,split\n' >"$dir/set.csv"
for i in 0 1 2 3 4 5 6 7; do
    make "clip$i.mp4" 10 "$i"
    printf 'clip%d.mp4,c%d,train\n' "$i" $((i % 2)) >>"$dir/set.csv"
done
# Sixteen rows a batch: the clips again under other names.
for i in 0 1 2 3 4 5 6 7; do
    ln "$dir/clip$i.mp4" "$dir/twin$i.mp4"
    printf 'twin%d.mp4,c%d,train\n' "$i" $((i % 2)) >>"$dir/set.csv"
done
for codec in mjpeg yuv; do
    build/release/bin/avcl data prepare "$dir/set.csv" "$dir/set.$codec" --codec $codec >/dev/null
done
ls -l "$dir" | awk '/clip0|set\.(mjpeg|yuv)$/ {print $NF, $5 / 1e6, "MB"}'
lscpu | sed -n 's/^Model name: *//p'
OMP_WAIT_POLICY=PASSIVE build/release/bin/data_bench "$dir" "$rounds"
