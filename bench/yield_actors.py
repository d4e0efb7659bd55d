# SPDX-License-Identifier: Apache-2.0
"""Who uses the emulated line: servers, the background under test, the foreground, the probe."""
import json
import os
import pathlib
import shutil
import subprocess
import threading
import time

OBJECT_BYTES = 300_000
STREAM_MBIT, CONSTANT_MBIT = 4, 10
PORTS = (443, 8441, 8442, 8443)  # as many servers, for several connections
INTAKE_PORT = 9443


def mono_usec():
    return time.monotonic_ns() // 1000


def sparse(path, size):
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.01)


class Servers:
    """nginx with and without TLS (HTTP/2 there) for everything but the uploads of bitsd, which bitssrv takes."""

    def __init__(self, line, build, work, size):
        self.work, self.processes = work, []
        (work / "www/up").mkdir(parents=True)
        sparse(work / "www/big.bin", size)
        sparse(work / "www/object.bin", OBJECT_BYTES)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", work / "key.pem", "-out", work / "chain.pem", "-subj", "/CN=yield", "-addext",
                        "subjectAltName=IP:10.9.0.1,IP:10.9.0.2,IP:10.9.0.5", "-days", "2"],
                       check=True, capture_output=True)
        listens = "".join(f"listen 10.9.0.{k}:80; " + "".join(f"listen 10.9.0.{k}:{p} ssl http2; " for p in PORTS)
                          for k in (1, 2, 5))
        paths = " ".join(f"{kind}_temp_path {work}/ngx-{kind};"
                         for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (work / "nginx.conf").write_text(f"""
user root; daemon off; master_process off; pid {work}/nginx.pid; error_log {work}/nginx.err;
events {{ worker_connections 256; }}
http {{ access_log off; sendfile on; tcp_nopush on; client_max_body_size 0; {paths}
  ssl_certificate {work}/chain.pem; ssl_certificate_key {work}/key.pem;
  server {{ {listens} root {work}/www; location /up/ {{ dav_methods PUT; }} }} }}
""")
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.start(line, [nginx, "-p", work, "-c", work / "nginx.conf"])
        for k in (1, 5):
            (work / f"intake{k}").mkdir()
            self.start(line, [build / "src/server/bitssrv", "--root", work / f"intake{k}", "--allow-overwrites", "--listen-tls",
                              f"10.9.0.{k}:{INTAKE_PORT}", "--tls-cert", work / "chain.pem", "--tls-key", work / "key.pem",
                              "--port-file", work / f"port{k}"])
        wait_until(lambda: (work / "nginx.pid").exists() and (work / "port5").exists() and (work / "port1").exists(),
                   "the servers")

    def start(self, line, argv):
        self.processes.append(subprocess.Popen(line.inside("s", argv), stdout=subprocess.DEVNULL))


class Commands:
    """A background that is a command: curl, curl with half of the rate, LEDBAT++."""

    def __init__(self, line, host, number, argvs):
        self.processes = [subprocess.Popen(line.inside(host, argv), stdout=subprocess.DEVNULL) for argv in argvs]

    def state(self):
        """Something is wrong with one that ended: there was more to fetch than time."""
        ended = [p.returncode for p in self.processes if p.poll() is not None]
        return f"ended with {ended}" if ended else "running"


class Bitsd:
    """A service of its own and its jobs. `Background = adaptive` needs saying because it is what is tested."""

    def __init__(self, line, host, number, build, work, priority):
        self.line, self.host, self.number, self.priority = line, host, number, priority
        self.dir = work / f"svc-{host}"
        (self.dir / "bitsd").mkdir(parents=True)
        (self.dir / "bitsd/bitsd.conf").write_text(
            f"[Policy]\nBackgroundJobs = 8\n[Transfer]\nCABundle = {work}/chain.pem\n[Bandwidth]\nBackground = adaptive\n")
        self.env = dict(os.environ, BITSD_SOCKET=str(self.dir / "socket"), BITSD_STATE_DIR=str(self.dir / "state"),
                        BITSD_AUTOSTART="0", HOME=str(self.dir), XDG_CONFIG_HOME=str(self.dir))
        self.ctl = str(build / "src/cli/bitsctl")
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(
            line.inside(host, [build / "src/daemon/bitsd", "--user", "--idle-exit", "0", "--ready-fd", write_end]),
            env=self.env, pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=open(self.dir / "log", "ab"))
        os.close(write_end)
        if os.read(read_end, 1) == b"":
            raise RuntimeError("bitsd did not start:\n" + (self.dir / "log").read_text())
        os.close(read_end)
        self.jobs = []

    def run(self, *args):
        return subprocess.run(self.line.inside(self.host, [self.ctl, *args]), env=self.env, text=True,
                              capture_output=True, timeout=20)

    def add(self, *args):
        done = self.run(args[0], "--detach", "-q", "--priority", self.priority, *args[1:])
        if done.returncode:
            raise RuntimeError(f"bitsctl {args}: {done.stderr}")
        self.jobs.append(done.stdout.strip())

    def state(self):
        words = []
        for job in self.jobs:
            shown = json.loads(self.run("show", "-j", job).stdout)["jobs"][0]
            words.append(shown["state_word"])
        return "running" if set(words) <= {"transferring"} else ", ".join(words)


def start_background(scheme, spec, line, build, work, host, number, service, size):
    """The transfers of one instance; `service` is a Bitsd that is ready, or None."""
    count, up = spec["connections"], spec["way"] == "up"
    server = f"10.9.0.{number}"
    places = [(server, port) for port in PORTS[:count]]
    if scheme == "bitsd":
        for n, (address, port) in enumerate(places):
            if up:
                service.add("put", work / "upload.bin", f"https://{address}:{INTAKE_PORT}/{host}{n}.bin")
            else:
                service.add("get", f"https://{address}:{port}/big.bin", "-o", work / f"out-{host}{n}.bin")
        return service
    tls = ["--cacert", work / "chain.pem"]
    limit = ["--limit-rate", str(int(spec["mbit"] * 125000 / 2 / count))] if scheme == "cap" else []
    argvs = []
    for n, (address, port) in enumerate(places):
        if scheme == "ledbat":
            argvs.append([build / "bench/ledbat_client", *(
                ("put", address, 80, f"/up/{host}{n}", size) if up else ("get", address, 80, "/big.bin"))])
        elif up:
            argvs.append(["curl", "-sS", *tls, *limit, "-T", work / "upload.bin", f"https://{address}:{port}/up/{host}{n}"])
        else:
            argvs.append(["curl", "-sS", *tls, *limit, "-o", "/dev/null", f"https://{address}:{port}/big.bin"])
    return Commands(line, host, number, argvs)


class Probe:
    """Twenty datagrams a second from host a to the servers and back."""

    def __init__(self, line, build, work, real_time):
        self.path = work / "probe"
        tool = [*real_time, build / "bench/udp_actor"]
        self.echo = subprocess.Popen(line.inside("s", [*tool, "echo", "10.9.0.3", 7]))
        self.probe = subprocess.Popen(line.inside("a", [*tool, "probe", "10.9.1.3", "10.9.0.3", 7, 20]),
                                      stdout=open(self.path, "wb"))

    def close(self):
        self.probe.kill()
        self.probe.wait()
        return [[int(word) for word in row.split()] for row in self.path.read_text().splitlines() if row.count(" ") == 1]


class Foreground:
    """What must not suffer: one long transfer (bulk), an object a second (web), or datagrams at a
    constant rate (stream: 4 Mbit/s; constant: 10)."""

    def __init__(self, spec, line, build, work, host):
        self.spec, self.line, self.build, self.work, self.host = spec, line, build, work, host
        self.number = line.HOSTS[host]
        self.web, self.ending, self.process, self.thread = [], threading.Event(), None, None
        if spec["foreground"] in ("stream", "constant"):
            at = ("s", "10.9.0.4") if spec["way"] == "up" else (host, f"10.9.{self.number}.4")
            subprocess.Popen(line.inside(at[0], [build / "bench/udp_actor", "sink", at[1], 9]))

    def start(self):
        kind, up = self.spec["foreground"], self.spec["way"] == "up"
        if kind == "bulk":
            target = ["-T", self.work / "upload.bin", "http://10.9.0.2/up/foreground"] if up else \
                     ["-o", "/dev/null", "http://10.9.0.2/big.bin"]
            self.process = subprocess.Popen(self.line.inside(self.host, ["curl", "-sS", *target]))
        elif kind == "web":
            self.thread = threading.Thread(target=self.fetch_objects, daemon=True)
            self.thread.start()
        elif kind in ("stream", "constant"):
            rate = (STREAM_MBIT if kind == "stream" else CONSTANT_MBIT) * 125000
            ends = (f"10.9.{self.number}.4", "10.9.0.4") if up else ("10.9.0.4", f"10.9.{self.number}.4")
            self.process = subprocess.Popen(self.line.inside(
                self.host if up else "s", [self.build / "bench/udp_actor", "send", *ends, 9, rate]))

    def fetch_objects(self):
        up = self.spec["way"] == "up"
        target = ["-T", self.work / "www/object.bin", "http://10.9.0.2/up/object"] if up else \
                 ["-o", "/dev/null", "http://10.9.0.2/object.bin"]
        due = time.monotonic()
        while not self.ending.is_set():
            done = subprocess.run(self.line.inside(self.host, ["curl", "-sS", "-w", "%{time_total}", *target]),
                                  capture_output=True, text=True)
            if done.returncode == 0:
                self.web.append(float(done.stdout))
            due += 1
            self.ending.wait(max(due - time.monotonic(), 0))

    def stop(self):
        self.ending.set()
        if self.process:
            self.process.kill()
            self.process.wait()
        if self.thread:
            self.thread.join(60)
