#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server of the BITS Upload Protocol that does what real ones get wrong, told by the query of the
URL. Plain GETs, for replies, are answered by bad_server.py, with all that it can do wrong.

with BadBitsServer() as server: server.url("/up?…"), server.packets, server.uploads, server.open("x")

What the query may say of an upload:

  created=N        status of the Ack of Create (200)      protocol=none|TEXT   what BITS-Protocol says
  sid=0            no BITS-Session-Id but on Create       junk=1   BITS-Error-Code: 1 on every 200
  names=error|code|both      how an error is called (both)         bare=1   error values without 0x
  limit=N          413 for larger fragments               keep=0|N Connection: close on every (Nth) Ack
  shut=1           closed after every Ack without a word
  host_id=H fallback=SEC     on the Ack of Create         identity=0   no Accept-Encoding on it
  reply=REFERENCE  BITS-Reply-URL of the last Ack         extra=LINE   one more line on each Ack
  do=TYPE:NTH:ACTION[:ARG…]  several, separated by commas: what happens to the NTH (from 1; *: every)
                   packet of that type (create ping fragment close cancel; *: any) for that path:
      lost                   500 BG_E_SESSION_NOT_FOUND; the session is forgotten
      status:N[:CODE[:CONTEXT[:RETRY-AFTER]]]    an Ack that says no       plain:N   one of no BITS server
      gap:N | took:N         416 | 200 with offset N, which holds from now on
      blind | mute           416 | 200 without an offset
      cut | half             the packet is taken, the connection closed: without, in an Ack
      body:N                 N bytes of the body are taken, the connection closed
      hang                   taken, and no word; until the client goes
      deaf                   the body is not read; until the client goes
      later:GATE             the body is not read before that
      delay:SEC | wait:GATE  taken, then the Ack takes its time
      early:N                status N before the body is read; then closed with a lingering read
      slam:N                 the same, and closed at once, which resets the connection
      slow:BYTES:SEC         the body is read in such steps
      flood | babble         a head | a body of an answer that does not end
      login                  200 with a page in HTML       nolength   an Ack that has no Content-Length
      other                  an Ack of another session     twice      two offsets in one Ack
      to:URL[:N]             a redirect (percent-encoded twice; status N, 307)
