#!/usr/bin/env python3
"""What the quickstart must show, from its records.

  tests/e2e/quickstart_facts.py PLAN STORE CONTROL_PLAN CONTROL_STORE

PLAN is the output of `avcl plan --json`: it says which records belong to which row and seed.
"""
import json
import math
import pathlib
import sys

import yaml

# The synthetic set: sound tells 5 of 12 classes, pictures 8 of 12 (avcl data synth).
CEILING = {'audio only': 100 * 5 / 12, 'RGB only': 100 * 8 / 12}
CLIPS = 600
SIGMAS = 3


def error_of(percent, n=CLIPS):
    """Standard error of a percentage of n clips."""
    p = min(max(percent / 100, 0.0), 1.0)
    return 100 * math.sqrt(p * (1 - p) / n)


def last_document(path):
    return list(yaml.safe_load_all(path.read_text()))[-1]


def scores(plan, store):
    """Row -> seed -> top-1 of its test, for the runs that a plan names."""
    out = {}
    for item in json.loads(pathlib.Path(plan).read_text())['runs']:
        if item['stage'] != 'test':
            continue
        run, seed, row = item['run'], item['seed'], item['label']
        found = list(pathlib.Path(store, 'runs', run[:2]).glob(run + '*/result.yaml'))
        if not found:
            sys.exit('row %s seed %s has no result in %s' % (row, seed, store))
        test = last_document(found[0])['metrics']['test']
        if test['n'] != CLIPS or test['n_failed'] != 0:
            sys.exit('row %s seed %s: %s of %s clips failed, expected 0 of %d'
                     % (row, seed, test['n_failed'], test['n'], CLIPS))
        out.setdefault(row, {})[int(seed)] = test['top1']
    return out


def expect(text, holds, bad):
    print('ok     ' if holds else 'FAILED ', text)
    if not holds:
        bad.append(text)


def check_order(mean, bad):
    for better, worse in (('RGB only', 'audio only'), ('RGB + audio', 'RGB only'),
                          ('AVCL', 'RGB + audio')):
        expect('%s %.2f > %s %.2f' % (better, mean[better], worse, mean[worse]),
               mean[better] > mean[worse], bad)


def check_ceilings(rows, bad):
    for row, ceiling in CEILING.items():
        limit = ceiling + SIGMAS * error_of(ceiling)
        for seed, value in sorted(rows[row].items()):
            expect('%s seed %d %.2f <= %.2f, its ceiling and %d standard errors'
                   % (row, seed, value, limit, SIGMAS), value <= limit, bad)


def check_control(rows, control, bad):
    """Pre-trained on pairs that do not belong together there is nothing to gain."""
    for seed, value in sorted(control['AVCL'].items()):
        whole = rows['AVCL'][seed]
        margin = SIGMAS * math.hypot(error_of(whole), error_of(value))
        expect('shuffled pairs, seed %d: %.2f < AVCL %.2f - %.2f' % (seed, value, whole, margin),
               value < whole - margin, bad)


def main(plan, store, control_plan, control_store):
    rows, control = scores(plan, store), scores(control_plan, control_store)
    missing = {'audio only', 'RGB only', 'RGB + audio', 'AVCL'} - set(rows)
    if missing or 'AVCL' not in control:
        sys.exit('no such rows: %s' % (', '.join(sorted(missing)) or 'AVCL of the control'))
    mean = {row: sum(v.values()) / len(v) for row, v in rows.items()}
    bad = []
    expect('%d seeds a row' % len(rows['AVCL']),
           len({tuple(sorted(v)) for v in rows.values()}) == 1 and len(rows['AVCL']) >= 2, bad)
    check_order(mean, bad)
    check_ceilings(rows, bad)
    check_control(rows, control, bad)
    return bool(bad)


if __name__ == '__main__':
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
