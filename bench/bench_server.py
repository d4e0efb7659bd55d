# SPDX-License-Identifier: Apache-2.0
"""The upload server: bytes in against nginx's WebDAV PUT on the same disk, and memory."""
import os
import pathlib
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import time

from harness import atexit, can_connect, free_port, memory_kib, process_cpu, wait_for

GIB, MIB = 1 << 30, 1 << 20
FRAGMENT = 4 * MIB
PROTOCOL = "{7df0354d-249b-430f-820d-3d2a9bef4931}"


class Bitssrv:
    def __init__(self, build, work, certificate=None, options=()):
        self.root = work / "in"
        self.root.mkdir(exist_ok=True)
        options = [*options, "--root", self.root, "--allow-overwrites"]
        options += ["--listen-tls", "127.0.0.1:0", "--tls-cert", certificate[0], "--tls-key",
                    certificate[1]] if certificate else ["--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen([build / "src/server/bitssrv", *options],
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        self.port = int(re.search(r":(\d+) https?\n", self.process.stdout.readline())[1])

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class NginxDav:
    """One worker, as bitssrv is one process; the temporary file beside the target, so that the end is
    a rename there, too."""

    def __init__(self, work, certificate=None):
        self.root = work / "dav"
        self.root.mkdir(exist_ok=True)
        self.port = free_port()
        tls = f"ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};" if certificate else ""
        conf = work / f"dav-{self.port}.conf"
        paths = "\n".join(f"  {kind}_temp_path {work}/dav-{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        conf.write_text(f"""
worker_processes 1; daemon off; pid {work}/dav.pid; error_log {work}/dav.err;
{'user root;' if os.geteuid() == 0 else ''}
events {{ worker_connections 512; }}
http {{ access_log off; client_max_body_size 0; client_body_temp_path {work}/dav-body;
{paths}
  server {{ listen 127.0.0.1:{self.port} {'ssl' if certificate else ''}; {tls} root {self.root};
    location / {{ dav_methods PUT; }} }} }}
""")
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([nginx, "-p", str(work), "-c", str(conf)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        atexit.register(self.process.terminate)
        wait_for(lambda: can_connect(self.port), "nginx")

    def workers(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def close(self):
        self.process.terminate()
        self.process.wait()


def connect(port, certificate=None):
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not certificate:
        return sock
    return ssl.create_default_context(cafile=str(certificate[0])).wrap_socket(
        sock, server_hostname="localhost")


def send_file(sock, source, offset, length):
    """sendfile without TLS, as a client in C would; large writes with it."""
    if isinstance(sock, ssl.SSLSocket):
        view = memoryview(os.pread(source, length, offset))
        for first in range(0, length, 1 << 18):
            sock.sendall(view[first:first + (1 << 18)])
        return
    while length:
        sent = os.sendfile(sock.fileno(), source, offset, length)
        offset, length = offset + sent, length - sent


def answer(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        block = sock.recv(65536)
        if not block:
            raise RuntimeError("the server hung up")
        data += block
    head = data.decode("latin-1")
    if int(head.split(" ", 2)[1]) not in (200, 201, 204):
        raise RuntimeError(head)
    return head


def packet(kind, target, length=0, **fields):
    lines = [f"BITS_POST {target} HTTP/1.1", "Host: localhost", f"BITS-Packet-Type: {kind}",
             f"Content-Length: {length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def open_session(sock, target):
    sock.sendall(packet("Create-Session", target, BITS_Supported_Protocols=PROTOCOL))
    return re.search(r"BITS-Session-Id: (\S+)", answer(sock), re.I)[1]


def send_fragments(sock, source, size, target="/big.bin"):
    session = open_session(sock, target)
    for first in range(0, size, FRAGMENT):
        length = min(FRAGMENT, size - first)
        sock.sendall(packet("Fragment", target, length, BITS_Session_Id=session,
                            Content_Range=f"bytes {first}-{first + length - 1}/{size}"))
        send_file(sock, source, first, length)
        answer(sock)
    sock.sendall(packet("Close-Session", target, BITS_Session_Id=session))
    answer(sock)


def send_put(sock, source, size):
    sock.sendall(f"PUT /big.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
    send_file(sock, source, 0, size)
    answer(sock)


def measure(action, pids, synced=None):
    """Seconds, CPU seconds of the server, and seconds without the sync. `synced`: a file that has to be on disk as well, which
    bitssrv's always are before it says so."""
    os.sync()
    cpu = sum(process_cpu(pid) for pid in pids)
    begun = time.monotonic()
    action()
    unsynced = time.monotonic() - begun
    if synced:
        fd = os.open(synced, os.O_RDONLY)
        os.fdatasync(fd)
        os.close(fd)
    return time.monotonic() - begun, sum(process_cpu(pid) for pid in pids) - cpu, unsynced


def make_certificate(work):
    chain, key = work / "chain.pem", work / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", chain, "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"],
                   check=True, capture_output=True)
    return chain, key


def one_kind(build, work, runs, report, source, certificate):
    server, nginx = Bitssrv(build, work, certificate), NginxDav(work, certificate)

    def ours():
        with connect(server.port, certificate) as sock:
            send_fragments(sock, source, GIB)

    def theirs():
        with connect(nginx.port, certificate) as sock:
            send_put(sock, source, GIB)

    results = {"bitssrv": [], "nginx": []}
    for turn in range(runs + 1):
        (server.root / "big.bin").unlink(missing_ok=True)
        (nginx.root / "big.bin").unlink(missing_ok=True)
        done = {"bitssrv": measure(ours, [server.process.pid]),
                "nginx": measure(theirs, nginx.workers(), nginx.root / "big.bin")}
        if turn:
            for name, figures in done.items():
                results[name].append(figures)
    assert (server.root / "big.bin").stat().st_size == GIB
    label = "TLS" if certificate else "plain"
    report.title(f"1 GiB up, {label}: bitssrv in fragments of 4 MiB, nginx WebDAV PUT + fdatasync")
    medians = {}
    for name, figures in results.items():
        medians[name] = [statistics.median(column) for column in zip(*figures)]
        report.add(f"{name}: rate", GIB / MIB / medians[name][0], "MiB/s")
        report.add(f"{name}: CPU of the server", medians[name][1], "s")
    report.add("nginx without fdatasync: rate", GIB / MIB / medians["nginx"][2], "MiB/s")
    report.add(f"rate, {label}: bitssrv / nginx", medians["nginx"][0] / medians["bitssrv"][0], "×",
               (">=", 0.9))
    report.add("peak RSS of bitssrv", memory_kib(server.process.pid, "VmHWM") / 1024, "MiB")
    server.close()
    nginx.close()


def throughput(build, work, runs, report):
    path = work / "source.bin"
    with open(path, "wb") as f:
        block = os.urandom(MIB)
        for _ in range(GIB // MIB):
            f.write(block)
    source = os.open(path, os.O_RDONLY)
    for certificate in (None, make_certificate(work)):
        one_kind(build, work, runs, report, source, certificate)
    os.close(source)


def memory(build, work, runs, report):
    """One session with fragments of 64 MiB, then a thousand at once in the middle of a file."""
    report.title("memory of bitssrv")
    server = Bitssrv(build, work)
    zeros, size = bytes(MIB), 64 * MIB
    with connect(server.port) as sock:
        session = open_session(sock, "/one")
        for first in range(0, 4 * size, size):
            sock.sendall(packet("Fragment", "/one", size, BITS_Session_Id=session,
                                Content_Range=f"bytes {first}-{first + size - 1}/{4 * size}"))
            for _ in range(size // MIB):
                sock.sendall(zeros)
            answer(sock)
        report.add("peak RSS, one session, fragments of 64 MiB",
                   memory_kib(server.process.pid, "VmHWM") / 1024, "MiB", ("<=", 12))
    socks = [connect(server.port) for _ in range(1000)]
    ids = [open_session(sock, f"/f{n}") for n, sock in enumerate(socks)]
    for number, sock in enumerate(socks):
        sock.sendall(packet("Fragment", f"/f{number}", 4096, BITS_Session_Id=ids[number],
                            Content_Range="bytes 0-4095/8192") + bytes(4096))
        answer(sock)
    report.add("RSS, 1,000 open sessions and connections",
               memory_kib(server.process.pid, "VmRSS") / 1024, "MiB", ("<=", 80))
    for sock in socks:
        sock.close()
    server.close()
