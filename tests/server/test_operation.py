# SPDX-License-Identifier: Apache-2.0
"""What an administrator does: options, configuration, reloads, stops, logs, metrics."""
import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading

import pytest

from conftest import wait_until
from wire import Wire, fragment_fields, head

SITE = "[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\n"


def run(*arguments, **kwargs):
    return subprocess.run([os.environ["BITSSRV"], *map(str, arguments)], capture_output=True,
                          text=True, timeout=20, **kwargs)


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["--root"], ["x", "--root", "/tmp"],
                                       ["--session-dir", "/tmp", "--config", "x"],
                                       ["--root", "/tmp"] + ["--listen", ":0"] * 9])
def test_wrong_command_lines(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and "--help" in done.stderr and not done.stdout


def test_help_and_version():
    assert "--root DIR" in run("--help").stdout
    assert re.fullmatch(r"bitssrv \d+\.\d+\.\d+\n", run("--version").stdout)


WRONG = {
    "no site": "[server]\nListen = :0\n",
    "no directory": "[site /]\nBITSUploadEnabled = 1\n",
    "a directory that is not there": "[site /]\nDirectory = /nonexistent/x\n",
    "an unknown property": SITE + "BITSFrobnicate = 1\n",
    "an unknown section": SITE + "[other]\nx = y\n",
    "no section": "Listen = :0\n" + SITE,
    "no line": SITE + "nonsense\n",
    "a truth value that is none": SITE + "BITSAllowOverwrites = perhaps\n",
    "a number that is none": SITE + "BITSSessionTimeout = soon\n",
    "a number out of range": SITE + "BITSServerNotificationType = 3\n",
    "a negative number": SITE + "BITSMaximumUploadSize = -1\n",
    "a count over its unit": SITE + "BITSCleanupUseDefault = 0\nBITSCleanupCount = 25\n"
                                    "BITSCleanupUnits = 1\n",
    "notification to nobody": SITE + "BITSServerNotificationType = 1\n",
    "a long notification URL": SITE + "BITSServerNotificationURL = http://h/" + "x" * 2200 + "\n",
    "a host id with a path": SITE + "BITSHostId = h/x\n",
    "an executable mode": SITE + "FileMode = 755\n",
    "a group that is not there": SITE + "ApplicationGroup = no-such-group\n",
    "TLS without a key": "[server]\nListenTLS = 127.0.0.1:0\n" + SITE,
    "a proxy that is no address": "[server]\nTrustedProxy = localhost\n" + SITE,
    "a prefix with dots": "[site /../x]\nDirectory = ROOT\n",
    "a prefix with a final slash": "[site /x/]\nDirectory = ROOT\n",
}


@pytest.mark.parametrize("name", WRONG)
def test_configurations_that_are_wrong_say_so(server, name):
    server.config.write_text(WRONG[name].replace("ROOT", str(server.root)))
    done = run("--config", server.config, "--check-config")
    assert done.returncode == 1 and done.stderr.startswith("bitssrv: configuration: "), done
    assert len(done.stderr.splitlines()) == 1


def test_the_configuration_that_is_shipped_is_sound(server):
    text = open(os.environ["SOURCE_ROOT"] + "/packaging/bitssrv.conf").read()
    for place in ("files", "sessions"):
        (server.root / place).mkdir()
    text = text.replace("/var/lib/bitssrv", str(server.root))
    server.config.write_text(text)
    assert run("--config", server.config, "--check-config").returncode == 0
    # Every line that is commented out is one, too.
    everything = re.sub(r"^# (?=\[|\w+ =)", "", text, flags=re.M)
    everything = re.sub(r"^(ListenTLS|TLS\w+) = .*$", "", everything, flags=re.M)
    (server.root / "files/orders").mkdir()
    server.config.write_text(everything)
    done = run("--config", server.config, "--check-config")
    assert done.returncode == 0, done


def test_every_documented_property_has_its_name(server):
    names = {"BITSUploadEnabled": 1, "BITSSessionTimeout": 1209600, "BITSMaximumUploadSize": 10,
             "BITSServerNotificationType": 2, "BITSServerNotificationURL": "http://127.0.0.1/x",
             "BITSHostId": "node3.example.net", "BITSHostIdFallbackTimeout": 86400,
             "BITSAllowOverwrites": 1, "BITSCleanupUseDefault": 0, "BITSCleanupCount": 12,
             "BITSCleanupUnits": 1, "BITSNumberOfSessionsLimit": 50, "BITSSessionLimitEnable": 1}
    lines = "".join(f"{name} = {value}\n" for name, value in names.items())
    server.config.write_text(f"[site /]\nDirectory = {server.root}\n{lines}")
    assert run("--config", server.config, "--check-config").returncode == 0


def test_sub_directories_inherit_all_but_the_switch(server):
    for name in ("a", "a/b", "a/c"):
        (server.root / name).mkdir()
    config = ("[site /a/b]\nBITSUploadEnabled = 1\n[site /]\nDirectory = ROOT\n"
              "BITSUploadEnabled = 1\nBITSMaximumUploadSize = 5\n"
              "[site /a]\nBITSMaximumUploadSize = 7\n")
    wire = server.start(config=config).wire()
    assert wire.fragment("/f", wire.open("/f"), 0, b"123456", 6).error == "0x80200020"
    assert wire.create("/a/f").status == 501
    session = wire.open("/a/b/f")
    assert wire.fragment("/a/b/f", session, 0, b"12345678", 8).error == "0x80200020"
    assert wire.fragment("/a/b/f", wire.open("/a/b/f"), 0, b"1234567", 7).status == 200
    assert (server.root / "a/b/f").read_bytes() == b"1234567"


def test_a_reload_takes_new_properties_and_keeps_sessions(server):
    wire = server.start(config=SITE).wire()
    session = wire.open("/f")
    wire.fragment("/f", session, 0, b"abc", 6)
    (server.root / "old").write_bytes(b"x")
    assert wire.create("/old").status == 403
    server.config.write_text(server.config.read_text() + "BITSAllowOverwrites = 1\n")
    server.signal(signal.SIGHUP)
    server.read_addresses()
    wire = server.wire()
    assert wire.create("/old").status == 200
    assert wire.fragment("/f", session, 3, b"def", 6).received == 6


def test_a_reload_lets_requests_end_under_the_old_rules(server):
    wire = server.start(config=SITE).wire()
    session = wire.open("/f")
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, 0, 1000, 1000)]
    wire.send(head("BITS_POST", "/f", fields, 1000) + b"x" * 500)
    wait_until(lambda: sum(p.stat().st_size for p in server.session_files(".data")) == 500, "500")
    server.config.write_text(server.config.read_text() + "MaximumFragmentSize = 10\n")
    server.signal(signal.SIGHUP)
    server.read_addresses()
    wire.send(b"x" * 500)
    answer = wire.receive()
    assert answer.received == 1000 and answer["Connection"] == "close"
    with server.wire() as other:
        assert other.fragment("/g", other.open("/g"), 0, b"x" * 11, 11).status == 413


