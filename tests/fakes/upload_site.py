#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real bitssrv with two directories, and the application behind one of them.

    upload_site.py BITSSRV DIRECTORY     prints the port; ends when its standard input does

/plain/NAME keeps what is sent as DIRECTORY/plain/NAME and answers nothing. What is sent to
/app/NAME?… is given to the application, which does what the query says:
    reply=N       a reply of N bytes: byte i is i * 31 modulo 256
    status=N      refuses with this status, times=N times (for ever)
    static=URL    no reply of its own, but this address of one (percent-encoded)
DIRECTORY/access.log has a line for each request.
"""
import collections
import ctypes
import http.server
import pathlib
import signal
import subprocess
import sys
import threading
import urllib.parse

PATIENCE_SEC = 20
CONFIGURATION = """
[site /plain]
Directory = {0}/plain
SessionDirectory = {0}/sessions-plain
BITSUploadEnabled = 1
BITSAllowOverwrites = 1

[site /app]
Directory = {0}/app
SessionDirectory = {0}/sessions-app
BITSUploadEnabled = 1
BITSAllowOverwrites = 1
BITSServerNotificationType = 2
BITSServerNotificationURL = http://127.0.0.1:{1}/handle
"""


def reply_bytes(size):
    return bytes(i * 31 % 256 for i in range(256)) * (size // 256 + 1)


class Application(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        url = urllib.parse.urlsplit(self.headers["BITS-Original-Request-URL"])
        query = dict(urllib.parse.parse_qsl(url.query))
        self.server.calls[url.path] += 1
        if "status" in query and self.server.calls[url.path] <= int(query.get("times", 1 << 30)):
            self.answer(int(query["status"]), b"")
            return
        size = int(query.get("reply", 0))
        fields = {"BITS-Static-Response-URL": query["static"]} if "static" in query else {}
        self.answer(200, reply_bytes(size)[:size], fields)

    def answer(self, status, body, fields=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(fields or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class UploadSite:
    """For tests in Python, too: `with UploadSite(bitssrv, directory) as site: site.url("/app/x")`."""

    def __init__(self, bitssrv, directory):
        self.bitssrv, self.directory = bitssrv, pathlib.Path(directory)
        self.application = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
        self.application.daemon_threads = True
        self.application.calls = collections.Counter()

    def __enter__(self):
        for name in ("plain", "app", "sessions-plain", "sessions-app"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        configuration = self.directory / "bitssrv.conf"
        configuration.write_text(CONFIGURATION.format(self.directory,
                                                      self.application.server_port))
        threading.Thread(target=self.application.serve_forever, daemon=True).start()
        with open(self.directory / "bitssrv.log", "wb") as log:
            self.process = subprocess.Popen(
                [self.bitssrv, "--listen", "127.0.0.1:0", "--config", str(configuration),
                 "--access-log", str(self.directory / "access.log")],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                preexec_fn=die_with_parent)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.port = int(line.split()[2].rsplit(":", 1)[1])
        return self

    def __exit__(self, *_):
        self.application.shutdown()
        self.application.server_close()
        self.process.terminate()
        self.process.wait(PATIENCE_SEC)
        self.process.stdout.close()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"


def main():
    with UploadSite(*sys.argv[1:3]) as site:
        print(site.port, flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
