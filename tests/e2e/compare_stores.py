#!/usr/bin/env python3
"""Two stores hold the same runs with the same numbers, bit for bit; times aside.

  tests/e2e/compare_stores.py STORE OTHER
"""
import hashlib
import json
import pathlib
import sys

import yaml

TIMES = {'clips_per_s', 'wait_fraction', 'loader'}


def epochs(path):
    """Epoch -> line without its times; a repeated epoch must repeat its numbers."""
    seen = {}
    for line in path.read_text().splitlines():
        row = {k: v for k, v in json.loads(line).items() if k not in TIMES}
        if seen.setdefault(row['epoch'], row) != row:
            seen[row['epoch']] = (seen[row['epoch']], row)
    return seen


def facts(store):
    """What must not depend on how often a run was stopped."""
    out = {}
    for folder in sorted(pathlib.Path(store, 'runs').glob('*/*')):
        run = folder.name
        document = yaml.safe_load(next(iter((folder / 'result.yaml').read_text().split('\n...'))))
        for key in ('select', 'metrics', 'items', 'confusion'):
            out[run, key] = document.get(key)
        out[run, 'epochs'] = document.get('epochs')
        if (folder / 'epochs.jsonl').exists():
            out[run, 'curve'] = epochs(folder / 'epochs.jsonl')
        for ckpt in sorted(pathlib.Path(store, 'work', run[:2], run, 'ckpt').glob('*')):
            out[run, ckpt.name] = hashlib.sha256(ckpt.read_bytes()).hexdigest()
    return out


def main(a, b):
    one, other = facts(a), facts(b)
    bad = [key for key in sorted(set(one) | set(other)) if one.get(key) != other.get(key)]
    for key in bad:
        print('differ:', *key, '\n ', one.get(key), '\n ', other.get(key))
    files = sum(key[1].endswith('.safetensors') for key in one)
    print(len({run for run, _ in one}), 'runs,', files, 'checkpoints,', len(bad), 'differences')
    return bool(bad) or not one


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
