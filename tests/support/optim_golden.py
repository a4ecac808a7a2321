#!/usr/bin/env python3
"""The numbers of tests/unit/test_optimiser.c, by PyTorch in f64.

    python3 tests/support/optim_golden.py

Two weights, w [2, 2] and bias [2]; step i (from 1) minimises
sum(w * w * x) * i + sum(bias * y). LARS is solo-learn's (solo/utils/lars.py), written
out: PyTorch has none.
"""
import torch

torch.set_default_dtype(torch.float64)
X = torch.tensor([[0.5, -1.0], [2.0, 0.25]])
Y = torch.tensor([0.3, -0.7])
N_STEPS = 4


def start():
    w = torch.tensor([[1.0, -0.5], [0.25, 2.0]], requires_grad=True)
    return w, torch.tensor([0.1, -0.2], requires_grad=True)


def loss(w, bias, i):
    return (w * w * X).sum() * i + (bias * Y).sum()


def lars_step(params, state, lr, momentum, decay, trust, eps, exclude, clip):
    for p in params:
        d = p.grad
        of_w, of_g = p.data.norm(), d.norm()
        if p.ndim != 1 or not exclude:
            if of_w != 0 and of_g != 0:
                rate = of_w / (of_g + of_w * decay + eps) * trust
                if clip:
                    rate = min(rate / lr, 1)
                d = (d + decay * p.data) * rate
        v = state.setdefault(p, torch.zeros_like(p))
        v.mul_(momentum).add_(d)
        p.data.sub_(lr * v)


def run(make, clip_norm=0.0, accumulate=1, rates=None):
    params = start()
    step = make(params)
    for i in range(1, N_STEPS + 1):
        for p in params:
            p.grad = None
        for k in range(accumulate):
            (loss(*params, i + k) / accumulate).backward()
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(params, clip_norm)
        step(rates[i - 1] if rates else None)
    return [x for p in params for x in p.detach().flatten().tolist()]


def torch_optimiser(cls, groups=None, **options):
    def make(params):
        o = cls(groups(params) if groups else params, **options)

        def step(rate):
            for g in o.param_groups:
                if rate is not None:
                    g["lr"] = rate
            o.step()
        return step
    return make


def lars(**options):
    def make(params):
        state = {}
        return lambda _: lars_step(params, state, **options)
    return make


def scoped(params):
    return [{"params": [params[0]], "lr": 0.01, "weight_decay": 0.1}, {"params": [params[1]]}]


def undecayed(params):
    return [{"params": [params[0]]}, {"params": [params[1]], "weight_decay": 0}]


SGD, ADAMW = torch.optim.SGD, torch.optim.AdamW
CASES = {
    "sgd": run(torch_optimiser(SGD, lr=0.05, momentum=0.9, weight_decay=0.01)),
    "nesterov": run(torch_optimiser(SGD, lr=0.05, momentum=0.9, weight_decay=0.01,
                                    nesterov=True)),
    "undecayed biases": run(torch_optimiser(SGD, undecayed, lr=0.05, momentum=0.9,
                                            weight_decay=0.1)),
    "scopes": run(torch_optimiser(SGD, scoped, lr=0.05, momentum=0.9, weight_decay=0.01)),
    "clipped": run(torch_optimiser(SGD, lr=0.05, momentum=0.9), clip_norm=0.75),
    "accumulated": run(torch_optimiser(SGD, lr=0.05, momentum=0.9), accumulate=3),
    "accumulated, clipped": run(torch_optimiser(SGD, lr=0.05, momentum=0.9), 0.75, 3),
    "adamw": run(torch_optimiser(ADAMW, lr=0.05, betas=(0.9, 0.99), weight_decay=0.1)),
    "adamw, clipped": run(torch_optimiser(ADAMW, lr=0.05, betas=(0.9, 0.99),
                                          weight_decay=0.1), 0.75),
    "lars": run(lars(lr=0.5, momentum=0.9, decay=0.01, trust=0.02, eps=1e-8, exclude=True,
                     clip=False)),
    "lars of everything": run(lars(lr=0.5, momentum=0.9, decay=0.01, trust=0.02, eps=1e-8,
                                   exclude=False, clip=False)),
    "lars, clipped rate": run(lars(lr=0.05, momentum=0.9, decay=0.01, trust=0.2, eps=1e-8,
                                   exclude=True, clip=True)),
}
for name, values in CASES.items():
    print(f'{{"{name}", {{{", ".join(repr(v) for v in values)}}}}},')
