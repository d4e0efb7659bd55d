# SPDX-License-Identifier: Apache-2.0
"""Looks at files the moment their final names appear: inotify by ctypes, in a thread of its own."""
import ctypes
import os
import select
import struct
import threading

MODIFY, MOVED_FROM, MOVED_TO, CREATE, DELETE, OVERFLOW = 0x2, 0x40, 0x80, 0x100, 0x200, 0x4000
WORDS = {MODIFY: "written to", MOVED_FROM: "moved away", DELETE: "deleted"}
EVENT = struct.Struct("iIII")


class Watcher:
    """`appeared(directory, name, data)` is asked about each file that gets a name without a leading dot,
    with what the file held when it was noticed, and says what is wrong with that, or None. Whatever else
    happens to such a name is wrong."""

    def __init__(self, directories, appeared):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        assert self.fd >= 0
        self.places, self.appeared = {}, appeared
        self.faults, self.seen = [], 0
        for path in directories:
            watch = self.libc.inotify_add_watch(self.fd, os.fsencode(path),
                                                MODIFY | MOVED_FROM | MOVED_TO | CREATE | DELETE)
            assert watch >= 0, path
            self.places[watch] = path
        self.bell = os.pipe()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            ready = select.select([self.fd, self.bell[0]], [], [])[0]
            if self.fd in ready:
                self.read(os.read(self.fd, 1 << 16))
            elif ready:
                return

    def read(self, data):
        at = 0
        while at < len(data):
            watch, mask, _, length = EVENT.unpack_from(data, at)
            name = data[at + EVENT.size:at + EVENT.size + length].rstrip(b"\0").decode()
            at += EVENT.size + length
            if mask & OVERFLOW:
                self.faults.append("events were lost")
            elif not name.startswith("."):
                self.judge(self.places[watch], name, mask)

    def judge(self, place, name, mask):
        word = next((w for bit, w in WORDS.items() if mask & bit), None)
        if word:
            self.faults.append(f"{place.name}/{name} was {word}")
            return
        self.seen += 1
        try:
            fault = self.appeared(place, name, (place / name).read_bytes())
        except OSError as error:
            fault = str(error)
        if fault:
            self.faults.append(f"{place.name}/{name}: {fault}")

    def close(self):
        """After everything that happened before was looked at."""
        os.write(self.bell[1], b"x")
        self.thread.join()
        for fd in (self.fd, *self.bell):
            os.close(fd)
