#!/usr/bin/env python3
"""PyYAML, a reader of YAML 1.1, sees the values that avcl wrote by YAML 1.2.

  tests/e2e/test_yaml_readers.py BUILD     after BUILD/bin/test_doc has run there
"""
import struct
import sys

import yaml


def meaning(line):
    kind, _, text = line.rstrip('\n').partition(' ')
    read = {
        'str': lambda: bytes.fromhex(text).decode('utf-8'),
        'float': lambda: float.fromhex(text),
        'int': lambda: int(text),
        'bool': lambda: text == 'True',
        'NoneType': lambda: None,
    }
    return kind, read[kind]()


def is_same(kind, expected, seen):
    if type(seen).__name__ != kind:
        return False
    if kind == 'float':  # the very bits: -0.0 is not 0.0
        return struct.pack('>d', expected) == struct.pack('>d', seen)
    return expected == seen


def main(build):
    with open(build + '/yaml_readers.txt', encoding='ascii') as f:
        rows = [meaning(line) for line in f]
    loaders = [yaml.SafeLoader] + ([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])
    bad = 0
    for loader in loaders:
        with open(build + '/yaml_readers.yaml', encoding='utf-8', newline='') as f:
            seen = yaml.load(f, loader)
        texts = [value for kind, value in rows if kind == 'str']
        if list(seen) != ['list'] + texts:
            print(loader.__name__, 'keys differ:', set(seen) ^ set(['list'] + texts))
            bad += 1
        if len(seen['list']) != len(rows):
            print(loader.__name__, 'sees', len(seen['list']), 'values of', len(rows))
            bad += 1
        for (kind, expected), value in zip(rows, seen['list']):
            if not is_same(kind, expected, value):
                print(loader.__name__, 'wrote', kind, repr(expected), 'saw', repr(value))
                bad += 1
    print(len(rows), 'values,', len(loaders), 'readers,', bad, 'differences')
    return bad != 0


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
