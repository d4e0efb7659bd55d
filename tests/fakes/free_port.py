# SPDX-License-Identifier: Apache-2.0
"""Ports of 127.0.0.1 for programs that cannot choose one themselves and say which. A port that the kernel
chose and that was closed again may be given to whoever comes next, before the program is there; these are
not among those the kernel chooses from, and no other test has the same one."""
import pathlib
import random
import socket

RANGE = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST, ENOUGH = 10000, 5000
reserved = []  # held until this process ends


def candidates():
    low = int(RANGE.read_text().split()[0])
    return range(FIRST, low) if low >= FIRST + ENOUGH else range(FIRST, 60000)


def reserve(port):
    """Among tests: the name of a socket is a lock that nobody can forget to give back."""
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0bitsd-test-port-{port}")
    except OSError:
        lock.close()
        return False
    reserved.append(lock)
    return True


def is_free(port):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port():
    """Nobody listens there, and nobody will but who was given it."""
    ports = candidates()
    dice = random.SystemRandom()
    while True:
        port = dice.choice(ports)
        if is_free(port) and reserve(port):
            return port
