# SPDX-License-Identifier: Apache-2.0
"""Servers that the world uses, each an instance of its own in a directory of its own: apache, squid,
nginx and a Kerberos realm. Nothing of the machine's own configuration is read or touched."""
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest
from bad_server import make_context
from free_port import free_port

READY_SEC = 20
USER, PASSWORD = "user", "pass word"
REALM = "BITS.TEST"
APACHE_MODULES = "/usr/lib/apache2/modules"
SQUID_HELPERS = pathlib.Path("/usr/lib/squid")


def need(*programs):
    for program in programs:
        if not (shutil.which(program) or os.path.exists(f"/usr/sbin/{program}") or os.path.exists(program)):
            pytest.skip(f"{program} is not installed")


def run(*command, env=None, stdin=None):
    done = subprocess.run(list(map(str, command)), env=env, input=stdin, text=True, timeout=READY_SEC,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


class Server:
    """One process; files where its unprivileged user reaches them."""

    def __init__(self, user):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bits-auth-"))
        self.user = user if os.geteuid() == 0 else None
        self.process = None

    def open_up(self):
        """Gives the files to whom the server will be."""
        if self.user:
            run("chown", "-R", self.user, self.dir)
        os.chmod(self.dir, 0o755)

    def start(self, *command, port, env=None):
        """Waits for the port, the last one when there are several: they are opened in their order."""
        log = (self.dir / "stderr").open("w")
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, env={**os.environ, **(env or {})},
                                        start_new_session=True)
        log.close()
        end = time.monotonic() + READY_SEC
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                if self.process.poll() is None and time.monotonic() < end:
                    time.sleep(0.01)
                    continue
                words = self.words()
                self.close()
                pytest.fail(words)

    def log(self):
        path = self.dir / "access.log"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def logged(self, wanted, least=1):
        """The lines for which wanted(words) holds, at least so many: logs are written after answers."""
        end = time.monotonic() + READY_SEC
        while len(lines := [words for words in self.log() if wanted(words)]) < least:
            assert time.monotonic() < end, self.log()[-5:]
            time.sleep(0.01)
        return lines

    def words(self):
        return "".join(p.read_text(errors="replace")[-3000:] for p in self.dir.glob("*")
                       if p.name in ("stderr", "error.log", "cache.log"))

    def close(self):
        if self.process:
            for how in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(self.process.pid, how)
                except ProcessLookupError:
                    pass
                try:
                    self.process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    continue
        shutil.rmtree(self.dir, ignore_errors=True)


