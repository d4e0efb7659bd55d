#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server, gate or proxy that wants to know who is there: Basic and Digest, challenges of other
schemes, and the ways in which real ones make it hard. Downloads (GET, HEAD, with ranges) and uploads
(BITS_POST with a reply), over raw sockets.

As a program:  auth_server.py [--port 0] [--proxy] [--accounts FILE] [--rule NAME=VALUE …]
               [--upstream URL] [--tls MODE]
prints the port as its first line (with --tls also the path of the CA certificate) and serves until it
is killed or its standard input, when that is a pipe, ends. FILE is JSON: {"user": "password", …}.
As a module:   with AuthServer({"user": "password"}, auth="digest") as s: s.url("/f", size=10)

As a server the rules (auth_guard.py, and the ones below) may also stand in the query of a URL, where
they win; as a proxy only the server's own rules count, for URLs belong to others.
  size=N seed=S  what a file is: bad_server.content(seed, size)
  early=1        a refused request with a body is answered before the body, and the connection closed
  close=1        every refusal closes the connection     body=N  bytes of the refusal's text
  open=PATHS     comma-separated beginnings of paths that need no credentials
  to=URL         redirect there, once authenticated (with code=N, 302)
  reply=N        uploads: a reply of N bytes
upstream: whoever passes is served by that server (nginx, bitssrv …) without the credentials.

requests lists all that came, as dicts: method, target, headers, proxied, and the verdict (ok, missing,
wrong, stale, …), with scheme, user, nonce …; bodies of uploads are in `uploads` by path.
_log, _forget (requests) and _restart (nonces, upload sessions) by GET need no credentials.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from auth_guard import Guard  # noqa: E402
from bad_server import Connection, Hangup, content, make_context, pump  # noqa: E402

BITS_PROTOCOL = "{7df0354d-249b-430f-820d-3d2a9bef4931}"
BODY_MAX_BYTES = 64 << 20
HOP_FIELDS = {"connection", "proxy-connection", "keep-alive", "te", "upgrade", "transfer-encoding"}


class Client(Connection):
    """One connection of a client."""

    def read_body(self, headers):
        length = int(headers.get("content-length", 0))
        if "transfer-encoding" in headers or not 0 <= length <= BODY_MAX_BYTES:
            self.answer(411, b"a length is needed", ["Connection: close"])
            raise Hangup
        while len(self.pending) < length:
            data = self.sock.recv(65536)
            if not data:
                raise Hangup
            self.pending += data
        body, self.pending = self.pending[:length], self.pending[length:]
        return body

    def answer(self, status, body=b"", fields=(), head_only=False):
        lines = [f"HTTP/1.1 {status} Said so", f"Content-Length: {len(body)}", *fields]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (b"" if head_only else body))


class Uploads:
    """The server's end of MC-BUP in memory: enough for a client that does all right."""

    def __init__(self):
        self.sessions, self.done, self.replies = {}, {}, {}
        self.lock = threading.Lock()

    def packet(self, path, headers, body, reply_bytes):
        """(status, fields) of the Ack."""
        kind = headers.get("bits-packet-type", "").lower()
        ack = ["BITS-Packet-Type: Ack"]
        session = headers.get("bits-session-id")
        with self.lock:
            if kind == "ping":
                return 200, ack
            if kind == "create-session":
                session = "{" + str(uuid.uuid4()) + "}"
                self.sessions[session] = bytearray()
                return 200, ack + [f"BITS-Protocol: {BITS_PROTOCOL}", f"BITS-Session-Id: {session}"]
            if session not in self.sessions:
                return 500, ack + ["BITS-Error: 0x8020001f", "BITS-Error-Context: 0x5"]
            ack.append(f"BITS-Session-Id: {session}")
            if kind == "fragment":
                return self.fragment(path, session, headers, body, reply_bytes, ack)
            del self.sessions[session]
            return 200, ack

    def fragment(self, path, session, headers, body, reply_bytes, ack):
        data = self.sessions[session]
        span, total = headers["content-range"].removeprefix("bytes ").split("/")
        start, end = map(int, span.split("-"))
        if start > len(data) or end - start + 1 != len(body):
            return 416, ack + [f"BITS-Received-Content-Range: {len(data)}"]
        data[start:] = body
        ack.append(f"BITS-Received-Content-Range: {len(data)}")
        if len(data) == int(total):
            self.done[path] = bytes(data)
            if reply_bytes is not None:
                name = f"/_reply/{session[1:-1]}"
                self.replies[name] = content("reply", reply_bytes)
                ack.append(f"BITS-Reply-URL: {name}")
        return 200, ack


