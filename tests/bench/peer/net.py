"""The paper's networks in PyTorch, as a PyTorch user would write them.

Names of modules are avcl's names of weights, so that a checkpoint loads by name.
"""
import struct

import torch
from torch import nn
from torch.nn import functional as F

LAMBDA, LAMBDA_COR, LAMBDA_SELF, TAU = 0.005, 0.9, 0.1, 0.5  # eqs. 5, 11; tau as avcl's default


def whole(c_in, c_out, kernel, stride):
    return nn.Conv3d(c_in, c_out, kernel, stride, [k // 2 for k in kernel], bias=False)


class Factorised(nn.Module):
    """A convolution in space, then one in time, with as many weights as the whole one has."""

    def __init__(self, c_in, c_out, kernel, stride):
        super().__init__()
        t, d, _ = kernel
        between = t * d * d * c_in * c_out // (d * d * c_in + t * c_out)
        self.spatial = nn.Conv3d(c_in, between, (1, d, d), (1, *stride[1:]), (0, d // 2, d // 2),
                                 bias=False)
        self.bn = nn.BatchNorm3d(between)
        self.temporal = nn.Conv3d(between, c_out, (t, 1, 1), (stride[0], 1, 1), (t // 2, 0, 0),
                                  bias=False)

    def forward(self, x):
        return self.temporal(F.relu(self.bn(self.spatial(x)), inplace=True))


class Block(nn.Module):
    def __init__(self, conv, c_in, c_out, stride):
        super().__init__()
        self.conv1 = conv(c_in, c_out, (3, 3, 3), [stride] * 3)
        self.bn1 = nn.BatchNorm3d(c_out)
        self.conv2 = conv(c_out, c_out, (3, 3, 3), [1] * 3)
        self.bn2 = nn.BatchNorm3d(c_out)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential()
            self.downsample.add_module("conv", conv(c_in, c_out, (1, 1, 1), [stride] * 3))
            self.downsample.add_module("bn", nn.BatchNorm3d(c_out))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def stage(conv, c_in, c_out, stride):
    s = nn.Sequential()
    s.add_module("block1", Block(conv, c_in, c_out, stride))
    return s


class Residual(nn.Module):
    """R3D with whole convolutions, R(2+1)D with factorised ones."""

    def __init__(self, conv, width):
        super().__init__()
        self.conv1 = conv(3, width, (3, 7, 7), (1, 2, 2))
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = stage(conv, width, width, 1)
        self.conv3 = stage(conv, width, 2 * width, 2)
        self.conv4 = stage(conv, 2 * width, 4 * width, 2)
        self.conv5 = stage(conv, 4 * width, 8 * width, 2)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.conv5(self.conv4(self.conv3(self.conv2(x))))
        return F.adaptive_avg_pool3d(x, 1).flatten(1)


class C3D(nn.Module):
    """With batch norms and a global pool; the last two layers are as wide as conv4's."""

    LAYERS = [("1", 1, 0), ("2", 2, 1), ("3a", 4, 2), ("3b", 4, 0), ("4a", 8, 2), ("4b", 8, 0),
              ("5a", 8, 2), ("5b", 8, 0)]  # name, widths, frames a pool before it takes

    def __init__(self, width):
        super().__init__()
        c_in = 3
        for name, widths, _ in self.LAYERS:
            self.add_module("conv" + name, nn.Conv3d(c_in, widths * width, 3, 1, 1))
            self.add_module("bn" + name, nn.BatchNorm3d(widths * width))
            c_in = widths * width

    def forward(self, x):
        for name, _, frames in self.LAYERS:
            if frames:
                x = F.max_pool3d(x, (min(frames, x.shape[2]), 2, 2))
            conv, bn = getattr(self, "conv" + name), getattr(self, "bn" + name)
            x = F.relu(bn(conv(x)), inplace=True)
        return F.adaptive_avg_pool3d(x, 1).flatten(1)


BACKBONES = {"r3d": lambda width: Residual(whole, width), "c3d": C3D,
             "r2plus1d": lambda width: Residual(Factorised, width)}


class AMFM(nn.Module):
    """Equations 1 to 4: one gate for both streams."""

    def __init__(self, c, gate):
        super().__init__()
        self.gate = {"relu": F.relu, "sigmoid": torch.sigmoid}[gate]
        self.squeeze = nn.Linear(2 * c, c)
        self.excite = nn.Linear(c, c)

    def forward(self, v, a):
        gate = self.gate(self.excite(self.squeeze(torch.cat([v, a], 1))))
        return gate * v, gate * a


def cgra(v, a):
    """Equations 5 and 6; columns centred, a dead one has C = 0."""
    def normalise(x):
        centred = x - x.mean(0, keepdim=True)
        square = centred.square().sum(0, keepdim=True)
        alive = (square >= 1e-12 * x.square().sum(0, keepdim=True) + 1e-30).to(x.dtype)
        return centred * alive / torch.sqrt(square * alive + (1 - alive))
    c = normalise(v).t() @ normalise(a)
    on = torch.diagonal(c)
    return (1 - on).square().sum() + LAMBDA * (c.square().sum() - on.square().sum())


def selfcl(v, a):
    """Equations 7 to 10: summed over the clips, both directions."""
    v, a = F.normalize(v, dim=1), F.normalize(a, dim=1)
    va, off = v @ a.t() / TAU, torch.full((len(v),), -1e30)
    def others(across, x):
        within = x @ x.t() / TAU + torch.diag(off)
        return torch.logsumexp(torch.cat([across, within], 1), 1).sum()
    return others(va, v) + others(va.t(), a) - 2 * torch.diagonal(va).sum()


def pixels(batch):
    return batch["rgb"].float() / 255


def sound(batch):
    return batch["mel"].float().expand(-1, 3, -1, -1, -1)


class Both(nn.Module):
    def __init__(self, backbone, width, gate):
        super().__init__()
        self.video, self.audio = BACKBONES[backbone](width), BACKBONES[backbone](width)
        self.fusion = AMFM(8 * width, gate)

    def forward(self, batch):
        v, a = self.fusion(self.video(pixels(batch)), self.audio(sound(batch)))
        v, a = v.float(), a.float()
        return LAMBDA_COR * cgra(v, a) + LAMBDA_SELF * selfcl(v, a)


class One(nn.Module):
    """One tower under a linear classifier."""

    def __init__(self, backbone, tower, width, n_classes):
        super().__init__()
        self.tower, self.prepare = tower, pixels if tower == "video" else sound
        self.add_module(tower, BACKBONES[backbone](width))
        self.head = nn.Module()
        self.head.fc = nn.Linear(8 * width, n_classes)

    def forward(self, batch):
        logits = self.head.fc(getattr(self, self.tower)(self.prepare(batch)))
        return F.cross_entropy(logits.float(), batch["label"].long())


def make(backbone, tower, width, gate):
    return Both(backbone, width, gate) if tower == "both" else One(backbone, tower, width, 32)


DTYPES = {"F32": torch.float32, "F16": torch.float16, "U8": torch.uint8, "I32": torch.int32,
          "I64": torch.int64}


def read_safetensors(path):
    """The format is a length, a JSON header and the tensors' bytes."""
    import json
    with open(path, "rb") as f:
        data = bytearray(f.read())
    n, = struct.unpack("<Q", data[:8])
    out = {}
    for name, t in json.loads(data[8:8 + n]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + n + at for at in t["data_offsets"])
        flat = torch.frombuffer(data[begin:end], dtype=DTYPES[t["dtype"]])
        out[name] = flat.reshape(t["shape"])
    return out


def load(model, path):
    """avcl's checkpoint into the model: every weight and state of the model, no other."""
    have = {}
    for name, value in read_safetensors(path).items():
        kind, _, rest = name.partition("/")
        if kind in ("weight", "state"):
            have[rest.replace("/", ".")] = value
    want = {k for k in model.state_dict() if not k.endswith("num_batches_tracked")}
    if want != set(have):
        raise SystemExit("weights differ: %s" % sorted(want ^ set(have))[:6])
    model.load_state_dict(have, strict=False)