class Realm(Server):
    """A Kerberos realm with USER and the service HTTP/localhost."""

    def __init__(self):
        need("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
        super().__init__(None)
        port = free_port()
        self.keytab = self.dir / "http.keytab"
        (self.dir / "krb5.conf").write_text(f"""
[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = {REALM}
""")
        (self.dir / "kdc.conf").write_text(f"""
[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {REALM} = {{
  database_name = {self.dir}/principal
  key_stash_file = {self.dir}/stash
  acl_file = {self.dir}/acl
 }}
[logging]
 kdc = FILE:{self.dir}/error.log
""")
        self.env = {"KRB5_CONFIG": f"{self.dir}/krb5.conf", "KRB5_KDC_PROFILE": f"{self.dir}/kdc.conf",
                    "KRB5CCNAME": f"FILE:{self.dir}/tickets", "PATH": os.environ["PATH"] + ":/usr/sbin"}
        run("kdb5_util", "create", "-s", "-P", "master", "-r", REALM, env=self.env)
        self.add(USER, PASSWORD)
        for line in "addprinc -randkey HTTP/localhost", f"ktadd -k {self.keytab} HTTP/localhost":
            run("kadmin.local", "-r", REALM, "-q", line, env=self.env)
        os.chmod(self.keytab, 0o644)  # of a realm that lives for seconds
        os.chmod(self.dir, 0o755)
        self.start("krb5kdc", "-n", port=port, env=self.env)
        run("kinit", USER, env=self.env, stdin=PASSWORD + "\n")

    def add(self, user, password):
        run("kadmin.local", "-r", REALM, "-q", f'addprinc -pw "{password}" {user}', env=self.env)


class Apache(Server):
    """/basic/f, /digest/f, /all/f and, with a realm, /gss/f; /up-… stand before `upstream`."""

    def __init__(self, realm=None, upstream=None):
        need("apache2", "htpasswd", *([f"{APACHE_MODULES}/mod_auth_gssapi.so"] if realm else []))
        super().__init__("www-data:www-data")
        self.port = free_port()
        kinds = {"basic": self.basic(), "digest": self.digest()}
        modules = ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic",
                   "auth_digest", "proxy", "proxy_http"]
        if realm:
            modules.append("auth_gssapi")
            kinds["gss"] = (f"AuthType GSSAPI\nGssapiCredStore keytab:{realm.keytab}\n"
                            "GssapiAllowedMech krb5\nRequire valid-user")
        lines = [f"LoadModule {m}_module {APACHE_MODULES}/mod_{m}.so" for m in modules]
        lines += [f"ServerRoot {self.dir}", f"DefaultRuntimeDir {self.dir}", f"PidFile {self.dir}/pid",
                  f"Listen 127.0.0.1:{self.port}", "ServerName localhost", f"ErrorLog {self.dir}/error.log",
                  f"DocumentRoot {self.dir}/www", f'CustomLog {self.dir}/access.log "%m %U %u %>s %I %k"',
                  "StartServers 1", "ThreadsPerChild 16", "KeepAlive On"]
        if self.user:
            lines += ["User www-data", "Group www-data"]
        for kind, rules in kinds.items():
            (self.dir / "www" / kind).mkdir(parents=True)
            (self.dir / "www" / kind / "f").write_bytes(body(kind))
            lines += [f"<Location /{kind}>", rules, "</Location>"]
            if upstream:
                lines += [f"<Location /up-{kind}>", rules, f"ProxyPass {upstream}/up-{kind}",
                          "ProxyPreserveHost On",
                          "RequestHeader unset Authorization", "</Location>"]
        if upstream:
            lines.insert(0, f"LoadModule headers_module {APACHE_MODULES}/mod_headers.so")
        (self.dir / "apache.conf").write_text("\n".join(lines) + "\n")
        self.open_up()
        self.start("/usr/sbin/apache2", "-f", self.dir / "apache.conf", "-DFOREGROUND", port=self.port,
                   env=realm.env if realm else None)

    def basic(self):
        run("htpasswd", "-bc", self.dir / "users", USER, PASSWORD)
        return f"AuthType Basic\nAuthName here\nAuthUserFile {self.dir}/users\nRequire valid-user"

    def digest(self):
        ha1 = hashlib.md5(f"{USER}:here:{PASSWORD}".encode()).hexdigest()
        (self.dir / "digests").write_text(f"{USER}:here:{ha1}\n")
        return (f"AuthType Digest\nAuthName here\nAuthUserFile {self.dir}/digests\n"
                "AuthDigestNonceLifetime 1\nRequire valid-user")

    def url(self, path):
        return f"http://localhost:{self.port}{path}"


class Squid(Server):
    """A proxy that offers `schemes`: negotiate (of a realm), ntlm (any password is right), digest, basic."""

    def __init__(self, schemes, realm=None):
        need("squid", "htpasswd", *(str(SQUID_HELPERS / name) for name in
                                    ("negotiate_kerberos_auth", "ntlm_fake_auth", "digest_file_auth")))
        super().__init__("proxy:proxy")
        self.port = free_port()
        run("htpasswd", "-bc", self.dir / "users", USER, PASSWORD)
        ha1 = hashlib.md5(f"{USER}:here:{PASSWORD}".encode()).hexdigest()
        (self.dir / "digests").write_text(f"{USER}:here:{ha1}\n")
        programs = {
            "negotiate": f"negotiate_kerberos_auth -k {realm.keytab if realm else ''} -s HTTP/localhost",
            "ntlm": "ntlm_fake_auth", "digest": f"digest_file_auth -c {self.dir}/digests",
            "basic": f"basic_ncsa_auth {self.dir}/users"}
        lines = []
        for scheme in schemes:
            lines += [f"auth_param {scheme} program {SQUID_HELPERS}/{programs[scheme]}",
                      f"auth_param {scheme} children 2 startup=1 idle=1"]
            if scheme in ("basic", "digest"):
                lines.append(f"auth_param {scheme} realm here")
        lines += ["acl known proxy_auth REQUIRED", "http_access allow known", "http_access deny all",
                  f"http_port 127.0.0.1:{self.port}", f"pid_filename {self.dir}/pid", "pinger_enable off",
                  f"logformat short %rm %ru %[un %>Hs", f"access_log stdio:{self.dir}/access.log short",
                  f"cache_log {self.dir}/cache.log", f"coredump_dir {self.dir}", "cache deny all",
                  "shutdown_lifetime 0 seconds", "visible_hostname localhost", "cache_mem 8 MB",
                  "netdb_filename none", "logfile_rotate 0"]
        # What the machine calls localhost may be ::1 first or alone, where nobody listens.
        (self.dir / "hosts").write_text("127.0.0.1 localhost\n")
        lines.append(f"hosts_file {self.dir}/hosts")
        (self.dir / "squid.conf").write_text("\n".join(lines) + "\n")
        self.open_up()
        self.start("/usr/sbin/squid", "-N", "-n", f"bits{self.port}", "-f", self.dir / "squid.conf",
                   port=self.port, env=realm.env if realm else None)

    def props(self):
        return {"usage": 2, "list": f"localhost:{self.port}"}