"""
import pathlib
import socket
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bad_server import BadServer, Hangup  # noqa: E402

PROTOCOL = "{7df0354d-249b-430f-820d-3d2a9bef4931}"
NOT_FOUND = 0x8020001F
TYPES = {"create-session": "create", "ping": "ping", "fragment": "fragment",
         "close-session": "close", "cancel-session": "cancel"}
REFUSALS = {"lost", "status", "plain", "login", "gap", "took", "blind", "to"}
LINGER_SEC = 5
FLOOD_LINES = 100000  # 100 MB: more than a client should take


class Session:
    def __init__(self, number, path):
        self.id = f"{{{number:08X}-51B5-4C0E-9C7A-0B6C1C1D2E33}}"
        self.path = path
        self.data = bytearray()
        self.next = 0  # the offset; a lie may set it to what was never received
        self.total = None


class Packet:
    def __init__(self, conn, headers, target, query):
        self.conn, self.server, self.headers = conn, conn.server, headers
        self.path, self.q = target.path, dict(query)
        self.type = TYPES.get(headers.get("bits-packet-type", "").lower(), "?")
        self.length = int(headers.get("content-length", -1))
        self.number = self.server.count(self.path, [("type", self.type)])
        self.acks = self.server.count(self.path, [("acks", "")])
        self.action, self.args = self.find_action(dict(query).get("do", ""))
        self.session = self.server.sessions.get(headers.get("bits-session-id"))
        self.body = b""

    def find_action(self, rules):
        for rule in filter(None, rules.split(",")):
            kind, nth, action, *args = rule.split(":")
            if kind in (self.type, "*") and nth in (str(self.number), "*"):
                return action, args
        return None, []

    # Answers.

    def send(self, status, lines, length=True):
        close = self.q.get("keep") == "0" or (self.q.get("keep") and
                                              self.acks % int(self.q["keep"]) == 0)
        lines = [*lines, *self.q.get("extra", "").split("\n")]
        if length:
            lines.append("Content-Length: 0")
        if close:
            lines.append("Connection: close")
        text = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{x}\r\n" for x in lines if x) + "\r\n"
        if self.action == "half":
            self.conn.send(text[:len(text) // 2].encode())
            raise Hangup
        self.conn.send(text.encode())
        if close or self.q.get("shut"):
            raise Hangup

    def error_lines(self, code, context=5):
        text = f"{code:X}" if self.q.get("bare") else f"0x{code:08X}"
        names = {"error": ["BITS-Error"], "code": ["BITS-Error-Code"]}.get(
            self.q.get("names"), ["BITS-Error", "BITS-Error-Code"])
        return [f"{name}: {text}" for name in names] + [f"BITS-Error-Context: 0x{context:x}"]

    def ack(self, lines=(), status=200):
        lines = ["BITS-Packet-Type: Ack", *lines]
        if self.session and (self.type == "create" or self.q.get("sid") != "0"):
            other = "{99999999-51B5-4C0E-9C7A-0B6C1C1D2E33}"
            lines.append(f"BITS-Session-Id: {other if self.action == 'other' else self.session.id}")
        if self.q.get("junk") and status == 200:
            lines.append("BITS-Error-Code: 1")
        self.send(status, lines, length=self.action != "nolength")

    def refuse(self, status, code=None, context=5, more=()):
        self.ack([*(self.error_lines(code, context) if code else []), *more], status)

    # The body.

    def read_body(self, limit=None):
        wanted = self.length if limit is None else min(limit, self.length)
        body = bytearray(self.conn.pending[:wanted])
        self.conn.pending = self.conn.pending[wanted:]
        while len(body) < wanted:
            data = self.conn.sock.recv(min(1 << 20, wanted - len(body)))
            if not data:
                break
            body += data
        self.body = bytes(body)
        self.record["body"] = len(body)

    def store(self):
        first, last, total = self.range
        s = self.session
        s.total = total
        if first <= s.next:
            s.data[first:first + len(self.body)] = self.body
            s.next = max(s.next, first + len(self.body))

    # The packets.

    def parse_range(self):
        unit, _, text = self.headers["content-range"].partition(" ")
        span, _, total = text.partition("/")
        first, last = map(int, span.split("-"))
        self.range = self.record["range"] = first, last, int(total)
        assert unit == "bytes" and last - first + 1 == self.length, "a malformed range"

    def take_body(self):
        """The bytes of a fragment go where they belong; True when that is answered already."""
        self.parse_range()
        if self.action == "deaf":
            self.server.closing.wait(60)
            raise Hangup
        if self.action == "later":
            self.server.gate(self.args[0]).wait(60)
        if self.action == "slow":
            return self.take_slowly(int(self.args[0]), float(self.args[1]))
        if self.action == "early":
            self.refuse(int(self.args[0]))
            self.linger()
        if self.action == "slam":
            self.conn.sock.recv(1)
            self.refuse(int(self.args[0]))
            raise Hangup
        self.read_body(int(self.args[0]) if self.action == "body" else None)
        cut = self.action == "body" or len(self.body) < self.length
        if self.action in REFUSALS:
            return self.act()
        if self.length > int(self.q.get("limit", 1 << 62)):
            self.refuse(413)
        elif not self.session:
            self.refuse(500, NOT_FOUND)
        elif self.range[0] > self.session.next:
            self.ack([f"BITS-Received-Content-Range: {self.session.next}"], 416)
        else:
            self.store()
            if not cut:
                return False
        if cut:
            raise Hangup
        return True

    def take_slowly(self, step, sec):
        body, length = b"", self.length
        while len(body) < length:
            self.length = min(step, length - len(body))
            self.read_body()
            body += self.body
            time.sleep(sec)
        self.length, self.body = length, body
        self.store()
        return False

    def flood(self, head):
        line = b"X-Filler: " + b"x" * 1000 + b"\r\n"
        self.conn.send(b"HTTP/1.1 200 OK\r\nBITS-Packet-Type: Ack\r\n")
        if not head:
            self.conn.send(b"Content-Length: 99999999\r\n\r\n")
        for _ in range(FLOOD_LINES):
            self.conn.send(line)
            self.server.flooded += len(line)
        raise Hangup

    def linger(self):
        self.conn.sock.settimeout(LINGER_SEC)
        while self.conn.sock.recv(1 << 20):
            pass
        raise Hangup

    def act(self):
        """What is to go wrong; True when the answer is given."""
        kind, args = self.action, self.args
        if kind == "lost":
            self.server.sessions.pop(self.headers.get("bits-session-id"), None)
            self.refuse(500, NOT_FOUND)
        elif kind == "status":
            code = int(args[1], 16) if len(args) > 1 and args[1] else None
            self.refuse(int(args[0]), code, int(args[2]) if len(args) > 2 and args[2] else 5,
                        [f"Retry-After: {args[3]}"] if len(args) > 3 else [])
        elif kind == "plain":
            self.conn.send(f"HTTP/1.1 {args[0]} No\r\nContent-Length: 4\r\n\r\nnope".encode())
        elif kind == "login":
            page = b"<html>Please log in</html>"
            self.conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
                           % len(page) + page)
        elif kind in ("gap", "took"):
            self.session.next = int(args[0])
            del self.session.data[self.session.next:]
            self.ack([f"BITS-Received-Content-Range: {args[0]}"], 416 if kind == "gap" else 200)
        elif kind in ("blind", "mute"):
            more = ["BITS-Recieved-Content-Range: 0"] if kind == "blind" else []
            self.ack(more, 416 if kind == "blind" else 200)
        elif kind == "twice":
            self.ack(["BITS-Received-Content-Range: 1", "BITS-Received-Content-Range: 2"])
        elif kind in ("flood", "babble"):
            self.flood(kind == "flood")
        elif kind == "to":
            status = int(args[1]) if len(args) > 1 else 307
            self.ack([f"Location: {urllib.parse.unquote(args[0])}"], status)
        else:
            return False
        return True

    def finish(self):
        self.record["taken"] = True
        if self.action == "cut":
            raise Hangup
        if self.action == "hang":
            self.conn.wait_for_close()
        if self.action == "delay":
            time.sleep(float(self.args[0]))
        if self.action == "wait":
            self.server.gate(self.args[0]).wait(60)
        getattr(self, "ack_" + self.type)()

    def ack_create(self):
        lines = []
        if self.q.get("protocol") != "none":
            lines.append(f"BITS-Protocol: {self.q.get('protocol', PROTOCOL)}")
        if self.q.get("identity") != "0":
            lines.append("Accept-Encoding: identity")
        if "host_id" in self.q:
            lines.append(f"BITS-Host-Id: {self.q['host_id']}")
        if "fallback" in self.q:
            lines.append(f"BITS-Host-Id-Fallback-Timeout: {self.q['fallback']}")
        self.ack(lines, int(self.q.get("created", 200)))

    def ack_ping(self):
        self.ack()

    def ack_fragment(self):
        s = self.session
        lines = [f"BITS-Received-Content-Range: {s.next}"]
        if s.next == s.total:
            self.server.uploads[self.path] = bytes(s.data)
            if "reply" in self.q:
                lines.append(f"BITS-Reply-URL: {self.q['reply']}")
        self.ack(lines)

    def ack_close(self):
        if not self.session:
            return self.refuse(500, NOT_FOUND)
        if self.session.total is None:
            self.server.uploads[self.path] = b""
        self.server.closed.append(self.session.path)
        return self.ack()

    def ack_cancel(self):
        if not self.session:
            return self.refuse(500, NOT_FOUND)
        self.server.cancelled.append(self.session.path)
        return self.ack()

    def give(self, record):
        self.record = record
        record.update(type=self.type, path=self.path, body=0,
                      session=self.headers.get("bits-session-id"))
        if self.type == "create":
            self.session = self.server.new_session(self.path)
        if self.type == "fragment" and self.take_body():
            return
        if self.act():
            return
        if self.type in ("close", "cancel") and self.session:
            self.server.sessions.pop(self.session.id, None)
        self.finish()


class BadBitsServer(BadServer):
    def __init__(self, *args, receive_bytes=None, **kwargs):
        super().__init__(*args, **kwargs)
        if receive_bytes:  # of each connection's buffer
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.packets, self.uploads, self.sessions = [], {}, {}
        self.closed, self.cancelled = [], []
        self.connections = 0
        self.flooded = 0  # bytes of endless answers that were sent
        self.closing = threading.Event()

    def close(self):
        self.closing.set()
        super().close()

    def new_session(self, path):
        with self.lock:
            session = Session(len(self.packets), path)
            self.sessions[session.id] = session
        return session

    def open(self, gate):
        self.gate(gate).set()

    def types(self, path=None):
        """The packets so far, as a list of types."""
        with self.lock:
            return [p["type"] for p in self.packets if "type" in p and path in (None, p["path"])]

    def taken(self, kind):
        """So many packets of that type were taken whole."""
        with self.lock:
            return sum(1 for p in self.packets if p.get("taken") and p["type"] == kind)

    def answer(self, conn, method, target, headers):
        if method != "BITS_POST":
            return super().answer(conn, method, target, headers)
        with self.lock:
            if not hasattr(conn, "number"):
                self.connections += 1
                conn.number = self.connections
            record = {"method": method, "target": target, "headers": headers,
                      "connection": conn.number}
            self.packets.append(record)
        if self.connect_status == 407:  # as a proxy that wants to know who asks
            conn.send(b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\n"
                      b"Content-Length: 0\r\n\r\n")
            return None
        url = urllib.parse.urlsplit(target)
        query = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
        return Packet(conn, headers, url, query).give(record)
