"""PyTorch's side: train.py agree DIR STEPS | train.py time, options after it; prints JSON."""
import argparse
import json
import os
import statistics
import time

FIELDS = "/proc/self/stat"


def process_age():
    """Seconds since this process was started."""
    after_name = open(FIELDS).read().rpartition(")")[2].split()
    started = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def peak_mib():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def options():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["agree", "time"])
    p.add_argument("--dir")
    p.add_argument("--backbone", default="r3d")
    p.add_argument("--tower", default="both")
    p.add_argument("--width", type=int, default=64)
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--frames", type=int, default=16)
    p.add_argument("--size", type=int, default=112)
    p.add_argument("--mel", type=int, default=112)
    p.add_argument("--steps", type=int, default=3)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--bf16", action="store_true")
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--decay", type=float, default=5e-4)
    p.add_argument("--gate", choices=["relu", "sigmoid"], default="relu")
    return p.parse_args()


def random_batch(torch, o):
    g = torch.Generator().manual_seed(1)
    return {
        "rgb": torch.randint(0, 256, (o.batch, 3, o.frames, o.size, o.size), dtype=torch.uint8,
                             generator=g),
        "mel": torch.rand((o.batch, 1, 1, o.mel, o.mel), generator=g).half(),
        "label": torch.randint(0, 32, (o.batch,), generator=g),
    }


def stepper(torch, model, o):
    optimiser = torch.optim.SGD(model.parameters(), lr=o.lr, momentum=0.9,
                                weight_decay=o.decay)

    def step(batch):
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=o.bf16):
            loss = model(batch)
        loss.backward()
        optimiser.step()
        return loss.item()
    return step


def main():
    o = options()
    import torch
    import net
    torch.set_num_threads(o.threads or len(os.sched_getaffinity(0)))
    torch.manual_seed(1)
    model = net.make(o.backbone, o.tower, o.width, o.gate)
    if o.what == "agree":
        net.load(model, os.path.join(o.dir, "weights.safetensors"))
        batch = net.read_safetensors(os.path.join(o.dir, "batch.safetensors"))
        step = stepper(torch, model, o)
        print(json.dumps({"losses": [step(batch) for _ in range(o.steps)]}))
        return
    batch, step = random_batch(torch, o), stepper(torch, model, o)
    start_s, times = process_age(), []
    for _ in range(o.steps + 1):
        began = time.perf_counter()
        step(batch)
        times.append(time.perf_counter() - began)
    print(json.dumps({"start_s": start_s, "first_step_s": times[0], "times_s": times[1:],
                      "step_s": statistics.median(times[1:]), "rss_mib": peak_mib(),
                      "version": torch.__version__, "threads": torch.get_num_threads()}))


main()