def test_a_reload_that_fails_changes_nothing(server):
    wire = server.start(config=SITE).wire()
    good = server.config.read_text()
    taken = socket.create_server(("127.0.0.1", 0))
    busy = f"127.0.0.1:{taken.getsockname()[1]}"
    for bad in (good + "nonsense\n", good + "[other]\nx = y\n",
                f"[server]\nListen = 127.0.0.2:0\nListen = {busy}\n" + good):
        server.config.write_text(bad)
        before = server.log.read_text().count("the old configuration stays")
        server.signal(signal.SIGHUP)
        wait_until(lambda n=before: server.log.read_text().count("configuration stays") > n, "a word")
        assert wire.ping("/f").status == 200
        assert server.wire().create("/f").status == 200
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True).stdout
    mine = [line for line in listening.splitlines() if f"pid={server.process.pid}," in line]
    assert len(mine) <= 1, mine
    taken.close()


def accepts(path):
    """A socket has its name a moment before anybody listens on it."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


def test_a_reload_opens_and_closes_listeners(server):
    """A socket in a directory where there was one from the start; others are outside of the sandbox."""
    server.start(config=f"[server]\nListen = unix:{server.directory}/first\n" + SITE)
    path = server.directory / "sock"
    plain = server.config.read_text()
    server.config.write_text(plain.replace("[server]\n", f"[server]\nListen = unix:{path}\n"))
    server.signal(signal.SIGHUP)
    wait_until(lambda: accepts(path), "the socket")
    with Wire(str(path)) as wire:
        assert wire.ping("/f").status == 200
    server.config.write_text(plain)
    server.signal(signal.SIGHUP)
    wait_until(lambda: not path.exists(), "the socket to go")
    assert server.wire().ping("/f").status == 200


def test_a_graceful_stop_lets_requests_end(server):
    wire = server.start().wire()
    idle = server.wire()
    assert idle.ping("/f").status == 200
    session = wire.open("/f")
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, 0, 1000, 1000)]
    wire.send(head("BITS_POST", "/f", fields, 1000) + b"x" * 500)
    wait_until(lambda: sum(p.stat().st_size for p in server.session_files(".data")) == 500, "500")
    server.signal(signal.SIGTERM)
    assert idle.is_closed()
    with pytest.raises(OSError):
        Wire(server.address())
    wire.send(b"x" * 500)
    answer = wire.receive()
    assert answer.received == 1000 and answer["Connection"] == "close"
    assert server.process.wait(10) == 0
    assert (server.root / "f").read_bytes() == b"x" * 1000


def test_a_stop_does_not_wait_for_ever_and_keeps_what_came(server):
    wire = server.start(config="[server]\nStopTimeout = 1\n" + SITE).wire()
    session = wire.open("/f")
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, 0, 1000, 1000)]
    wire.send(head("BITS_POST", "/f", fields, 1000) + b"x" * 500)
    wait_until(lambda: sum(p.stat().st_size for p in server.session_files(".data")) == 500, "500")
    server.stop()
    server.again()
    assert server.wire().fragment("/f", session, 999, b"x", 1000).received == 500


def test_metrics(server):
    server.start("--metrics", "127.0.0.1:0", config=SITE)
    wire = server.wire()
    wire.upload("/f", b"x" * 1000, 400)
    wire.open("/g")
    wire.get("/f")
    wire.create("/f")
    metrics = server.metrics()
    assert metrics['bitssrv_packets_total{type="Fragment"}'] == 3
    assert metrics['bitssrv_packets_total{type="Create-Session"}'] == 3
    assert metrics['bitssrv_answers_total{class="4xx"}'] == 1
    for name, value in {"received_bytes_total": 1000, "sessions_created_total": 2,
                        "sessions_delivered_total": 1, "sessions": 1, "tombstones": 1,
                        "downloads_total": 1}.items():
        assert metrics[f"bitssrv_{name}"] == value, name
    with Wire(server.address("metrics")) as scrape:
        answer = scrape.get("/metrics")
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in answer.body.decode().splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) bitssrv_\w+ .+|bitssrv_\w+(\{\w+="[\w-]+"\})? \d+', line)
    assert wire.get("/metrics").status == 404  # not where uploads go
    with Wire(server.address("metrics")) as scrape:
        assert scrape.get("/f").body[:1] == b"#" and scrape.ping("/f").status != 500


LINE = re.compile(r'(\S+) - (\S+) \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "(\S+) (\S+) (\S+)" '
                  r'(\d+) (\d+) in=(\d+) packet=(\S+) session=(\S+) range=(\S+) time=\d+\.\d{6}')


def test_the_access_log(server):
    wire = server.start().wire()
    session = wire.open("/f?secret=1")
    wire.fragment("/f?secret=1", session, 0, b"data", 9)
    wire.get("/a%20b%22%0a%1b[31m")
    wire.get("/a%20b%22")
    server.stop()
    lines = [LINE.fullmatch(line).groups() for line in server.lines()]
    assert lines[0][0] == "127.0.0.1" and lines[0][2:6] == ("BITS_POST", "/f", "HTTP/1.1", "200")
    assert lines[1][7:] == ("4", "Fragment", session[:9], "bytes_0-3/9")
    assert lines[3][3] == "/a_b_"
    text = server.access_log.read_text()
    assert "secret" not in text and session not in text and "\x1b" not in text


def test_the_access_log_is_opened_again(server):
    wire = server.start().wire()
    wire.ping("/1")
    os.rename(server.access_log, server.directory / "access.1")
    server.signal(signal.SIGHUP)
    wait_until(server.access_log.exists, "a new file")
    server.wire().ping("/2")
    server.stop()
    assert " /2 " in server.access_log.read_text()


def test_the_port_file(server):
    path = server.directory / "port"
    server.start("--port-file", path)
    assert int(path.read_text()) == server.address()[1]


def test_a_socket_of_the_service_manager(server):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        script = ("import os, sys; os.dup2(int(sys.argv[1]), 3);"
                  "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
                  "os.execv(sys.argv[2], sys.argv[2:])")
        process = subprocess.Popen(["/usr/bin/python3", "-c", script, str(listening.fileno()),
                                    os.environ["BITSSRV"], "--root", server.root],
                                   pass_fds=[listening.fileno()], stdout=subprocess.PIPE, text=True)
        assert "listening on" in process.stdout.readline()
        with Wire(listening.getsockname()) as wire:
            assert wire.upload("/f", b"x").status == 200
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()


def test_the_service_manager_is_told(server):
    path = server.directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        sock.settimeout(20)
        server.start(env={"NOTIFY_SOCKET": str(path)})
        assert b"READY=1" in sock.recv(4096)
        server.signal(signal.SIGHUP)
        assert b"RELOADING=1" in sock.recv(4096)
        assert b"READY=1" in sock.recv(4096)
        thread = threading.Thread(target=server.stop)
        thread.start()
        assert b"STOPPING=1" in sock.recv(4096)
        thread.join()


def has_landlock():
    create_ruleset, version = 444, 1
    return ctypes.CDLL(None).syscall(create_ruleset, None, 0, version) > 0


SANITIZED = os.environ["BITSSRV_SANITIZE"] != "none"


@pytest.mark.skipif(SANITIZED, reason="sanitized builds have no sandbox")
def test_the_running_server_is_walled_in(server):
    server.start(config=SITE)
    status = pathlib.Path(f"/proc/{server.process.pid}/status")
    wait_until(lambda: "Seccomp:\t2" in status.read_text(), "the filter")
    assert "NoNewPrivs:\t1" in status.read_text()
    assert server.wire().create("/f").status == 200


@pytest.fixture
def elsewhere():
    """Not beside the port file, where the server may write."""
    with tempfile.TemporaryDirectory(prefix="test-bitssrv-") as name:
        yield pathlib.Path(name)


@pytest.mark.skipif(SANITIZED or not has_landlock(), reason="no Landlock here")
def test_a_reload_may_add_what_is_inside_of_the_sandbox_and_nothing_else(server, elsewhere):
    wire = server.start(config=SITE).wire()
    good = server.config.read_text()
    outside = elsewhere / "outside"
    inside = server.root / "inside"
    outside.mkdir()
    inside.mkdir()
    server.config.write_text(good + f"[site /new]\nDirectory = {outside}\nBITSUploadEnabled = 1\n")
    server.signal(signal.SIGHUP)
    wait_until(lambda: "configuration stays" in server.log.read_text(), "a word")
    assert f"{outside}: not inside of the sandbox" in server.log.read_text()
    assert wire.create("/f").status == 200
    assert list(outside.iterdir()) == []
    server.config.write_text(good + f"[site /new]\nDirectory = {inside}\nBITSUploadEnabled = 1\n")
    server.signal(signal.SIGHUP)
    wait_until(lambda: "read again" in server.log.read_text(), "the reload")
    wire = server.wire()
    assert wire.fragment("/new/g", wire.open("/new/g"), 0, b"abc", 3).status == 200
    assert (inside / "g").read_bytes() == b"abc"


def test_root_and_a_site_for_it_contradict(server):
    server.config.write_text(f"[site /]\nDirectory = {server.root}\n")
    done = run("--config", server.config, "--root", server.root, "--check-config")
    assert done.returncode == 1 and "--root" in done.stderr


def test_the_unit_is_hardened():
    unit = os.environ["SOURCE_ROOT"] + "/packaging/systemd/system/bitssrv.service"
    try:
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", unit],
                              capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        pytest.skip("no systemd-analyze here")
    found = re.search(r"exposure level for bitssrv.service: (\d+\.\d+)", done.stdout)
    if not found:
        pytest.skip("systemd-analyze says nothing here")
    assert float(found[1]) <= 2.0
    assert "Unknown" not in done.stderr, done.stderr
    for call in ("seccomp", "landlock_restrict_self"):  # else its own walls are refused
        assert re.search(f"^SystemCallFilter=[a-z_ 0-9]*{call}", pathlib.Path(unit).read_text(), re.M)
