# SPDX-License-Identifier: Apache-2.0
"""The page that a test shares with fault_shim.c inside a program (fault_control.h has the layout)."""
import errno
import mmap
import pathlib
import struct
import subprocess

PAGE_BYTES = 2104
KINDS = ["none", "alloc", "read", "write", "sync", "rename", "fallocate", "open", "truncate", "unlink",
         "commit", "send", "recv", "net-send", "net-recv", "fd", "free", "close"]
SQLITE_IOERR, SQLITE_FULL, SQLITE_DONE = 10, 13, 101
PRETEND = 0

E_OUTOFMEMORY, DISK_FULL, IO_DEVICE, TOO_MANY_FILES = 0x8007000E, 0x80070070, 0x8007045D, 0x80070004
CODES = {errno.ENOMEM: E_OUTOFMEMORY, errno.ENOSPC: DISK_FULL, errno.EIO: IO_DEVICE,
         errno.EMFILE: TOO_MANY_FILES, errno.ENOBUFS: 0x800705AA, errno.EPIPE: 0x80072EFE,
         errno.ECONNRESET: 0x80072EFE}
# What a call of that kind may fail with, in a real machine.
ERRORS = {
    "alloc": [errno.ENOMEM], "read": [errno.EIO], "write": [errno.ENOSPC, errno.EIO],
    "sync": [errno.EIO, errno.ENOSPC], "rename": [errno.ENOSPC, errno.EIO],
    "fallocate": [errno.ENOSPC], "open": [errno.EMFILE, errno.ENOSPC], "truncate": [errno.EIO],
    "unlink": [errno.EIO], "commit": [SQLITE_FULL, SQLITE_IOERR],
    "send": [errno.EPIPE, errno.ENOBUFS], "recv": [errno.ECONNRESET],
    "net-send": [errno.ECONNRESET], "net-recv": [errno.ECONNRESET], "fd": [errno.EMFILE],
}


class Control:
    """The page of one program; made before the program starts."""

    def __init__(self, directory, program):
        self.path = pathlib.Path(directory) / program
        self.path.write_bytes(bytes(PAGE_BYTES))
        with open(self.path, "r+b") as f:
            self.page = mmap.mmap(f.fileno(), PAGE_BYTES)

    def _get(self, fmt, at):
        return struct.unpack_from(fmt, self.page, at)[0]

    def arm(self, kind, nth, error, lasting=False):
        """nth 0 only counts."""
        self.disarm()
        struct.pack_into("<I", self.page, 4, KINDS.index(kind))
        struct.pack_into("<Q", self.page, 8, nth)
        struct.pack_into("<iI", self.page, 16, error, lasting)
        struct.pack_into("<QQ", self.page, 24, 0, 0)
        self.page[56:PAGE_BYTES] = bytes(PAGE_BYTES - 56)
        struct.pack_into("<I", self.page, 0, 1)

    def armed(self):
        """What arm() was told last."""
        kind, nth, error, lasting = (self._get("<" + f, at) for f, at in
                                     (("I", 4), ("Q", 8), ("i", 16), ("I", 20)))
        return KINDS[kind], nth, error, lasting

    def disarm(self):
        struct.pack_into("<I", self.page, 0, 0)

    calls = property(lambda self: self._get("<Q", 24))
    fired = property(lambda self: self._get("<Q", 32))
    live = property(lambda self: self._get("<q", 40))
    loaded = property(lambda self: self._get("<Q", 48))
    what = property(lambda self: self._text(56, 64))
    where = property(lambda self: self._text(120, 1984))

    def _text(self, at, size):
        return self.page[at:at + size].split(b"\0")[0].decode()

    def story(self, programs):
        """Which call failed, and whose it was: names of functions where our own programs have them."""
        names = [resolve(word, programs) for word in self.where.split()]
        return f"{self.what} < " + " < ".join(names[:9])


def resolve(word, programs, cache={}):
    name, offset = word.rsplit("+", 1)
    if name not in programs:
        return name.split(".so")[0]
    if word not in cache:
        out = subprocess.run(["addr2line", "-f", "-s", "-e", programs[name], hex(int(offset, 16) - 1)],
                             capture_output=True, text=True).stdout.split()
        cache[word] = out[0] if out else word
    return cache[word]
