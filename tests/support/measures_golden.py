#!/usr/bin/env python3
"""The numbers of tests/unit/test_measures.c, by numpy in f64, written plainly.

    /usr/bin/python3 tests/support/measures_golden.py
"""
import numpy as np

N_TRAIN, N_TEST, D, K = 40, 25, 6, 4


def table(n, salt):
    i, k = np.arange(n)[:, None], np.arange(D)[None, :]
    noise = ((i * 37 + k * 101 + i * i * k * 13 + salt * 29) % 41 - 20) / 8.0
    label = np.arange(n) % K
    return noise + 1.5 * (label[:, None] == k), label


def sphere(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def accuracy(scores, label):
    own = scores[np.arange(len(label)), label][:, None]
    rank = (~(scores < own)).sum(1) - 1
    return 100 * (rank < 1).mean(), 100 * (rank < 2).mean()


def knn(x, lx, y, ly, k, t):
    s = sphere(y) @ sphere(x).T
    votes = np.zeros((len(y), K))
    for i in range(len(y)):
        for j in np.argsort(-s[i], kind="stable")[:k]:
            votes[i, lx[j]] += np.exp(s[i, j] / t)
    return accuracy(votes, ly)[0]


def probe(x, lx, y, ly, l2):
    """Newton's method on mean cross-entropy + l2 / 2 |W|^2, bias free."""
    mean, dev = x.mean(0), x.std(0)
    xs = np.hstack([(x - mean) / dev, np.ones((len(x), 1))])
    ys = np.hstack([(y - mean) / dev, np.ones((len(y), 1))])
    w = np.zeros((K, D + 1))
    decay = np.hstack([np.full((K, D), l2), np.full((K, 1), 1e-12)])  # b is free up to a shift
    for _ in range(50):
        z = xs @ w.T
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        g = (p - np.eye(K)[lx]).T @ xs / len(x) + decay * w
        h = np.zeros((K * (D + 1), K * (D + 1)))
        for i in range(len(x)):
            h += np.kron(np.diag(p[i]) - np.outer(p[i], p[i]), np.outer(xs[i], xs[i])) / len(x)
        h += np.diag(decay.ravel())
        w -= np.linalg.solve(h, g.ravel()).reshape(w.shape)
    z = xs @ w.T
    ce = (np.log(np.exp(z).sum(1)) - z[np.arange(len(x)), lx]).mean()
    return ce + l2 / 2 * (w[:, :D] ** 2).sum(), accuracy(z, lx)[0], accuracy(ys @ w.T, ly)[0]


def ranks(q, g, relevant, ignore=None):
    s = sphere(q) @ sphere(g).T
    out = []
    for i in range(len(q)):
        r = relevant[i]
        if r.any():
            other = ~r if ignore is None else ~r & ~ignore[i]
            out.append(1 + (s[i][other] >= s[i][r].max()).sum())
    return np.array(out)


def recalls(r):
    return [100 * (r <= k).mean() for k in (1, 5, 10, 20, 50)] + [np.median(r)]


x, lx = table(N_TRAIN, 0)
y, ly = table(N_TEST, 5)
a = y + ((np.arange(N_TEST)[:, None] * 7 + np.arange(D)[None, :] * 3) % 11 - 5) / 4.0
print("knn", knn(x, lx, y, ly, 5, 0.5), knn(x, lx, y, ly, 200, 0.1))
print("probe", *map(repr, probe(x, lx, y, ly, 0.01)))
same = np.eye(N_TEST, dtype=bool)
print("v2a", *map(repr, recalls(ranks(y, a, same))))
print("class", *map(repr, recalls(ranks(y, x, ly[:, None] == lx[None, :]))))
print("other", *map(repr, recalls(ranks(y, y, (ly[:, None] == ly[None, :]) & ~same, same))))
u = sphere(y)
gap = ((u[:, None] - u[None]) ** 2).sum(2)[np.triu_indices(N_TEST, 1)]
p = np.linalg.svd(y, compute_uv=False)
p /= p.sum()
print("uniformity", repr(np.log(np.exp(-2 * gap).mean())), "rank",
      repr(np.exp(-(p * np.log(p)).sum())), "spread", repr(u.std(0).mean() * np.sqrt(D)))
q = np.linalg.svd(y[:4], compute_uv=False)
q /= q.sum()
print("rank of 4 rows", repr(np.exp(-(q * np.log(q)).sum())))
print("alignment", repr(((sphere(y) - sphere(a)) ** 2).sum(1).mean()))
