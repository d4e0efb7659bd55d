#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program that answers uploads: bitssrv hands it each one, the client gets what it computed: size,
SHA-256 and number of lines as JSON. In bitssrv.conf, for either type:
    BITSServerNotificationType = 2
    BITSServerNotificationURL = http://127.0.0.1:8080/      (or http://unix:/run/app.sock:/)
An upload that is told twice has the same Idempotency-Key: it gets the reply of the first time."""
import argparse
import hashlib
import http.server
import json
import os
import socketserver


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    replies, copy = {}, False  # a real program keeps replies on disk

    def do_POST(self):
        key = self.headers.get("Idempotency-Key")
        length = int(self.headers.get("Content-Length", 0))
        reply = self.replies.get(key)
        if reply:
            self.describe(self.rfile, length)  # read all the same
        else:
            reply = json.dumps(self.compute(length)).encode() + b"\n"
        reply = self.replies.setdefault(key, reply) if key else reply
        self.send_response(200)
        if self.copy:
            self.send_header("BITS-Copy-File-To-Destination", "1")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def compute(self, length):
        """By reference the upload is a file, by value it is the body."""
        name = self.headers.get("BITS-Request-DataFile-Name")
        if not name:
            return self.describe(self.rfile, length)
        with open(name, "rb") as source:
            return self.describe(source, os.fstat(source.fileno()).st_size)

    def describe(self, source, total):
        digest, size, lines = hashlib.sha256(), 0, 0
        while size < total and (block := source.read(min(1 << 20, total - size))):
            digest.update(block)
            size, lines = size + len(block), lines + block.count(b"\n")
        if size < total:
            raise ConnectionError("the upload was cut")  # it will be told again
        return {"url": self.headers.get("BITS-Original-Request-URL"), "bytes": size,
                "sha256": digest.hexdigest(), "lines": lines}

    def address_string(self):  # of a Unix socket there is none
        return str(self.client_address[0]) if self.client_address else "unix"


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(description="Answers uploads that bitssrv hands over.")
    parser.add_argument("--listen", default="127.0.0.1:8080", help="HOST:PORT or unix:PATH")
    parser.add_argument("--copy", action="store_true", help="also keep uploads at their destination")
    options = parser.parse_args()
    Handler.copy = options.copy
    if options.listen.startswith("unix:"):
        server, name = UnixServer(options.listen[5:], Handler), options.listen
    else:
        host, port = options.listen.rsplit(":", 1)
        server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
        name = f"{host}:{server.server_port}"
    print(f"listening on {name}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
