# SPDX-License-Identifier: Apache-2.0
"""A server that means harm: each kind floods or starves its client in a way of its own, over HTTP/1.1 or,
with TLS, HTTP/2 by hand-made frames. What it may send has an end (LIMIT), so that a client without
bounds fails its test and not the machine.

with HostileServer("endless-line") as server: server.url, server.sent, server.requests"""
import gzip
import pathlib
import socket
import struct
import tempfile
import threading
import time

from bad_server import make_context

LIMIT = 192 << 20
PIECE = 64 << 10
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
INT64 = (1 << 63) - 1


def for_ever(data, pause_sec=0.0):
    data = data * max(1, PIECE // len(data))
    for _ in range(0, LIMIT, len(data)):
        yield data
        time.sleep(pause_sec)


def quietly(data):
    """What a client does not count as progress; for ten seconds or so."""
    return for_ever(data, 0.003)


def drip(data, pause_sec=0.05):
    for byte in data * 100000:
        yield bytes([byte])
        time.sleep(pause_sec)


def length(value):
    return OK + b"Content-Length: %s\r\n\r\n" % value + b"x" * 1000


def bomb():
    """Half a GiB of zeros in half a MiB."""
    data = gzip.compress(bytes(1 << 20)) * 512
    return b"Content-Length: %d\r\n\r\n" % len(data) + data


# Kind -> pieces to send. One that ends hangs up then.
KINDS = {
    "huge-field": lambda: [OK, b"X-Big: " + b"x" * (16 << 20) + b"\r\n\r\n"],
    "100000-fields": lambda: [OK, b"".join(b"X-%d: y\r\n" % n for n in range(100000)), b"\r\n"],
    "endless-fields": lambda: chain([OK], for_ever(b"X-Filler: " + b"x" * 1000 + b"\r\n")),
    "endless-line": lambda: chain([OK + b"X: "], for_ever(b"x")),
    "endless-status": lambda: chain([b"HTTP/1.1 200 "], for_ever(b"x")),
    "no-line-end": lambda: for_ever(b"\0"),
    "interim-flood": lambda: for_ever(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "continue-flood": lambda: for_ever(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "switching-flood": lambda: for_ever(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
    "drip-head": lambda: chain([OK], drip(b"X: y\r\n")),
    "drip-body": lambda: chain([OK + b"Content-Length: 100000000\r\n\r\n"], drip(b"x")),
    "gzip-bomb": lambda: [OK + b"Content-Encoding: gzip\r\n", bomb()],
    "gzip-transfer-bomb": lambda: [OK + b"Transfer-Encoding: gzip\r\n", bomb()],
    "gzip-chunked-bomb": lambda: [OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n80000\r\n", bomb().partition(b"\r\n\r\n")[2]],
    "length-2^63-1": lambda: [length(b"%d" % INT64)],
    "length-2^63": lambda: [length(b"%d" % (INT64 + 1))],
    "length-10^30": lambda: [length(b"1" + b"0" * 30)],
    "length-negative": lambda: [length(b"-1")],
    "length-petabyte": lambda: [length(b"%d" % (1 << 50))],
    "chunk-garbage": lambda: [CHUNKED, b"zz\r\nhello\r\n"],
    "chunk-negative": lambda: [CHUNKED, b"-5\r\nhello\r\n0\r\n\r\n"],
    "chunk-2^64": lambda: [CHUNKED, b"10000000000000005\r\nhello\r\n0\r\n\r\n"],
    "chunk-without-end": lambda: [CHUNKED, b"5\r\nhelloworld\r\n0\r\n\r\n"],
    "chunk-endless-size": lambda: chain([CHUNKED], for_ever(b"0")),
    "chunk-endless-extension": lambda: chain([CHUNKED, b"5;"], quietly(b"a=b;")),
    "chunk-endless-trailer": lambda: chain([CHUNKED, b"5\r\nhello\r\n0\r\n"], for_ever(b"X-Filler: yyyyyyy\r\n")),
    "chunk-endless-trailer-line": lambda: chain([CHUNKED, b"5\r\nhello\r\n0\r\nX: "], for_ever(b"y")),
    "redirect-anew": None, "redirect-loop": None, "redirect-growing": None, "redirect-huge": None,
}


def chain(*parts):
    for part in parts:
        yield from part


def redirect(kind, number, port):
    target = {"redirect-anew": f"/{number + 1}", "redirect-loop": "/f",
              "redirect-growing": "/" + "x" * (100 << min(number, 20)),
              "redirect-huge": "/" + "x" * 200000}[kind]
    return f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}{target}\r\nContent-Length: 0\r\n\r\n".encode()


# ---- HTTP/2 (RFC 9113, RFC 7541) ----

DATA, HEADERS, RST, SETTINGS, PING, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
STATUS_200 = b"\x88"


def frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def literal(name, value, index=False):
    """A field of up to 126 bytes of name; the value is of any length."""
    return (b"\x40" if index else b"\x00") + bytes([len(name)]) + name + number7(len(value)) + value


def number7(n):
    if n < 127:
        return bytes([n])
    out, n = b"\x7f", n - 127
    while n >= 128:
        out, n = out + bytes([n % 128 + 128]), n // 128
    return out + bytes([n])


def h2_flood(answer, begun=True):
    head = frame(HEADERS, END_HEADERS, 1, STATUS_200) if begun else b""
    return lambda: chain([head], (quietly if begun else for_ever)(answer))


H2_KINDS = {
    "h2-continuations": lambda: chain([frame(HEADERS, 0, 1, STATUS_200)],
                                      for_ever(frame(CONTINUATION, 0, 1, literal(b"x-filler", b"y" * 1000)))),
    "h2-empty-continuations": lambda: chain([frame(HEADERS, 0, 1, STATUS_200)], for_ever(frame(CONTINUATION, 0, 1))),
    "h2-huge-field": lambda: chain([frame(HEADERS, 0, 1, STATUS_200 + b"\x00\x01x" + number7(1 << 30))],
                                   for_ever(frame(CONTINUATION, 0, 1, b"y" * 16000))),
    # 4,000 bytes once, and then a byte for each time they are meant.
    "h2-table-bomb": lambda: [frame(HEADERS, 0, 1, STATUS_200 + literal(b"x", b"y" * 4000, True)),
                              *(frame(CONTINUATION, 0, 1, b"\xbe" * 16000) for _ in range(64)),
                              frame(CONTINUATION, END_HEADERS, 1)],
    "h2-pings": h2_flood(frame(PING, 0, 0, b"12345678")),
    "h2-settings": h2_flood(frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 100)), False),
    "h2-empty-data": h2_flood(frame(DATA, 0, 1)),
    "h2-padding": h2_flood(frame(DATA, 8, 1, b"\xff" + bytes(255))),
    "h2-window-updates": h2_flood(frame(WINDOW, 0, 1, struct.pack(">I", 1))),
    "h2-interim": h2_flood(frame(HEADERS, END_HEADERS, 1, literal(b":status", b"103")), False),
    "h2-trailers": lambda: chain([frame(HEADERS, END_HEADERS, 1, STATUS_200), frame(DATA, 0, 1, b"hello"),
                                  frame(HEADERS, END_STREAM, 1, literal(b"x", b"y"))],
                                 for_ever(frame(CONTINUATION, 0, 1, literal(b"x-filler", b"y" * 1000)))),
    "h2-unknown-frames": h2_flood(frame(0xbe, 0, 1, b"z" * 16000)),
    "h2-too-large-frame": lambda: [frame(DATA, 0, 1, b"z" * (1 << 20))],
    "h2-length-2^63-1": lambda: [frame(HEADERS, END_HEADERS, 1, STATUS_200 + literal(b"content-length", b"%d" % INT64)),
                                 frame(DATA, END_STREAM, 1, b"hello")],
}


class HostileServer:
    def __init__(self, kind):
        self.kind, self.sent, self.requests = kind, 0, 0
        self.tls = kind in H2_KINDS
        self.closing = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        if self.tls:
            self.dir = tempfile.TemporaryDirectory(prefix="hostile-")
            self.context, self.ca_path = make_context("good", pathlib.Path(self.dir.name))
            self.context.set_alpn_protocols(["h2"])
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/f"

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.tls:
            self.dir.cleanup()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            with sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.tls:
                    with self.context.wrap_socket(sock, server_side=True) as wrapped:
                        self.serve_h2(wrapped)
                else:
                    self.serve_h1(sock)
        except OSError:
            pass

    def send(self, sock, pieces):
        for piece in pieces:
            if self.closing.is_set():
                return
            sock.sendall(piece)
            self.sent += len(piece)

    def serve_h1(self, sock):
        pending = b""
        while True:
            while b"\r\n\r\n" not in pending:
                data = sock.recv(PIECE)
                if not data:
                    return
                pending += data
            pending = pending.partition(b"\r\n\r\n")[2]
            self.requests += 1
            if not self.kind.startswith("redirect"):
                self.send(sock, KINDS[self.kind]())
                return
            self.send(sock, [redirect(self.kind, self.requests, self.port)])

    def serve_h2(self, sock):
        data = b""
        while b"\x01" not in data[24:]:  # near enough: the HEADERS frame of the request is there
            more = sock.recv(PIECE)
            if not more:
                return
            data += more
        self.requests += 1
        reader = threading.Thread(target=self.swallow, args=(sock,), daemon=True)
        sock.sendall(frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0))
        reader.start()
        self.send(sock, H2_KINDS[self.kind]())
        self.closing.wait(3)

    @staticmethod
    def swallow(sock):
        """What the client answers, so that it can go on answering."""
        try:
            while sock.recv(PIECE):
                pass
        except (OSError, ValueError):
            pass
