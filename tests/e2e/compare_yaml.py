#!/usr/bin/env python3
"""Three readers see the same values in YAML files: avcl, PyYAML (of YAML 1.1, its own parser) and
Perl's YAML::PP (of YAML 1.2, its own parser).

  tests/e2e/compare_yaml.py AVCL FILE...
"""
import json
import os
import subprocess
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))


def leaves(value, path=()):
    """Path and typed value of every leaf."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, path + (str(key),))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from leaves(item, path + (str(i),))
    elif value is None:
        yield path, ('null', '')
    elif isinstance(value, bool):
        yield path, ('bool', str(value).lower())
    elif isinstance(value, (int, float)):
        yield path, ('number', float(value).hex())
    else:
        yield path, (type(value).__name__.replace('str', 'text'), str(value))


def by_pyyaml(files):
    seen = {}
    for file in files:
        with open(file, encoding='utf-8', newline='') as f:
            for n, document in enumerate(yaml.load_all(f, yaml.SafeLoader)):
                for path, value in leaves(document):
                    seen[file, str(n), path] = value
    return seen


def by_program(*command):
    seen = {}
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    for line in out.decode('utf-8').splitlines():
        file, n, path, kind, value = json.loads(line)
        if kind == 'number':
            value = float.fromhex(value).hex()
        seen[file, n, tuple(path)] = (kind, value)
    return seen


def main(avcl, *files):
    readers = {
        'PyYAML': by_pyyaml(files),
        'YAML::PP': by_program('perl', HERE + '/read_yaml.pl', *files),
        'avcl': by_program(avcl, 'lua', HERE + '/read_yaml.lua', *files),
    }
    ours, bad = readers['avcl'], 0
    for name, seen in readers.items():
        for key in sorted(set(seen) | set(ours)):
            if seen.get(key) != ours.get(key):
                print(name, *key, 'sees', seen.get(key), 'and avcl', ours.get(key))
                bad += 1
    print(len(files), 'files,', len(ours), 'values,', len(readers), 'readers,', bad, 'differences')
    return bad != 0 or not ours


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
