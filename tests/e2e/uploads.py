# SPDX-License-Identifier: Apache-2.0
"""What uploads need: bitssrv on a directory of its own, an application that computes replies, and a
line that can be held and cut."""
import http.server
import os
import pathlib
import signal
import socket
import subprocess
import threading

BUILD = pathlib.Path(os.environ.get("BITSD_BUILD", "build")).resolve()
PATIENCE = 30


class Application:
    """Told about each upload by value: gives `answer(body)` as the reply, or `status` and nothing. While
    it is held it thinks."""

    def __init__(self):
        self.calls = []
        self.answer = lambda body: b"got " + str(len(body)).encode() + b"\n"
        self.status = 200
        self.allowed = threading.Event()
        self.allowed.set()
        app = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                app.calls.append(body)
                app.allowed.wait(PATIENCE)
                reply = app.answer(body) if app.status == 200 else b""
                try:
                    self.send_response(app.status)
                    self.send_header("Content-Length", str(len(reply)))
                    self.end_headers()
                    self.wfile.write(reply)
                except OSError:
                    self.close_connection = True

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/handle"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.allowed.set()
        self.server.shutdown()
        self.server.server_close()


class Line:
    """Carries connections to the server, and counts the sessions that clients ask for. After
    `hold_after` bytes from the clients it carries nothing more until release()."""

    def __init__(self, target):
        self.target = target
        self.hold_after = None
        self.carried = 0
        self.sessions = 0
        self.held = threading.Event()
        self.released = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
            except OSError:
                return
            for ends in ((client, server, True), (server, client, False)):
                threading.Thread(target=self.carry, args=ends, daemon=True).start()

    def carry(self, source, sink, counts):
        try:
            while data := source.recv(16384):
                if counts:
                    self.carried += len(data)
                    self.sessions += data[:2048].lower().count(b"create-session")
                    if self.hold_after is not None and self.carried > self.hold_after:
                        self.held.set()
                        self.released.wait(PATIENCE)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def release(self):
        self.hold_after = None
        self.released.set()

    def close(self):
        self.release()
        self.listener.close()


class Intake:
    """bitssrv: /up/ takes files, /ask/ takes questions for the application, /no/ takes nothing,
    /once/ keeps what it has."""

    def __init__(self, place, user=None):
        self.place = place
        self.app = Application()
        sites = ""
        for name in ("up", "ask", "no", "once"):
            (place / name).mkdir()
            sites += f"[site /{name}]\nDirectory = {place}/{name}\n" \
                     f"BITSUploadEnabled = {0 if name == 'no' else 1}\n" \
                     f"BITSAllowOverwrites = {0 if name == 'once' else 1}\n"
            if name == "ask":
                sites += "BITSServerNotificationType = 2\n" \
                         f"BITSServerNotificationURL = {self.app.url}\n"
        config = place / "bitssrv.conf"
        config.write_text(f"[server]\n{sites}")
        self.log = open(place / "bitssrv.log", "wb")
        self.process = subprocess.Popen(
            [BUILD / "src/server/bitssrv", "--listen", "127.0.0.1:0", "--config", config],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        words = self.process.stdout.readline().split()
        assert words[:2] == ["listening", "on"], (place / "bitssrv.log").read_text()
        host, port = words[2].rsplit(":", 1)
        self.line = Line((host, int(port)))
        self.url = self.line.url

    def stored(self, name):
        path = self.place / name
        return path.read_bytes() if path.exists() else None

    def close(self):
        self.line.close()
        self.app.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()
