#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP server that does what real ones get wrong, by raw sockets, told by the query of the URL.

As a program:  bad_server.py [--host 127.0.0.1] [--port 0] [--tls MODE] [--cert-dir DIR]
prints the port as its first line (with --tls also the path of the CA certificate as the second)
and serves until it is killed or, when that is a pipe, its standard input ends. MODE is one of good, untrusted, expired,
wrong-name; certificates are made with openssl in DIR (a temporary directory by default).
As a module:   with BadServer() as server: server.url("/f?size=10"), server.requests, server.content()

Every path but those that begin with "_" is a file. Its bytes depend on `seed` and `size` alone:
content(seed, size). What the query may say:

  what it is       size=N (100000)  seed=S (a)
  when it changes  swap_after=K: from the Kth request on it has seed2=S (b) and size2=N (size),
                   and so other validators; swap_keeps=etag,lm: but these stay (a lie)
  validators       etag=strong|weak|none|each (a new one each time)|same (always)
                   lm=old|recent|none|each|EPOCH-SECONDS     date=0: no Date
  ranges           ranges=yes|ignore|wrong-start|wrong-total|wrong-length|no-header|bad-header|
                   multipart|less|star|416|412|unasked     if_range=honour|ignore
                   no_validators_206=1: a 206 carries neither ETag nor Last-Modified
  length           length=yes|none|chunked|chunked-cut|lies-long|lies-short|conflict|garbage|
                   both (chunked and a wrong number)|unsaid (no field, kept open)
  the connection   cut=N: closed after N bytes of body; reset=request|head|body: a TCP
                   reset there (body: after N=cut bytes)
  pace             stall=N: silent for ever after N bytes (stall=head: before the head);
                   drip=BYTES,SECONDS; rate=BYTES a second; gate=NAME: the body waits after its
                   first gate_at=N bytes (0) until _open?gate=NAME
  endless          endless=body|error|head|redirect (256 MiB, so that no test fills a disk)
  answers          status=N  retry_after=TEXT  body=N (bytes of the error text)  http=1.0
                   encoding=NAME (Content-Encoding; gzip bodies are compressed)  transfer=NAME
                   garbage=1 (no HTTP at all)  interim=1 (a 103 before the head)  extra=LINE
                   keep=0 (Connection: close)
  redirects        /redirect?code=302&n=3&to=URL: n hops on this server, then to `to` (percent-
                   encoded; a path of this server or a whole URL); n=loop never ends
  faults pass      times=K: whatever is wrong above happens to the first K requests only

