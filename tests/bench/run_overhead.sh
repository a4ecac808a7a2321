#!/usr/bin/env bash
# A step inside `avcl run`, with loader, logging and records on, against `avcl bench step`.
#
#   tests/bench/run_overhead.sh            R3D width 16, 3x8x56x56, batch 16
#   tests/bench/run_overhead.sh --full     width 64, 3x16x112x112: minutes
#
# The clips are synthetic, in a prepared cache (core/doc/data.md). Two runs differ in nothing but their number of
# epochs; the difference of their times, over the difference of their steps, is what a step costs in the
# long run: decoding, compiling and start-up cancel. The bench is measured before, between and after.
set -euo pipefail
cd "$(dirname "$0")/../.."
avcl=${AVCL_PROGRAM:-$PWD/build/release/bin/avcl}
[ -x "$avcl" ] || { echo "no program $avcl: build it first" >&2; exit 1; }

width=16 frames=8 size=56 video=76x56 clips=160 few=2 many=8 steps=20
if [ "${1:-}" = --full ]; then
    width=64 frames=16 size=112 video=172x128 clips=48 few=1 many=4 steps=3
elif [ $# -gt 0 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/experiments"
cat >"$work/experiments/overhead.lua" <<LUA
local avcl = require 'avcl'

local function model(g, p)
  local v = g:backbone(p.backbone, { clip = g:input 'rgb', name = 'video' }, { width = p.width })
  local a = g:backbone(p.backbone, { clip = g:input 'mel', name = 'audio' }, { width = p.width })
  local f = g:fusion('amfm', { video = v.pool, audio = a.pool }, {})
  g:minimize(p.lambda_cor, g:alignment('cgra', { f.video, f.audio }, { lambda = p.lambda }))
  g:minimize(p.lambda_self, g:loss('selfcl', { f.video, f.audio }, { tau = p.tau }))
  return { features = { f.video, f.audio }, taps = { video = v, audio = a } }
end

return avcl.experiment {
  name = 'overhead', model = model, defaults = { data = 'data/clips.avclcache', width = $width, batch = 16 },
  inputs = {
    rgb = avcl.clip { frames = $frames, size = $size },
    mel = avcl.mel { crop = $size },
  },
  stages = { pretrain = { split = 'unlab', val_split = 'none', select = 'last' } },
}
LUA
cd "$work"
"$avcl" data synth data/made --clips "$clips" --train 12 --val 12 --test 12 --size "$video" --seconds 2 >/dev/null
"$avcl" data prepare data/made/manifest.csv data/clips.avclcache --for experiments/overhead.lua --codec yuv \
    >/dev/null 2>&1

bench() {
    "$avcl" bench step --width $width --clip 3,$frames,$size,$size --mel 1,$size,$size --steps $steps --json |
        sed 's/.*"step_s":\([^,]*\),.*/\1/'
}

# Seconds that the training of a run took, by its own record.
wall() {
    "$avcl" run experiments/overhead.lua "pretrain.epochs=$1" --store "store-$1-$2" >/dev/null 2>&1
    sed -n 's/^ *wall_s: *//p' $(find "store-$1-$2" -name result.yaml)
}

b1=$(bench) few1=$(wall $few 1) many1=$(wall $many 1)
b2=$(bench) few2=$(wall $few 2) many2=$(wall $many 2)
b3=$(bench)
awk -v b="$b1 $b2 $b3" -v f="$few1 $few2" -v m="$many1 $many2" -v per=$((clips / 16)) \
    -v epochs=$((many - few)) 'BEGIN {
    n = split(b, B, " "); best = B[1]; for (i = 2; i <= n; i++) if (B[i] < best) best = B[i]
    split(f, F, " "); split(m, M, " ")
    low_f = F[1] < F[2] ? F[1] : F[2]; low_m = M[1] < M[2] ? M[1] : M[2]
    run = (low_m - low_f) / (per * epochs)
    printf "bench step %.4f s (%s)\nstep in avcl run %.4f s (%s s less %s s, %d steps)\nratio %.3f, target 0.97\n",
        best, b, run, m, f, per * epochs, best / run
}'
