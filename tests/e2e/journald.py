# SPDX-License-Identifier: Apache-2.0
"""The socket of a journal for one program: journald.py EXPORT PROGRAM [ARG…], in a mount namespace
whose /run is its own. Runs the program with its standard error on "the journal", and appends what it
sends to EXPORT in the journal's export format, which systemd-journal-remote makes a journal of."""
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time

SOCKET = pathlib.Path("/run/systemd/journal/socket")
MESSAGE_MAX = 1 << 18
BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")


def entry(data, pid):
    """What a client sends is in the format already; the service adds what it knows itself."""
    now = time.time_ns() // 1000, time.monotonic_ns() // 1000
    head = f"__REALTIME_TIMESTAMP={now[0]}\n__MONOTONIC_TIMESTAMP={now[1]}\n_BOOT_ID={BOOT_ID}\n_PID={pid}\n"
    return head.encode() + data + b"\n"


def serve(sock, export):
    while True:
        data, ancillary, _, _ = sock.recvmsg(MESSAGE_MAX, socket.CMSG_SPACE(64))
        pid = 0
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                pid = struct.unpack("iII", payload[:12])[0]
        with open(export, "ab") as out:
            out.write(entry(data, pid))


def main():
    export, *argv = sys.argv[1:]
    SOCKET.parent.mkdir(parents=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    sock.bind(str(SOCKET))
    threading.Thread(target=serve, args=(sock, export), daemon=True).start()
    ours, its = socket.socketpair()
    info = os.fstat(its.fileno())
    env = {**os.environ, "JOURNAL_STREAM": f"{info.st_dev}:{info.st_ino}"}
    sys.exit(subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=its.fileno()).returncode)


if __name__ == "__main__":
    main()
