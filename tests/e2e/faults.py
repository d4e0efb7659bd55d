# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way of an upload: a line that is cut wherever a die says, a bitssrv that dies
and comes back, an application that hangs up after its work."""
import collections
import contextlib
import hashlib
import http.server
import os
import pathlib
import signal
import socket
import struct
import subprocess
import threading
import time

BUILD = pathlib.Path(os.environ.get("BITSD_BUILD", "build")).resolve()
PATIENCE = 30
WHOLE = None


def reply_to(body):
    """Depends on every byte, and is of any length up to 60,000 or so."""
    digest = hashlib.sha256(body).hexdigest().encode()
    return digest * (int(digest[:4], 16) % 1000)


class Application:
    """Computes reply_to() and keeps it under its idempotency key, as it should. Now and then it hangs
    up instead of answering, before or after the work."""

    def __init__(self, dice):
        self.lock = threading.Lock()
        self.calls, self.work = collections.Counter(), collections.Counter()
        self.keys = collections.defaultdict(set)
        self.replies, self.troubles = {}, 0.0
        self.arrived, self.pause_sec = collections.Counter(), 0  # of whole questions; before each is looked at
        app = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def handle(self):
                with contextlib.suppress(OSError):  # bitssrv was killed
                    super().handle()

            def do_POST(self):
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                name = self.headers["BITS-Original-Request-URL"].rsplit("/", 1)[1]
                with app.lock:
                    before, after = (dice.random() < app.troubles for _ in range(2))
                if len(body) < length or before:
                    self.close_connection = True
                    return
                app.arrived[name] += 1
                time.sleep(app.pause_sec)
                reply = app.answer(name, self.headers["Idempotency-Key"], body)
                if after:
                    self.close_connection = True
                    return
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("BITS-Copy-File-To-Destination", "1")
                    self.send_header("Content-Length", str(len(reply)))
                    self.end_headers()
                    self.wfile.write(reply)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, name, key, body):
        with self.lock:
            self.calls[name] += 1
            self.keys[name].add(key)
            if key not in self.replies:
                self.work[name] += 1
                self.replies[key] = reply_to(body)
            return self.replies[key]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Fate:
    """How a connection ends: after so many bytes of the client, after so many of the server (0: the
    first Ack is swallowed), or by itself. `how`: "close", "reset", or "hang-up", where nobody reads any
    more but the connection stays."""

    def __init__(self, up=WHOLE, down=WHOLE, how="close"):
        self.left = {"up": up, "down": down}
        self.how = how

    def share(self, way, data):
        """What of it still passes; less than it, and the connection is cut."""
        if self.left[way] is WHOLE:
            return data
        passes = data[:self.left[way]]
        self.left[way] -= len(passes)
        return passes


class Line:
    """Carries connections to wherever the server listens now."""

    def __init__(self, host="127.0.0.1", port=0):
        self.target = None
        self.fate = Fate  # asked for each connection
        self.cuts = self.connections = 0
        self.hung_up = []
        self.listener = socket.create_server((host, port))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                if self.listener.fileno() < 0:
                    return
                continue
            self.connections += 1
            try:
                server = socket.create_connection(self.target)
            except (OSError, TypeError):
                client.close()
                client = None
                continue
            fate = self.fate()
            for ends in ((client, server, "up"), (server, client, "down")):
                threading.Thread(target=self.carry, args=(*ends, fate), daemon=True).start()
            client = server = ends = None  # or the last connection would never close

    def carry(self, source, sink, way, fate):
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                passes = fate.share(way, data)
                sink.sendall(passes)
                if len(passes) < len(data):
                    self.cuts += 1
                    self.cut(source, sink, fate.how)
                    return
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self, one, other, how):
        if how == "hang-up":
            self.hung_up += [one, other]
        for end in (one, other):
            with contextlib.suppress(OSError):
                if how == "reset":
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown({"reset": socket.SHUT_RD, "hang-up": socket.SHUT_WR,
                              "close": socket.SHUT_RDWR}[how])  # wakes who reads, or it stays open
                if how != "hang-up":
                    end.close()

    def close(self):
        self.listener.close()
        for end in self.hung_up:
            end.close()


class Server:
    """bitssrv behind a Line; comes back on another port, which nobody notices. /up/ takes files, /ask/
    asks the application."""

    def __init__(self, place, app_url=None, extra=""):
        self.place, self.extra = place, extra
        self.log, self.config = place / "access.log", place / "bitssrv.conf"
        sites = f"[server]\nAccessLog = {self.log}\nStopTimeout = 2\n"
        for name in ("up", "ask"):
            (place / name).mkdir(parents=True)
            sites += f"[site /{name}]\nDirectory = {place}/{name}\nBITSUploadEnabled = 1\n" \
                     f"SessionDirectory = {place}/{name}-sessions\n{extra}"
            if name == "ask" and app_url:
                sites += "BITSServerNotificationType = 2\n" \
                         f"BITSServerNotificationURL = {app_url}\n"
        self.config.write_text(sites)
        self.line = Line()
        self.url = self.line.url
        self.process = None
        self.start()

    def start(self):
        with open(self.place / "bitssrv.log", "ab") as log:
            self.process = subprocess.Popen(
                [BUILD / "src/server/bitssrv", "--listen", "127.0.0.1:0", "--config", self.config],
                stdout=subprocess.PIPE, stderr=log, text=True)
        words = self.process.stdout.readline().split()
        assert words[:2] == ["listening", "on"], (self.place / "bitssrv.log").read_text()
        host, port = words[2].rsplit(":", 1)
        self.line.target = (host, int(port))

    def stop(self, how=signal.SIGTERM):
        self.line.target = None
        self.process.send_signal(how)
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def again(self):
        self.stop(signal.SIGKILL)
        self.start()

    def session_files(self, kind=".data"):
        return [p for name in ("up", "ask")
                for p in (self.place / f"{name}-sessions").iterdir() if p.suffix == kind]

    def packets(self, kind):
        """Lines of the access log about packets of that kind."""
        return [line for line in self.log.read_text().splitlines() if f"packet={kind}" in line]

    def received_bytes(self):
        return sum(int(word[3:]) for line in self.packets("Fragment") for word in line.split()
                   if word.startswith("in="))

    def close(self):
        self.line.close()
        if self.process.poll() is None:
            self.stop()
