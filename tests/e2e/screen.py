#!/usr/bin/env python3
"""Runs a command on a terminal of its own and prints what a person would see.

  tests/e2e/screen.py COLUMNS OUT COMMAND...

OUT gets what the command wrote, byte for byte. On stdout: the screen at the end, then a line
'frames N, widest M, rate R' of the moving lines. With RESIZE=N in the environment the window gets N
columns once moving lines were seen, and M is that of lines drawn since; with INTERRUPT=TEXT a Ctrl-C
is typed once TEXT was seen. Exits as the command does; after LIMIT_S the terminal is hung up.
"""
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
import time

LIMIT_S = 240
FRAME = re.compile(rb'\x1b\[(\d+)A\r\x1b\[J')


class Screen:
    """Enough of a terminal: lines, wrapping, up, home, clear to the end."""

    def __init__(self, columns):
        self.columns, self.lines, self.row, self.column = columns, [''], 0, 0

    def put(self, char):
        if self.column == self.columns:
            self.newline()
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[:self.column] + char + line[self.column + 1:]
        self.column += 1

    def newline(self):
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.lines):
            self.lines.append('')

    def feed(self, text):
        for part in re.split(r'(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)', text):
            if part == '\r':
                self.column = 0
            elif part == '\n':
                self.newline()
            elif part.startswith('\x1b'):
                self.control(part[2:-1], part[-1])
            else:
                for char in part:
                    self.put(char)

    def control(self, number, kind):
        if kind == 'A':
            self.row = max(self.row - int(number or 1), 0)
        elif kind == 'H':
            self.row = self.column = 0
        elif kind == 'J':
            keep = [] if number == '2' else self.lines[:self.row]
            here = '' if number == '2' else self.lines[self.row][:self.column]
            self.lines = keep + [here] + [''] * (self.row - len(keep))
        elif kind != 'm':
            raise SystemExit('a code that no one expects: ' + repr(number + kind))


def set_columns(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))


def watch(fd):
    """All that the command writes, the seconds between first and last byte, and how many bytes
    were there when the window changed."""
    seen, resize, interrupt = b'', os.environ.get('RESIZE'), os.environ.get('INTERRUPT')
    began, resized_at = None, 0
    while True:
        try:
            more = os.read(fd, 65536)
        except OSError:
            more = b''
        if not more:
            return seen, time.monotonic() - (began or 0), resized_at
        began = began or time.monotonic()
        seen += more
        if resize and FRAME.search(seen):
            set_columns(fd, int(resize))
            resize, resized_at = None, len(seen)
        if interrupt and interrupt.encode() in seen:
            os.write(fd, b'\x03')
            interrupt = None


def main(columns, out, *command):
    signal.alarm(LIMIT_S)
    pid, fd = pty.fork()
    if pid == 0:
        # A background job has it ignored, which the command would inherit: no Ctrl-C would be heard.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        set_columns(1, int(columns))
        os.execvp(command[0], command)
    seen, seconds, resized_at = watch(fd)
    _, status = os.waitpid(pid, 0)
    with open(out, 'wb') as f:
        f.write(seen)
    text = seen.decode('utf-8').replace('\r\n', '\n')
    screen = Screen(int(columns))
    screen.feed(text)
    print('\n'.join(line.rstrip() for line in screen.lines).rstrip())
    frames = FRAME.split(seen)
    if resized_at:  # one frame may have been under way
        settled = FRAME.split(seen[resized_at:])[3:]
        text = b''.join(settled).decode('utf-8', 'ignore')
    moving = [line for line in text.split('\n') if 'ETA' in line]
    widest = max((len(re.sub(r'\x1b\[[0-9;]*[A-Za-z]|\r', '', line)) for line in moving), default=0)
    n = len(frames) // 2
    print('frames %d, widest %d, rate %.1f' % (n, widest, n / max(seconds, 1e-3)))
    return os.waitstatus_to_exitcode(status)


if __name__ == '__main__':
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
