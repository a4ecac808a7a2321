"""The three backbones in PyTorch, from the layer tables, with the names of the published code.

  published_nets.py make DIR NET     DIR/NET.safetensors and .pt: random weights and statistics,
                                     their features of DIR/clip and DIR/mel in DIR/NET.theirs
  published_nets.py check DIR NET    DIR/NET.exported loads strictly and gives DIR/NET.ours
"""
import json
import sys

import torch
from torch import nn
from torch.nn import functional as F

WIDTH = 8
# f32, 20 layers deep, in two programs that sum in different orders.
TOLERANCE = 1e-4


class Whole(nn.Module):
    def __init__(self, c_in, c_out, kernel, stride, pad):
        super().__init__()
        self.temporal_spatial_conv = nn.Conv3d(c_in, c_out, kernel, stride, pad, bias=False)

    def forward(self, x):
        return self.temporal_spatial_conv(x)


class Factorised(nn.Module):
    def __init__(self, c_in, c_out, kernel, stride, pad):
        super().__init__()
        (t, d, _), (st, sd, _), (pt, pd, _) = kernel, stride, pad
        mid = t * d * d * c_in * c_out // (d * d * c_in + t * c_out)
        self.spatial_conv = nn.Conv3d(c_in, mid, (1, d, d), (1, sd, sd), (0, pd, pd), bias=False)
        self.bn = nn.BatchNorm3d(mid)
        self.temporal_conv = nn.Conv3d(mid, c_out, (t, 1, 1), (st, 1, 1), (pt, 0, 0), bias=False)

    def forward(self, x):
        return self.temporal_conv(F.relu(self.bn(self.spatial_conv(x))))


class Block(nn.Module):
    def __init__(self, conv, c_in, c_out, s):
        super().__init__()
        self.halves = s > 1
        if self.halves:
            self.downsampleconv = conv(c_in, c_out, (1, 1, 1), (s, s, s), (0, 0, 0))
            self.downsamplebn = nn.BatchNorm3d(c_out)
        self.conv1 = conv(c_in, c_out, (3, 3, 3), (s, s, s), (1, 1, 1))
        self.bn1 = nn.BatchNorm3d(c_out)
        self.conv2 = conv(c_out, c_out, (3, 3, 3), (1, 1, 1), (1, 1, 1))
        self.bn2 = nn.BatchNorm3d(c_out)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downsamplebn(self.downsampleconv(x)) if self.halves else x))


class Stage(nn.Module):
    def __init__(self, *block):
        super().__init__()
        self.block1 = Block(*block)

    def forward(self, x):
        return self.block1(x)


class Residual(nn.Module):
    def __init__(self, conv, w):
        super().__init__()
        self.conv1 = conv(3, w, (3, 7, 7), (1, 2, 2), (1, 3, 3))
        self.bn1 = nn.BatchNorm3d(w)
        self.conv2 = Stage(conv, w, w, 1)
        self.conv3 = Stage(conv, w, 2 * w, 2)
        self.conv4 = Stage(conv, 2 * w, 4 * w, 2)
        self.conv5 = Stage(conv, 4 * w, 8 * w, 2)
        self.linear = nn.Linear(8 * w, 5)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.conv5(self.conv4(self.conv3(self.conv2(x)))).mean((2, 3, 4))


class C3D(nn.Module):
    LAYERS = ("1", "2", "3a", "3b", "4a", "4b", "5a", "5b")
    POOLS = {"1": 1, "2": 2, "3b": 2, "4b": 2}

    def __init__(self, w):
        super().__init__()
        c_in = 3
        for name, c_out in zip(self.LAYERS, (w, 2 * w, 4 * w, 4 * w, 8 * w, 8 * w, 8 * w, 8 * w)):
            setattr(self, "conv" + name, nn.Conv3d(c_in, c_out, 3, padding=1))
            setattr(self, "bn" + name, nn.BatchNorm3d(c_out))
            c_in = c_out
        self.linear = nn.Linear(8 * w, 5)

    def forward(self, x):
        for name in self.LAYERS:
            x = F.relu(getattr(self, "bn" + name)(getattr(self, "conv" + name)(x)))
            if name in self.POOLS:
                x = F.max_pool3d(x, (min(self.POOLS[name], x.shape[2]), 2, 2))
        return x.mean((2, 3, 4))


NETS = {
    "r3d": lambda: Residual(Whole, WIDTH),
    "r2plus1d": lambda: Residual(Factorised, WIDTH),
    "c3d": lambda: C3D(WIDTH),
}


def write(path, tensors):
    header, at = {}, 0
    for name, t in tensors.items():
        kind = {torch.float32: "F32", torch.int64: "I64"}[t.dtype]
        size = t.numel() * t.element_size()
        header[name] = {"dtype": kind, "shape": list(t.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for t in tensors.values():
            f.write(t.contiguous().numpy().tobytes())


def read(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        data = f.read()
    return {name: torch.frombuffer(bytearray(data[slice(*t["data_offsets"])]),
                                   dtype=torch.float32).reshape(t["shape"])
            for name, t in header.items() if t.get("dtype") == "F32"}


def features(net, folder):
    inputs = read(folder + "/inputs")
    with torch.no_grad():
        return {name: net(x) for name, x in inputs.items()}


def randomise(net):
    for m in net.modules():
        if isinstance(m, nn.BatchNorm3d):
            m.running_mean.uniform_(-0.3, 0.3)
            m.running_var.uniform_(0.2, 2)
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.uniform_(m.bias, -0.2, 0.2)


def make(folder, name):
    torch.manual_seed(7)
    net = NETS[name]().eval()
    randomise(net)
    torch.manual_seed(3)  # every network sees the same
    write(folder + "/inputs", {"clip": torch.rand(2, 3, 8, 32, 32),
                               "mel": torch.rand(2, 3, 1, 32, 32)})
    write(f"{folder}/{name}.safetensors",
          {"module.base_network." + k: v for k, v in net.state_dict().items()})
    torch.save({"model": net.state_dict()}, f"{folder}/{name}.pt")
    write(f"{folder}/{name}.theirs", features(net, folder))


def same_tensors(a, b, what):
    assert a.keys() == b.keys(), (what, a.keys() ^ b.keys())
    for name in a:
        assert torch.equal(a[name], b[name]), (what, name)


def near(ours, theirs, what):
    assert ours.keys() == theirs.keys(), what
    for name, x in theirs.items():
        worst = ((ours[name] - x).abs().max() / x.abs().max()).item()
        assert worst < TOLERANCE, (what, name, worst)
        print(f"{what} {name}: features differ by {worst:.1e} of the largest")


def check(folder, name):
    # Theirs through ours and back: the same features, and every bit of every weight.
    near(read(f"{folder}/{name}.ours"), read(f"{folder}/{name}.theirs"), name + " imported")
    made = {k.replace("module.base_network.", ""): v
            for k, v in read(f"{folder}/{name}.safetensors").items()}
    same_tensors({k: v for k, v in made.items() if not k.startswith("linear")},
                 read(f"{folder}/{name}.back"), name)
    # Ours in theirs.
    net = NETS[name]().eval()
    linear = {"linear." + k: v for k, v in net.linear.state_dict().items()}
    net.load_state_dict({**read(f"{folder}/{name}.exported"), **linear}, strict=True)
    near(read(f"{folder}/{name}.own"), features(net, folder), name + " exported")


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](sys.argv[2], sys.argv[3])
