"""avcl and PyTorch in turn on the same machine: agreement first, then one table of ratios."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Between the losses of two programs that round differently, relative to the first loss. Rounding
# differs by 1e-7 and 20 steps of training amplify it to some 1e-5; leaving out weight decay, as
# strong as it is set here, shows as 6e-3.
TOLERANCE = 2e-4
AGREE_STEPS, DECAY = 20, 0.05

TUNED = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=8589934592:"
                           "glibc.malloc.trim_threshold=17179869184:glibc.malloc.mmap_max=0"}

FULL = {"backbone": "r3d", "width": 64, "frames": 16, "size": 112, "mel": 112}
SMALL = {"backbone": "r3d", "width": 16, "frames": 8, "size": 56, "mel": 56}


def peer_of(bf16=False, tuned=False):
    return {"bf16": bf16, "tuned": tuned}


# What avcl runs, what PyTorch runs, and what the ratio should be; by backbone.
R3D = {
    "direct": ("f32, direct convolution", FULL, "both", ["--conv", "direct"],
               {"default": (peer_of(), 1.6), "tuned": (peer_of(tuned=True), 1.1)}),
    "auto": ("f32, auto", FULL, "both", ["--conv", "auto"],
             {"default": (peer_of(), 2.3), "tuned": (peer_of(tuned=True), 1.5)}),
    "bf16": ("bf16", FULL, "both", ["--precision", "bf16"],
             {"f32 tuned": (peer_of(tuned=True), 2.2),
              "bf16 tuned": (peer_of(bf16=True, tuned=True), 1.1)}),
    "audio": ("audio tower, f32", FULL, "audio", [], {"default": (peer_of(), 2.0)}),
    "small": ("small network, f32", SMALL, "both", [], {"default": (peer_of(), 1.8)}),
}


def video_of(backbone, name, target):
    full = {**FULL, "backbone": backbone}
    return {
        "video": (name + ", video tower, f32", full, "video", [], {"default": (peer_of(), target)}),
        "video-tuned": (name + ", video tower, f32", full, "video", [],
                        {"tuned": (peer_of(tuned=True), 1.0)}),
    }


ROWS = {"r3d": R3D, "c3d": video_of("c3d", "C3D", 1.8),
        "r2plus1d": video_of("r2plus1d", "R(2+1)D", 2.0)}
BATCH = {"r3d": 16, "c3d": 4, "r2plus1d": 4}


class Refused(Exception):
    pass


def run(command, env=None):
    done = subprocess.run(command, env={**os.environ, **(env or {})}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Refused((done.stderr or done.stdout).strip().splitlines()[-1])
    return json.loads(done.stdout)


def torch_train(*arguments, env=None):
    return run([sys.executable, "-B", os.path.join(HERE, "train.py"), *map(str, arguments)], env)


# ---- agreement -------------------------------------------------------------------------------

# name, tower, sizes, batch, steps, learning rate, conv. Both towers are compared with a sigmoid gate:
# under the printed ReLU channels die, and whether a dead one counts is a leap that no tolerance spans.
# They run direct convolution: CGRA divides by the spread of a handful of samples, which makes 4e-4 of
# Winograd's rounding (3 to 4 times direct convolution's); single towers agree to 1e-6 with either.
TINY = {"backbone": "r3d", "width": 8, "frames": 8, "size": 32, "mel": 32}
AGREEMENTS = [
    ("both towers", "both", TINY, 8, AGREE_STEPS, 1e-4, "direct"),
    ("video tower", "video", TINY, 8, AGREE_STEPS, 1e-2, "auto"),
    ("audio tower", "audio", TINY, 8, AGREE_STEPS, 1e-2, "auto"),
]
# Deeper nets part sooner: PyTorch against itself, weights off by 1e-7, parts by 1e-3 within 20 steps of
# R(2+1)D at 1e-3, and stays within 1e-4 at a tenth of that. So they learn at lower rates, under more
# decay: how far it shrinks the weights has to show.
GENTLE = {"c3d": (SMALL, 1e-4), "r2plus1d": (SMALL, 5e-5)}
SHRINK = 5e-4  # rate times decay
AT_FULL_SIZE = ("both towers, full size", "both", FULL, 4, 3, 1e-4, "direct")


def agreements(o):
    if o.backbone == "r3d":
        return AGREEMENTS + ([] if o.quick else [AT_FULL_SIZE])
    net, lr = GENTLE[o.backbone]
    cases = [("video tower", net, 8, AGREE_STEPS)]
    if not o.quick:
        cases.append(("video tower, full size", FULL, 4, 3))
    return [(name, "video", {**net, "backbone": o.backbone}, batch, steps, lr, "auto", SHRINK / lr)
            for name, net, batch, steps in cases]


def agree(program, name, tower, net, batch, steps, lr, conv, decay=DECAY):
    stage = "pretrain" if tower == "both" else "classify"
    keys = ["backbone=" + net["backbone"], "tower=" + tower, "width=%d" % net["width"], "batch=%d" % batch,
            "rgb.frames=%d" % net["frames"], "rgb.size=%d" % net["size"], "mel.crop=%d" % net["mel"],
            "amfm.gate=sigmoid", "conv=" + conv, "%s.optim.lr=%g" % (stage, lr),
            "%s.optim.weight_decay=%g" % (stage, decay)]
    with tempfile.TemporaryDirectory() as folder:
        ours = run([program, "lua", os.path.join(HERE, "trajectory.lua"), folder, str(steps)] + keys)
        theirs = torch_train("agree", "--dir", folder, "--steps", steps, "--tower", tower,
                             "--backbone", net["backbone"], "--width", net["width"], "--lr", lr, "--decay", decay,
                             "--gate", "sigmoid")
    a, b = ours["losses"], theirs["losses"]
    worst = max(abs(x - y) for x, y in zip(a, b)) / abs(b[0])
    good = worst <= TOLERANCE and len(a) == len(b) == steps
    print("%s, conv %s: %d steps, loss %.6g to %.6g (PyTorch %.6g to %.6g), largest difference %.1e of the "
          "first: %s" % (name, conv, steps, a[0], a[-1], b[0], b[-1], worst, "ok" if good else "OFF"))
    return good


# ---- time ------------------------------------------------------------------------------------

def merge(results):
    times = [t for r in results for t in r["times_s"]]
    return {"step_s": statistics.median(times), "best_s": min(times),
            "rss_mib": max(r["rss_mib"] for r in results),
            "start_s": min(r["start_s"] for r in results)}


def time_avcl(o, net, tower, extra):
    command = [o.avcl, "bench", "step", "--json", "--backbone", net["backbone"],
               "--tower", tower, "--batch", str(o.batch),
               "--width", str(net["width"]), "--steps", str(o.steps),
               "--clip", "3,%d,%d,%d" % (net["frames"], net["size"], net["size"]),
               "--mel", "1,%d,%d" % (net["mel"], net["mel"]), "--threads", str(o.threads)]
    return run(command + extra)


def time_torch(o, net, tower, peer):
    arguments = ["time", "--backbone", net["backbone"], "--tower", tower, "--batch", o.batch, "--width", net["width"],
                 "--frames", net["frames"], "--size", net["size"], "--mel", net["mel"],
                 "--steps", o.steps, "--threads", o.threads]
    return torch_train(*arguments, *(["--bf16"] if peer["bf16"] else []),
                       env=TUNED if peer["tuned"] else None)


def measure(o, row):
    title, net, tower, extra, peers = ROWS[o.backbone][row]
    ours, theirs = [], {name: [] for name in peers}
    for _ in range(o.rounds):  # in turn, so that a disturbance meets all
        try:
            ours.append(time_avcl(o, net, tower, extra))
        except Refused as why:
            return None, "%s: n/a (%s)" % (title, why)
        for name, (peer, _) in peers.items():
            theirs[name].append(time_torch(o, net, tower, peer))
    return merge(ours), {name: merge(list_) for name, list_ in theirs.items()}


HEAD = ("| step | avcl s | MiB | start s | PyTorch | s | MiB | start s | ratio | of the best | target |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|")


def print_row(o, row, ours, theirs):
    title, _, _, _, peers = ROWS[o.backbone][row]
    for name, t in theirs.items():
        print("| %s | %.3f | %d | %.2f | %s | %.3f | %d | %.2f | **%.2f** | %.2f | %.1f |" % (
            title, ours["step_s"], ours["rss_mib"], ours["start_s"], name, t["step_s"],
            t["rss_mib"], t["start_s"], t["step_s"] / ours["step_s"],
            t["best_s"] / ours["best_s"], peers[name][1]))
    sys.stdout.flush()


def machine(o):
    peak = run([o.avcl, "bench", "peak", "--json", "--threads", str(o.threads)])
    top = peak["rows"][-1]
    flags = open("/proc/cpuinfo").read()
    def number(name):
        return flags.split(name, 1)[1].split(":", 1)[1].split("\n", 1)[0].strip()
    return "%s (family %s, model %s), %d threads: f32 %.0f GFLOP/s, bf16 %s, read %.0f GB/s" % (
        peak["cpu"], number("cpu family"), number("model"), top["threads"], top["f32_gflops"],
        "%.0f GFLOP/s" % top["bf16_gflops"] if top["bf16_gflops"] else "none", top["read_gbps"])


def options():
    p = argparse.ArgumentParser(prog="peer.sh", description=__doc__)
    p.add_argument("rows", nargs="*", metavar="ROW", help="of r3d: " + ", ".join(R3D) + "; of others: video, video-tuned")
    p.add_argument("--backbone", choices=ROWS, default="r3d")
    p.add_argument("--quick", action="store_true", help="one round of one step, small agreement only")
    p.add_argument("--no-agree", action="store_true", help="rows only, after an earlier agreement")
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--steps", type=int, default=2)
    p.add_argument("--batch", type=int, help="16; 4 of c3d and r2plus1d")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--avcl", default="avcl", help="the program")
    o = p.parse_args()
    for row in o.rows:
        if row not in ROWS[o.backbone]:
            p.error("no row '%s'; there are %s" % (row, ", ".join(ROWS[o.backbone])))
    o.batch = o.batch or BATCH[o.backbone]
    if o.quick:
        o.rounds = o.steps = 1
    return o


def main():
    o = options()
    if not o.no_agree:
        cases = agreements(o)
        if not all([agree(o.avcl, *case) for case in cases]):
            raise SystemExit("the programs do not compute the same: nothing to compare")
    print("\n%s; batch %d, %d x %d steps\n\n%s" % (machine(o), o.batch, o.rounds, o.steps, HEAD))
    notes = []
    for row in o.rows or ROWS[o.backbone]:
        ours, theirs = measure(o, row)
        if ours is None:
            notes.append(theirs)
        else:
            print_row(o, row, ours, theirs)
    print("\nratio: medians, PyTorch's seconds by avcl's; of the best: fastest steps. Random data.")
    for note in notes:
        print(note)


main()