class AuthServer:
    def __init__(self, accounts=None, proxy=False, port=0, upstream=None, tls=None, **rules):
        accounts = {"user": "password"} if accounts is None else accounts
        self.proxy, self.upstream, self.tls = proxy, upstream, tls
        self.rules = {k: str(v) for k, v in rules.items()}
        self.guard = Guard(accounts, proxy)
        self.lock = threading.Lock()
        self.requests, self.state = [], Uploads()
        self.own_dir = tempfile.mkdtemp(prefix="auth_server-") if tls else None
        self.context, self.ca_path = (make_context(tls, pathlib.Path(self.own_dir)) if tls
                                      else (None, None))
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self.listener.getsockname()[1]

    @property
    def uploads(self):
        return self.state.done

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        if self.own_dir:
            shutil.rmtree(self.own_dir, ignore_errors=True)

    def url(self, path, **query):
        text = "?" + urllib.parse.urlencode(query) if query else ""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{path}{text}"

    def verdicts(self):
        with self.lock:
            return [r["verdict"] for r in self.requests]

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.handle, args=(sock,), daemon=True).start()

    def handle(self, sock):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            conn = Client(self, sock)
            while True:
                method, target, headers = conn.read_head()
                self.request(conn, method, target, headers)
                if headers.get("connection", "").lower() == "close":
                    break
        except (Hangup, OSError, ValueError, KeyError):
            pass
        finally:
            sock.close()

    def request(self, conn, method, target, headers):
        parts = urllib.parse.urlsplit(target) if method != "CONNECT" else None
        if parts and not parts.scheme and parts.path in ("/_log", "/_forget", "/_restart"):
            return self.control(conn, parts.path)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)) if parts else {}
        rules = self.rules if self.proxy else {**self.rules, **query}
        refused_early = rules.get("early") == "1" and "content-length" in headers
        body = b"" if refused_early or method == "CONNECT" else conn.read_body(headers)
        if parts and any(parts.path.startswith(p) for p in rules.get("open", "").split(",") if p):
            rules = {**rules, "auth": "none"}
        verdict = self.guard.judge(method, target, headers, rules, body)
        record = {"method": method, "target": target, "headers": headers, "time": time.time(),
                  "proxied": not target.startswith("/"), **verdict.as_record()}
        with self.lock:
            self.requests.append(record)
        if not verdict.ok:
            return self.refuse(conn, method, headers, rules, verdict)
        if refused_early:
            body = conn.read_body(headers)
        if method == "CONNECT":
            return self.tunnel(conn, target)
        if self.proxy or self.upstream:
            return self.forward(conn, method, target, headers, body, verdict)
        return self.own(conn, method, parts.path, headers, rules, body, verdict)

    def control(self, conn, path):
        with self.lock:
            text = json.dumps(self.requests).encode() if path == "/_log" else b"ok"
            if path == "/_forget":
                self.requests.clear()
        if path == "/_restart":
            self.guard.forget_nonces()
            with self.state.lock:
                self.state.sessions.clear()
        conn.answer(200, text)

    def refuse(self, conn, method, headers, rules, verdict):
        status = 400 if verdict.word in ("malformed", "wrong-uri") else self.guard.status
        fields = self.guard.challenges(rules, verdict) if status != 400 else []
        closes = rules.get("close") == "1" or (rules.get("early") == "1" and
                                               headers.get("content-length", "0") != "0")
        if closes:
            fields.append("Connection: close")
        conn.answer(status, b"x" * int(rules.get("body", 20)), fields, method == "HEAD")
        if closes:
            self.linger(conn)
            raise Hangup

    @staticmethod
    def linger(conn):
        """Closed for writing, and drained a while: a reset must not overtake the answer."""
        conn.sock.shutdown(socket.SHUT_WR)
        conn.sock.settimeout(1)
        while conn.sock.recv(65536):
            pass

    def own(self, conn, method, path, headers, rules, body, verdict):
        if "to" in rules:
            fields = [f"Location: {rules['to']}", *verdict.fields]
            return conn.answer(int(rules.get("code", 302)), b"moved", fields, method == "HEAD")
        if method == "BITS_POST":
            reply = int(rules["reply"]) if "reply" in rules else None
            status, fields = self.state.packet(path, headers, body, reply)
            return conn.answer(status, b"", fields + verdict.fields)
        data = self.state.replies.get(path)
        if data is None:
            data = content(rules.get("seed", "a"), int(rules.get("size", 1000)))
        etag = '"' + hashlib.md5(data).hexdigest() + '"'
        fields = [f"ETag: {etag}", "Accept-Ranges: bytes", *verdict.fields]
        start = self.wanted_start(headers, etag, len(data))
        if start is not None:
            fields.append(f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}")
        return conn.answer(200 if start is None else 206, data[start or 0:], fields, method == "HEAD")

    @staticmethod
    def wanted_start(headers, etag, size):
        value = headers.get("range", "")
        if not value.startswith("bytes=") or headers.get("if-range", etag) != etag:
            return None
        first = value[6:].partition("-")[0]
        return int(first) if first.isdigit() and value.endswith("-") and int(first) < size else None

    # What a proxy or a gate does.

    def destination(self, target):
        """(host, port, target in origin form)"""
        parts = urllib.parse.urlsplit(target if self.proxy else self.upstream)
        if parts.scheme != "http" or not parts.hostname:
            raise Hangup
        path = parts._replace(scheme="", netloc="").geturl() or "/"
        return parts.hostname, parts.port or 80, path if self.proxy else target

    def forward(self, conn, method, target, headers, body, verdict):
        host, port, path = self.destination(target)
        lines = [f"{method} {path} HTTP/1.1", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()
                  if name not in HOP_FIELDS and name != self.guard.answer_field]
        try:
            other = socket.create_connection((host, port), timeout=30)
        except OSError:
            return conn.answer(502, b"nobody there")
        with other:
            other.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            return self.pass_back(conn, Connection(self, other), method, verdict)

    def pass_back(self, conn, other, method, verdict):
        while b"\r\n\r\n" not in other.pending:
            data = other.sock.recv(65536)
            if not data:
                conn.answer(502, b"no answer")
                raise Hangup
            other.pending += data
        head, rest = other.pending.split(b"\r\n\r\n", 1)
        status, *fields = head.decode("latin-1").split("\r\n")
        kept = [f for f in fields if f.partition(":")[0].strip().lower() not in ("connection", "keep-alive")]
        length = [int(f.partition(":")[2]) for f in fields if f.lower().startswith("content-length:")]
        bodiless = method == "HEAD" or status.split()[1] in ("204", "304")
        framed = bodiless or bool(length)
        ending = [] if framed else ["Connection: close"]
        rest = rest or (b"" if bodiless or length == [0] else other.sock.recv(65536))
        conn.send("\r\n".join([status, *kept, *verdict.fields, *ending]).encode("latin-1") + b"\r\n\r\n")
        if bodiless:
            return
        left = length[0] if length else 1 << 62
        while rest and left > 0:
            conn.send(rest[:left])
            left -= len(rest[:left])
            rest = other.sock.recv(65536) if left > 0 else b""
        if left > 0:
            raise Hangup

    def tunnel(self, conn, target):
        if not self.proxy:
            conn.answer(405)
            raise Hangup
        host, port = target.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as other:
            conn.send(b"HTTP/1.1 200 Said so\r\n\r\n")
            other.sendall(conn.pending)
            threading.Thread(target=pump, args=(other, conn.sock), daemon=True).start()
            pump(conn.sock, other)
        raise Hangup


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--proxy", action="store_true")
    parser.add_argument("--accounts", type=pathlib.Path)
    parser.add_argument("--rule", action="append", default=[])
    parser.add_argument("--upstream")
    parser.add_argument("--tls", choices=["good", "untrusted", "expired", "wrong-name"])
    args = parser.parse_args()
    accounts = json.loads(args.accounts.read_text()) if args.accounts else None
    rules = dict(rule.split("=", 1) for rule in args.rule)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with AuthServer(accounts, args.proxy, args.port, args.upstream, args.tls, **rules) as server:
        print(server.port, flush=True)
        if server.ca_path:
            print(server.ca_path, flush=True)
        if not stat.S_ISFIFO(os.fstat(0).st_mode):
            signal.pause()
        while os.read(0, 4096):
            pass


if __name__ == "__main__":
    main()