class Nginx(Server):
    """Basic alone; HTTP/2 at tls_url()."""

    def __init__(self):
        need("nginx", "htpasswd")
        super().__init__("www-data:www-data")
        self.port, self.tls_port = free_port(), free_port()
        self.ca_path = make_context("good", self.dir)[1]
        run("htpasswd", "-bc", self.dir / "users", USER, PASSWORD)
        (self.dir / "www").mkdir()
        (self.dir / "www" / "f").write_bytes(body("nginx"))
        temporary = " ".join(f"{m}_temp_path {self.dir};" for m in
                             ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.dir / "nginx.conf").write_text(
            ("user www-data;" if self.user else "") +
            f"daemon off; pid {self.dir}/pid; error_log {self.dir}/error.log; events {{}} http {{ "
            f"{temporary} log_format short '$server_protocol $remote_user $status'; "
            f"access_log {self.dir}/access.log short; root {self.dir}/www; auth_basic here; "
            f"auth_basic_user_file {self.dir}/users; ssl_certificate {self.dir}/server.pem; "
            f"ssl_certificate_key {self.dir}/server.key; server {{ listen 127.0.0.1:{self.port}; }} "
            f"server {{ listen 127.0.0.1:{self.tls_port} ssl http2; }} }}")
        self.open_up()
        self.start("/usr/sbin/nginx", "-p", self.dir, "-c", self.dir / "nginx.conf", port=self.tls_port)

    def url(self, path):
        return f"http://localhost:{self.port}{path}"

    def tls_url(self, path):
        return f"https://127.0.0.1:{self.tls_port}{path}"


class BitsSrv(Server):
    """The server end of uploads; with `passwords` it asks by itself (Basic). Replies with what it got."""

    def __init__(self, passwords=False, application=None):
        need("htpasswd")
        if passwords and b"__asan_init" in pathlib.Path(os.environ["BITSSRV"]).read_bytes():
            pytest.skip("the sanitizer of gcc does not find crypt_r() of bitssrv")
        super().__init__(None)
        self.port = free_port()
        self.root = self.dir / "root"
        rules = ["BITSUploadEnabled = 1", "BITSAllowOverwrites = 1"]
        if application:
            rules += ["BITSServerNotificationType = 2", f"BITSServerNotificationURL = {application}"]
        if passwords:
            run("htpasswd", "-bBC", "4", "-c", self.dir / "users", USER, PASSWORD)
            rules += [f"AuthUserFile = {self.dir}/users", "AuthRealm = here"]
        lines = []
        for name in ("in", "up-basic", "up-digest", "up-gss"):  # replies are below their site
            (self.root / name).mkdir(parents=True)
            (self.dir / f"sessions-{name}").mkdir()
            lines += [f"[site /{name}]", f"Directory = {self.root}/{name}",
                      f"SessionDirectory = {self.dir}/sessions-{name}", *rules]
        (self.dir / "conf").write_text("\n".join(lines) + "\n")
        self.start(os.environ["BITSSRV"], "--config", self.dir / "conf", "--listen",
                   f"127.0.0.1:{self.port}", "--access-log", self.dir / "access.log", port=self.port)

    def url(self, path):
        return f"http://localhost:{self.port}{path}"


def body(seed, size=200000):
    block = hashlib.sha256(seed.encode()).digest()
    return (block * (size // len(block) + 1))[:size]
