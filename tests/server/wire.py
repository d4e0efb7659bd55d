# SPDX-License-Identifier: Apache-2.0
"""The upload protocol by hand, over plain sockets: what a test wants to send is sent, byte by byte,
and what comes back is shown as it is."""
import re
import socket

PROTOCOL = "{7df0354d-249b-430f-820d-3d2a9bef4931}"
E_INVALIDARG = "0x80070057"
E_ACCESSDENIED = "0x80070005"
BG_E_SESSION_NOT_FOUND = "0x8020001f"
BG_E_TOO_LARGE = "0x80200020"
DISK_FULL = "0x80070070"
TIMED_OUT = "0x800705b4"
REMOTE_FILE = "0x5"
REMOTE_APPLICATION = "0x7"


class Answer:
    """Status, fields (names in lower case) and body of a response."""

    def __init__(self, status, reason, fields, body):
        self.status, self.reason, self.fields, self.body = status, reason, fields, body

    def __getitem__(self, name):
        return self.fields.get(name.lower())

    def __contains__(self, name):
        return name.lower() in self.fields

    def __repr__(self):
        return f"{self.status} {self.fields} {self.body[:80]!r}"

    @property
    def error(self):
        value = self["BITS-Error"]
        assert value == self["BITS-Error-Code"], self
        return value.lower() if value else None

    @property
    def context(self):
        return self["BITS-Error-Context"]

    @property
    def received(self):
        value = self["BITS-Received-Content-Range"]
        return None if value is None else int(value)


class Closed(Exception):
    """The server hung up before a whole answer was there."""


class Wire:
    """One connection."""

    def __init__(self, address, timeout=20, tls=None, receive_buffer=None, source=None):
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(address)
        else:
            self.sock = socket.socket()
            if receive_buffer:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source:
                self.sock.bind((source, 0))
            self.sock.settimeout(timeout)
            self.sock.connect(address)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(timeout)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.buffer = b""

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def send(self, data):
        self.sock.sendall(data)

    def _fill(self):
        try:
            data = self.sock.recv(1 << 16)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Closed from error
        if not data:
            raise Closed
        self.buffer += data

    def receive(self, head_only=False):
        """The next answer; 100 Continue is skipped and noted."""
        self.continued = False
        while True:
            while b"\r\n\r\n" not in self.buffer:
                self._fill()
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            version, status, reason = (lines[0].split(" ", 2) + [""])[:3]
            assert version in ("HTTP/1.1", "HTTP/1.0"), lines[0]
            if status == "100":
                self.continued = True
                continue
            break
        fields = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            fields[name.lower()] = value.strip()
        length = 0 if head_only or status in ("304", "204") else int(fields["content-length"])
        while len(self.buffer) < length:
            self._fill()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Answer(int(status), reason, fields, body)

    def is_closed(self, timeout=10):
        """Whether the server hangs up within that time."""
        self.sock.settimeout(timeout)
        try:
            while True:
                data = self.sock.recv(1 << 16)
                if not data:
                    return True
                self.buffer += data
        except socket.timeout:
            return False
        except OSError:
            return True

    def request(self, method, target, fields=(), body=b"", length=None, host="localhost"):
        self.send(head(method, target, fields, len(body) if length is None else length, host) + body)

    def get(self, target, fields=(), method="GET"):
        self.send(head(method, target, fields, None))
        return self.receive(head_only=method == "HEAD")

    # Packets. `length=False` leaves Content-Length out.

    def packet(self, target, kind, fields=(), body=b"", **kwargs):
        self.request("BITS_POST", target, [("BITS-Packet-Type", kind), *fields], body, **kwargs)
        return self.receive()

    def ping(self, target, **kwargs):
        return self.packet(target, "Ping", **kwargs)

    def create(self, target, fields=(), protocols=PROTOCOL):
        extra = [("BITS-Supported-Protocols", protocols)] if protocols is not None else []
        return self.packet(target, "Create-Session", [*extra, *fields])

    def open(self, target, fields=()):
        """A session that has to come into being: its id."""
        answer = self.create(target, fields)
        assert answer.status == 200, answer
        return answer["BITS-Session-Id"]

    def fragment(self, target, session, first, data, total, fields=(), **kwargs):
        return self.packet(target, "Fragment", fragment_fields(session, first, len(data), total)
                           + list(fields), data, **kwargs)

    def finish(self, target, session, kind="Close-Session", fields=()):
        return self.packet(target, kind, [("BITS-Session-Id", session), *fields])

    def close_session(self, target, session, fields=()):
        return self.finish(target, session, "Close-Session", fields)

    def cancel(self, target, session, fields=()):
        return self.finish(target, session, "Cancel-Session", fields)

    def upload(self, target, data, size=1 << 16, fields=()):
        """A whole upload; the last fragment's Ack."""
        session = self.open(target, fields)
        answer = None
        for first in range(0, len(data), size):
            answer = self.fragment(target, session, first, data[first:first + size], len(data),
                                   fields)
            assert answer.status == 200, answer
            assert answer.received == min(first + size, len(data)), answer
        closed = self.close_session(target, session, fields)
        assert closed.status == 200, closed
        return answer


def fragment_fields(session, first, length, total):
    return [("BITS-Session-Id", session),
            ("Content-Range", f"bytes {first}-{first + length - 1}/{total}")]


def head(method, target, fields, length, host="localhost"):
    lines = [f"{method} {target} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in fields]
    if length is not None and length is not False:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def is_guid(text):
    return re.fullmatch(r"\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", text, re.I) is not None