Requests for an absolute URL (as a proxy gets them) are served like others and recorded as proxied;
CONNECT makes a tunnel (connect_status=N on the command line refuses it).
_log is the list of requests as JSON, _forget empties it, _open opens a gate.
"""
import argparse
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from email.utils import formatdate

BLOCK_BYTES = 65521  # a prime, so that a part in the wrong place never looks right
SEND_BYTES = 65536
BIG_BYTES = 64 << 20
ENDLESS_BYTES = 256 << 20  # more than any client should take before it gives up
FAULTS = {"cut", "reset", "stall", "drip", "rate", "status", "endless", "garbage", "length", "ranges",
          "encoding", "transfer", "gate"}


def block(seed):
    return hashlib.shake_256(str(seed).encode()).digest(BLOCK_BYTES)


def content(seed, size, start=0):
    """The bytes from `start` up to `size` of the file."""
    data = block(seed)
    first = start % BLOCK_BYTES
    wanted = size - start
    return (data[first:] + data * (wanted // BLOCK_BYTES + 1))[:max(wanted, 0)]


class Hangup(Exception):
    """The connection is to end now."""


class Connection:
    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.pending = b""

    def read_head(self):
        while b"\r\n\r\n" not in self.pending:
            data = self.sock.recv(65536)
            if not data:
                raise Hangup
            self.pending += data
            if self.pending.startswith(b"\x16\x03"):  # TLS where none is spoken
                self.send(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                raise Hangup
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        return method, target, headers

    def send(self, data):
        self.sock.sendall(data)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Hangup

    def wait_for_close(self):
        while self.sock.recv(65536):
            pass
        raise Hangup


class Answer:
    """One request and what is to be wrong with its answer."""

    def __init__(self, conn, method, headers, path, query):
        self.conn, self.server, self.method, self.headers = conn, conn.server, method, headers
        self.path = path
        self.number = self.server.count(path, query)
        self.q = dict(query)
        if "times" in self.q and self.number > int(self.q["times"]):
            self.q = {k: v for k, v in self.q.items() if k not in FAULTS}
        self.swapped = self.number > int(self.q.get("swap_after", 1 << 62))
        self.seed = self.q.get("seed2", "b") if self.swapped else self.q.get("seed", "a")
        self.size = int(self.q.get("size", 100000))
        if self.swapped:
            self.size = int(self.q.get("size2", self.size))

    # What the file is.

    def lie(self, what):
        return what in self.q.get("swap_keeps", "").split(",")

    def etag(self):
        kind = self.q.get("etag", "strong")
        version = "same" if self.lie("etag") else f"{self.seed}-{self.size}"
        if kind == "none":
            return None
        if kind == "same":
            version = "same"
        if kind == "each":
            version = f"{version}-{self.number}"
        return ('W/' if kind == "weak" else '') + f'"{version}"'

    def modified(self):
        kind = self.q.get("lm", "old")
        if kind == "none":
            return None
        if kind.isdigit():
            return formatdate(int(kind), usegmt=True)
        if kind == "recent":
            return formatdate(time.time() - 1, usegmt=True)
        later = 3600 if self.swapped and not self.lie("lm") else 0
        later += self.number * 60 if kind == "each" else 0
        return formatdate(1600000000 + later, usegmt=True)

    def body(self, start=0, end=None):
        return content(self.seed, self.size if end is None else end, start)

    # Which part is wanted.

    def wanted_start(self):
        value = self.headers.get("range", "")
        if not value.startswith("bytes=") or not value.endswith("-"):
            return None
        condition = self.headers.get("if-range")
        if condition and self.q.get("if_range", "honour") == "honour":
            if condition not in (self.etag(), self.modified()) or condition.startswith("W/"):
                return None
        return int(value[6:-1])

    def validators(self):
        lines = []
        if self.etag():
            lines.append(f"ETag: {self.etag()}")
        if self.modified():
            lines.append(f"Last-Modified: {self.modified()}")
        return lines

    # The answers.

    def head(self, status, lines):
        date = [] if self.q.get("date") == "0" else [f"Date: {formatdate(usegmt=True)}"]
        extra = [self.q["extra"]] if "extra" in self.q else []
        close = ["Connection: close"] if self.q.get("keep") == "0" else []
        text = "\r\n".join([f"HTTP/{self.q.get('http', '1.1')} {status} Whatever", *date, *lines, *extra,
                            *close, "", ""]).encode()
        if self.q.get("interim"):
            text = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + text
        if self.q.get("reset") == "head":
            self.conn.send(text[:len(text) // 2])
            time.sleep(0.05)
            self.conn.reset()
        self.conn.send(text)

    def answer_range(self, start):
        kind = self.q.get("ranges", "yes")
        if kind in ("416", "412"):
            return self.answer_error(int(kind))
        if start >= self.size:
            self.head(416, [f"Content-Range: bytes */{self.size}", "Content-Length: 0"])
            return None
        total, end = self.size, self.size
        if kind == "less":
            end = min(self.size, start + max(1, (self.size - start) // 2))
        if kind == "yes" and total - start > BIG_BYTES:
            return self.answer_big(206, [*self.validators(), f"Content-Range: bytes {start}-{total - 1}/{total}"], start)
        shift = 1 if kind == "wrong-start" and start + 1 < self.size else 0
        data = self.body(start + shift, end)
        field = f"bytes {start + shift}-{end - 1}/{total}"
        if kind == "wrong-total":
            field = f"bytes {start}-{end - 1}/{total + 1}"
        elif kind == "star":
            field = f"bytes {start}-{end - 1}/*"
        elif kind == "bad-header":
            field = "bytes who knows"
        length = len(data) + (1 if kind == "wrong-length" else 0)
        lines = [] if self.q.get("no_validators_206") else self.validators()
        if kind == "multipart":
            data = (f"--x\r\nContent-Range: {field}\r\n\r\n".encode() + data + b"\r\n--x--\r\n")
            lines.append("Content-Type: multipart/byteranges; boundary=x")
            length = len(data)
        elif kind != "no-header":
            lines.append(f"Content-Range: {field}")
        return self.answer_body(206, lines, data, length)

    def answer_whole(self):
        lines = self.validators() + ["Accept-Ranges: bytes"]
        data = None
        if self.q.get("ranges") == "unasked":
            half = self.size // 2
            return self.answer_body(206, lines + [f"Content-Range: bytes {half}-{self.size - 1}/{self.size}"],
                                    self.body(half), self.size - half)
        if "encoding" in self.q:
            lines.append(f"Content-Encoding: {self.q['encoding']}")
            data = gzip.compress(self.body()) if self.q["encoding"] == "gzip" else self.body()
        if "transfer" in self.q:
            lines.append(f"Transfer-Encoding: {self.q['transfer']}")
        if data is None and self.size > BIG_BYTES:
            return self.answer_big(200, lines)
        data = self.body() if data is None else data
        return self.answer_body(200, lines, data, len(data))

    def answer_big(self, status, lines, start=0):
        """Never as a whole in memory."""
        self.head(status, lines + [f"Content-Length: {self.size - start}"])
        if "gate" in self.q:
            gate_at = min(start + int(self.q.get("gate_at", 0)), self.size)
            self.conn.send(self.body(start, gate_at))
            self.server.gate(self.q["gate"]).wait(60)
            start = gate_at
        for at in range(start, self.size, 1 << 20):
            self.conn.send(self.body(at, min(self.size, at + (1 << 20))))

    def answer_body(self, status, lines, data, length):
        kind = self.q.get("length", "yes")
        chunked = kind in ("chunked", "chunked-cut", "both")
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        if kind in ("yes", "lies-long", "lies-short", "conflict", "both"):
            length += {"lies-long": 1000, "lies-short": -1000, "both": 7}.get(kind, 0)
            lines.append(f"Content-Length: {length}")
        if kind == "conflict":
            lines.append(f"Content-Length: {length + 1}")
        if kind == "garbage":
            lines.append("Content-Length: many")
        self.head(status, lines)
        if self.method == "HEAD":
            return
        if self.q.get("endless") == "body":
            self.endless(chunked)
        self.send_paced(self.in_chunks(data) if chunked else data)
        if kind in ("none", "lies-long", "garbage"):
            raise Hangup
        if kind == "chunked-cut":
            raise Hangup
        if chunked:
            self.conn.send(b"0\r\n\r\n")

    def in_chunks(self, data):
        return b"".join(f"{len(data[i:i + 10000]):x}\r\n".encode() + data[i:i + 10000] + b"\r\n"
                        for i in range(0, len(data), 10000))

    def endless(self, chunked=False):
        """Not quite: a client that swallows it all must fail its test, not fill the disk."""
        data = b"x" * SEND_BYTES
        for _ in range(0, ENDLESS_BYTES, SEND_BYTES):
            self.server.swallowed += SEND_BYTES
            self.conn.send(f"{len(data):x}\r\n".encode() + data + b"\r\n" if chunked else data)
        raise Hangup

    def send_paced(self, data):
        q = self.q
        if "gate" in q:
            at = int(q.get("gate_at", 0))
            self.conn.send(data[:at])
            self.server.gate(q["gate"]).wait(60)
            data = data[at:]
        if "cut" in q and len(data) > int(q["cut"]):
            self.conn.send(data[:int(q["cut"])])
            if q.get("reset") == "body":
                time.sleep(0.05)
                self.conn.reset()
            raise Hangup
        if "stall" in q and q["stall"] != "head":
            self.conn.send(data[:int(q["stall"])])
            self.conn.wait_for_close()
        if "drip" in q:
            step, pause = q["drip"].split(",")
            for i in range(0, len(data), int(step)):
                self.conn.send(data[i:i + int(step)])
                time.sleep(float(pause))
            return
        if "rate" in q:
            step = max(1, int(q["rate"]) // 20)
            for i in range(0, len(data), step):
                self.conn.send(data[i:i + step])
                time.sleep(0.05)
            return
        self.conn.send(data)

    def answer_error(self, status):
        text = b"x" * int(self.q.get("body", 20))
        lines = [f"Retry-After: {self.q['retry_after']}"] if "retry_after" in self.q else []
        if status == 401:
            lines.append('WWW-Authenticate: Basic realm="x"')
        if self.q.get("endless") == "error":
            chunked = self.q.get("length") == "chunked"
            self.head(status, lines + ["Transfer-Encoding: chunked" if chunked
                                       else "Content-Length: 99999999999"])
            self.endless(chunked)
        self.head(status, lines + [f"Content-Length: {len(text)}"])
        self.conn.send(text)

    def answer_redirect(self):
        left = self.q.get("n", "1")
        code = int(self.q.get("code", "302"))
        if left == "loop" or int(left) > 1:
            query = dict(self.q, n="loop" if left == "loop" else int(left) - 1)
            target = "/redirect?" + urllib.parse.urlencode(query)
        else:
            target = self.q.get("to", "/f")
        if self.q.get("endless") == "redirect":
            self.head(code, [f"Location: {target}", "Content-Length: 99999999999"])
            self.endless()
        self.head(code, [f"Location: {target}", "Content-Length: 5"])
        self.conn.send(b"moved")

    def give(self):
        q = self.q
        if q.get("reset") == "request":
            self.conn.reset()
        if q.get("stall") == "head":
            self.conn.wait_for_close()
        if q.get("garbage"):
            self.conn.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n" * 20)
            raise Hangup
        if q.get("endless") == "head":
            self.conn.send(b"HTTP/1.1 200 OK\r\n")
            for _ in range(0, ENDLESS_BYTES, 1000):
                self.conn.send(b"X-Filler: " + b"x" * 1000 + b"\r\n")
            raise Hangup
        if self.path == "/redirect":
            self.answer_redirect()
        elif "status" in q:
            self.answer_error(int(q["status"]))
        else:
            start = self.wanted_start()
            if start is None or q.get("ranges") == "ignore":
                self.answer_whole()
            else:
                self.answer_range(start)
        if q.get("keep") == "0":
            raise Hangup


class BadServer:
    def __init__(self, port=0, tls=None, cert_dir=None, connect_status=200, host="127.0.0.1"):
        self.tls, self.connect_status, self.host = tls, connect_status, host
        self.lock = threading.Lock()
        self.requests, self.counts, self.gates = [], {}, {}
        self.swallowed = 0  # bytes of endless bodies that were sent
        self.own_dir = None
        self.ca_path = None
        self.context = None
        if tls:
            self.own_dir = None if cert_dir else tempfile.mkdtemp(prefix="bad_server-")
            self.context, self.ca_path = make_context(tls, pathlib.Path(cert_dir or self.own_dir))
        self.listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=256)
        self.port = self.listener.getsockname()[1]

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
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}{path}{text}"

    content = staticmethod(content)

    def count(self, path, query):
        key = path + "?" + urllib.parse.urlencode(sorted(query))
        with self.lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            return self.counts[key]

    def gate(self, name):
        with self.lock:
            return self.gates.setdefault(name, threading.Event())

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
            conn = Connection(self, sock)
            while True:
                self.answer(conn, *conn.read_head())
        except (Hangup, OSError, ValueError):
            pass
        finally:
            sock.close()

    def answer(self, conn, method, target, headers):
        record = {"method": method, "target": target, "headers": headers, "time": time.time(),
                  "proxied": not target.startswith("/")}
        parts = urllib.parse.urlsplit(target if target.startswith("/") else target.partition("//")[2])
        if target.startswith("http"):
            parts = urllib.parse.urlsplit(target)
        if not parts.path.startswith("/_"):
            with self.lock:
                self.requests.append(record)
        if method == "CONNECT":
            return self.tunnel(conn, target)
        query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        if parts.path.startswith("/_"):
            return self.control(conn, parts.path, dict(query))
        return Answer(conn, method, headers, parts.path, query).give()

    def control(self, conn, path, query):
        with self.lock:
            text = json.dumps(self.requests).encode() if path == "/_log" else b"ok"
            if path == "/_forget":
                self.requests.clear()
        if path == "/_open":
            self.gate(query["gate"]).set()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)

    def tunnel(self, conn, target):
        if self.connect_status != 200:
            conn.send(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % self.connect_status)
            return
        host, port = target.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as other:
            conn.send(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=pump, args=(other, conn.sock), daemon=True).start()
            pump(conn.sock, other)
        raise Hangup


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def openssl(directory, *args):
    subprocess.run(["openssl", *args], cwd=directory, check=True, capture_output=True)


def make_context(mode, directory):
    """A CA and a certificate for 127.0.0.1, or one with the fault that the mode names."""
    openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=Test CA")
    names = "DNS:other.example" if mode == "wrong-name" else "IP:127.0.0.1,DNS:localhost"
    (directory / "ext").write_text(f"subjectAltName={names}\n")
    (directory / "ca.conf").write_text(
        "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nnew_certs_dir=.\nserial=serial\n"
        "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    (directory / "index.txt").write_text("")
    (directory / "serial").write_text("01\n")
    openssl(directory, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=test")
    end = "20200102000000Z" if mode == "expired" else "20491231000000Z"
    openssl(directory, "ca", "-batch", "-notext", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile",
            "ca.key", "-in", "server.csr", "-out", "server.pem", "-extfile", "ext", "-startdate",
            "20200101000000Z", "-enddate", end)
    if mode == "untrusted":  # the client gets another CA than the one that signed
        openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", "other.key", "-out", "other.pem", "-days", "30", "-subj", "/CN=Other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    return context, str(directory / ("other.pem" if mode == "untrusted" else "ca.pem"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", choices=["good", "untrusted", "expired", "wrong-name"])
    parser.add_argument("--cert-dir")
    parser.add_argument("--connect-status", type=int, default=200)
    args = parser.parse_args()
    with BadServer(args.port, args.tls, args.cert_dir, args.connect_status, args.host) as server:
        print(server.port, flush=True)
        if args.tls:
            print(server.ca_path, flush=True)
        if not stat.S_ISFIFO(os.fstat(0).st_mode):
            signal.pause()
        while os.read(0, 4096):
            pass


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
