# SPDX-License-Identifier: Apache-2.0
"""Logins and programs by bitsctl, against a server and a proxy that want to know who is there; the log."""
import json
import os
import pathlib
import re
import signal
import subprocess
import termios

import pytest

from auth_server import AuthServer
from bad_server import content as body
from conftest import SANITIZED, until

SECRET = "s3cret-hünter2-Zx9"
SIZE = 5000


@pytest.fixture
def site():
    with AuthServer({"ann": SECRET}, auth="basic,digest") as server:
        yield server


@pytest.fixture
def gate():
    """A proxy with accounts of its own."""
    with AuthServer({"pam": SECRET}, proxy=True, auth="basic") as server:
        yield server


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text(SECRET + "\n")
    return path


def password(*lines):
    return "".join(line + "\n" for line in lines or (SECRET,))


def job_of(ctl):
    jobs = ctl.json("list")["jobs"]
    assert len(jobs) == 1, jobs
    return jobs[0]["id"]


def arrived(ctl, site, name="f"):
    return (ctl.cwd / name).read_bytes() == body("1", SIZE)


def url(site):
    return site.url("/f", size=SIZE, seed="1")


# ---- get and put ----

def get(ctl, site, *args, **kwargs):
    return ctl.run("get", url(site), "-o", "f", *args, **kwargs)


def test_get_with_a_login(ctl, site):
    ran = get(ctl, site, "--login", "ann", "--password-stdin", input=password())
    assert ran.returncode == 0 and ran.stderr == "", ran
    assert arrived(ctl, site)
    assert ctl.json("list")["jobs"] == []


def test_get_with_a_password_from_a_file_or_a_descriptor(ctl, site, secret_file):
    assert get(ctl, site, "--login=ann", f"--password-file={secret_file}").returncode == 0
    assert arrived(ctl, site)
    (ctl.cwd / "f").unlink()
    read_end, write_end = os.pipe()
    os.write(write_end, password().encode())
    os.close(write_end)
    ran = subprocess.run([ctl.program, "get", url(site), "-o", "f", "--login=ann",
                          f"--password-fd={read_end}"], env=ctl.env, cwd=ctl.cwd, timeout=30,
                         pass_fds=[read_end], stdin=subprocess.DEVNULL)
    os.close(read_end)
    assert ran.returncode == 0 and arrived(ctl, site)


def test_a_file_that_others_can_read_is_pointed_out(ctl, site, secret_file):
    secret_file.chmod(0o644)
    ran = get(ctl, site, "--login=ann", f"--password-file={secret_file}")
    assert ran.returncode == 0 and "others can read" in ran.stderr and "chmod 600" in ran.stderr


def test_the_hint_of_a_challenge_is_what_to_run(ctl, site):
    ran = get(ctl, site)
    assert ran.returncode == 3
    job = job_of(ctl)
    assert ctl.field(job, "why.code") == "needs-credentials"
    assert ctl.field(job, "error.symbol") == "BG_E_HTTP_ERROR_401"
    command = ctl.field(job, "why.text").removeprefix("run: bitsctl ")
    assert command in ctl.ok("list")
    match = re.search(r"^  log in: bitsctl (cred set \w+); then: bitsctl (resume --wait \w+);", ran.stderr, re.M)
    assert match and match.group(1) == command, ran.stderr
    ctl.ok(*match.group(1).split(), "--login=ann", "--password-stdin", input=password())
    ctl.ok(*match.group(2).split())
    assert arrived(ctl, site)


def test_a_wrong_password_is_an_error_that_a_right_one_heals(ctl, site):
    ran = get(ctl, site, "--login=ann", "--password-stdin", input=password("wrong"))
    assert ran.returncode == 3 and "cred set" in ran.stderr and "wrong" not in ran.stderr
    job = job_of(ctl)
    ctl.ok("cred", "set", job, "--user", "ann", "--password-stdin", input=password())
    ctl.ok("resume", "--wait", job)
    assert arrived(ctl, site)


def test_a_proxy_with_a_login(ctl, web, gate):
    args = ["get", f"{web.url}/f?size=100", "-o", "f", "--proxy", gate.url("/")]
    ran = ctl.run(*args)
    assert ran.returncode == 3
    match = re.search(r"log in: bitsctl (cred set \w+ --proxy);", ran.stderr)
    assert match, ran.stderr
    job = job_of(ctl)
    assert ctl.field(job, "why.text") == f"run: bitsctl {match.group(1)}"
    ctl.ok(*match.group(1).split(), "--login", "pam", "--password-stdin", input=password())
    ctl.ok("resume", "--wait", job)
    (ctl.cwd / "f").unlink()
    ctl.ok(*args, "--proxy-login=pam", "--password-stdin", input=password())


def test_both_logins_at_once(ctl, site, gate):
    ctl.ok("get", url(site), "-o", "f", "--proxy", gate.url("/"), "--login=ann", "--proxy-login=pam",
           "--password-stdin", input=password(SECRET, SECRET))
    assert arrived(ctl, site)


def test_put_with_a_login(ctl, site):
    (ctl.cwd / "data").write_bytes(body("7", SIZE))
    ran = ctl.run("put", "data", site.url("/up"), "--login=ann", "--password-stdin", input=password())
    assert ran.returncode == 0, ran
    assert bytes(site.uploads["/up"]) == body("7", SIZE)


# ---- the terminal ----

def echoes(terminal):
    return bool(termios.tcgetattr(terminal.master)[3] & termios.ECHO)


def test_the_password_is_asked_for_and_not_shown(ctl, site):
    t = ctl.terminal("get", url(site), "-o", "f", "--login", "ann")
    assert t.modes[3] & termios.ECHO
    t.expect("password of ann for the server: ")
    assert not echoes(t)
    t.type(SECRET.encode() + b"\n")
    assert t.wait() == 0, t.text()
    assert echoes(t)
    assert SECRET not in t.text() and arrived(ctl, site)


def test_a_name_is_asked_for_too(ctl, site):
    get(ctl, site)
    job = job_of(ctl)
    t = ctl.terminal("cred", "set", job)
    t.expect("user name for the server: ")
    assert echoes(t)
    t.type(b"ann\n")
    t.expect("password of ann for the server: ")
    t.type(SECRET.encode() + b"\n")
    assert t.wait() == 0, t.text()
    assert f"go on: bitsctl resume {job[:4]}" in t.text()
    ctl.ok("resume", "--wait", job)
    assert arrived(ctl, site)


@pytest.mark.parametrize("keys, signo", [(b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT),
                                         (None, signal.SIGTERM), (None, signal.SIGHUP)])
def test_a_signal_leaves_the_terminal_as_it_was(ctl, site, keys, signo):
    t = ctl.terminal("get", url(site), "-o", "f", "--login", "ann")
    t.expect("password of ann")
    assert not echoes(t)
    if keys:
        t.type(keys)
    else:
        os.kill(t.process.pid, signo)
    assert t.wait() == -signo, t.text()
    assert echoes(t)
    assert ctl.json("list")["jobs"] == []


def test_a_stopped_question_is_asked_again(ctl, site):
    t = ctl.terminal("get", url(site), "-o", "f", "--login", "ann")
    t.expect("password of ann")
    t.type(b"half of i\x1a")
    until(lambda: pathlib.Path(f"/proc/{t.process.pid}/stat").read_text().split(") ")[1][0] == "T",
          "the stop")
    assert echoes(t)
    os.kill(t.process.pid, signal.SIGCONT)
    t.expect("(?s)password of ann.*password of ann")
    assert not echoes(t)
    t.type(SECRET.encode() + b"\n")
    assert t.wait() == 0, t.text()


@pytest.mark.parametrize("keys, says", [(b"\x04", "none was given"), (b"x" * 4200 + b"\n", "too long")])
def test_no_answer_is_no_password(ctl, site, keys, says):
    t = ctl.terminal("get", url(site), "-o", "f", "--login", "ann")
    t.expect("password of ann")
    t.type(keys)
    assert t.wait() == 1
    assert says in t.text() and echoes(t)
    assert ctl.json("list")["jobs"] == []


def test_nobody_is_asked_where_nobody_is(ctl, site):
    ran = get(ctl, site, "--login=ann")
    assert ran.returncode == 2 and "nobody to ask" in ran.stderr
    t = ctl.terminal("get", url(site), "-o", "f", "--login", "ann", "--no-input")
    assert t.wait() == 2 and "nobody to ask" in t.text()


# ---- secrets ----

def memory_holds(pid, needle):
    """Whether the process has the bytes in memory that it can write to."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            place, mode = line.split()[:2]
            start, end = (int(x, 16) for x in place.split("-"))
            if "w" not in mode or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            try:
                mem.seek(start)
                if needle in mem.read(end - start):
                    return True
            except OSError:
                continue
    return False


@pytest.mark.skipif(os.getuid() != 0 or SANITIZED, reason="only root may look into a process that forbids it")
def test_a_waiting_bitsctl_has_forgotten_the_password(ctl, web):
    secret = "w1pe-" + os.urandom(8).hex()
    get = subprocess.Popen([ctl.program, "get", f"{web.url}/gated/g?size=100000&at=50000", "-o", "g",
                            "--login=ann-the-user", "--password-stdin"], env=ctl.env, cwd=ctl.cwd,
                           stdin=subprocess.PIPE)
    get.stdin.write(secret.encode() + b"\n")
    get.stdin.close()
    try:
        until(lambda: web.requests, "the request")
        assert memory_holds(get.pid, b"ann-the-user")  # so that it would be found
        assert not memory_holds(get.pid, secret.encode())
    finally:
        web.release()
        assert get.wait(30) == 0


def files_with(directory, needle):
    return [p for p in directory.rglob("*") if p.is_file() and needle in p.read_bytes()]


def test_no_file_no_environment_no_command_line_has_it(ctl, site, tmp_path):
    ctl.ok("create", "j")
    ctl.ok("add", "j", url(site), str(ctl.cwd / "f"))
    ctl.ok("cred", "set", "j", "--login=ann", "--password-stdin", input=password())
    ctl.ok("resume", "--wait", "j")
    pid = ctl.service_pid()
    for name in ("cmdline", "environ"):
        assert SECRET.encode() not in pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
    assert (tmp_path / "state").is_dir()
    assert files_with(tmp_path, SECRET.encode()) == []
    ctl.kill_service(signal.SIGTERM)
    assert files_with(tmp_path, SECRET.encode()) == []
    ctl.ok("complete", "j")
    assert arrived(ctl, site)


# ---- cred ----

def test_what_is_set_is_listed_and_removed(ctl):
    ctl.ok("create", "j")
    ctl.ok("cred", "set", "j", "--login=ann", "--password-stdin", input=password())
    ctl.ok("cred", "set", "j", "--proxy", "--implicit")
    assert ctl.ok("cred", "list", "j", "-q").split() == [
        "server/basic", "server/digest", "server/ntlm", "server/negotiate", "proxy/ntlm", "proxy/negotiate"]
    assert ctl.field("j", "credentials") == "true"
    listed = ctl.ok("cred", "list", "-j", "j")
    assert SECRET not in listed and "ann" not in listed
    assert {"target": "proxy", "scheme": "ntlm", "implicit": True} in json.loads(listed)["credentials"]
    ctl.ok("cred", "rm", "j", "--scheme=basic,ntlm")
    assert len(ctl.json("cred", "list", "j")["credentials"]) == 4
    ctl.ok("cred", "rm", "j", "--all")
    assert ctl.json("cred", "list", "j")["credentials"] == []
    assert ctl.field("j", "credentials") == "false"


def test_the_limits_are_the_services(ctl):
    ctl.ok("create", "j")
    ran = ctl.run("cred", "set", "j", "--login", "u" * 301, "--password-stdin", input=password())
    assert ran.returncode == 1 and "BG_E_USERNAME_TOO_LARGE" in ran.stderr
    ran = ctl.run("cred", "set", "j", "--login=ann", "--password-stdin", input="p" * 65537 + "\n")
    assert ran.returncode == 1 and "BG_E_PASSWORD_TOO_LARGE" in ran.stderr
    ctl.ok("cred", "set", "j", "--login", "u" * 300, "--password-stdin", input="ü" * 65536 + "\n")


def test_a_new_key_leaves_logins_working(ctl, site):
    ctl.ok("create", "j")
    ctl.ok("add", "j", url(site), str(ctl.cwd / "f"))
    ctl.ok("cred", "set", "j", "--login=ann", "--password-stdin", input=password())
    assert ctl.json("cred", "rekey")["resealed"] == 4
    ctl.ok("resume", "--wait", "j")
    ctl.ok("complete", "j")
    assert arrived(ctl, site)


# ---- notify ----

def program(ctl, text, name="a program"):
    path = ctl.cwd / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


NASTY = ["two words", "", 'a"b', "\\", "\\\\", 'a\\"', "a b\\", "$HOME `x`;", "new\nline", "'", "--clear", "ü"]


def test_the_words_of_a_program_arrive_as_they_were(ctl, web):
    path = program(ctl, 'for word; do printf "%s\\0" "$word"; done > "$0.tmp" && mv "$0.tmp" "$0.out"\n')
    ctl.ok("create", "j")
    ctl.ok("add", "j", f"{web.url}/f?size=10", str(ctl.cwd / "f"))
    ctl.ok("notify", "j", "--program", f"./{path.name}", "--", *NASTY)
    assert ctl.field("j", "notify.program.path") == str(path)
    ctl.ok("resume", "--wait", "j")
    out = ctl.cwd / f"{path.name}.out"
    until(out.exists, "the program")
    assert out.read_bytes().decode().split("\0")[:-1] == NASTY
    until(lambda: ctl.field("j", "notify.program.result") == "0", "its end")
    assert re.search(f"^ *program +{re.escape(str(path))}$", ctl.ok("show", "j"), re.M)
    assert "exit status 0" in ctl.ok("notify", "j")
    assert str(path) in ctl.ok("list", "--with-program")


def test_a_program_that_fails_shows_how(ctl, web):
    path = program(ctl, "exit 3\n")
    ctl.ok("create", "j")
    ctl.ok("add", "j", f"{web.url}/status/404/x", str(ctl.cwd / "f"))
    ctl.ok("notify", "j", "--program", str(path), "--on=error")
    assert ctl.run("resume", "--wait", "j").returncode == 3
    until(lambda: ctl.field("j", "notify.program.result") == "3", "the end of the program")
    assert "last run  exit status 3" in ctl.ok("show", "j")
    ctl.ok("notify", "j", "--clear")
    assert ctl.json("notify", "j")["notify"]["program"] is None


def test_no_event_no_program(ctl, web):
    path = program(ctl, 'touch "$0.out"\n')
    ctl.ok("create", "j")
    ctl.ok("add", "j", f"{web.url}/f?size=10", str(ctl.cwd / "f"))
    ctl.ok("notify", "j", "--program", str(path), "--on=none")
    assert ctl.ok("notify", "j").splitlines()[0].split() == ["notify", "never"]
    ctl.ok("resume", "--wait", "j")
    ctl.ok("complete", "j")
    ctl.kill_service(signal.SIGTERM)  # which would have waited for it
    assert not (ctl.cwd / f"{path.name}.out").exists()


# ---- log ----

def test_the_log_tells_of_a_job(ctl, web):
    ctl.ok("create", "one")
    ctl.ok("add", "one", f"{web.url}/f?size=10", str(ctl.cwd / "f"))
    ctl.ok("create", "two")
    ctl.ok("resume", "--wait", "one")
    job = ctl.field("one", "id")
    text = until(lambda: ctl.ok("log", "one"), "a line about it")
    assert "is transferred" in text and "listens on" not in text
    ctl.ok("complete", "one")
    assert "is transferred" in ctl.ok("log", job)
    whole = ctl.ok("log")
    assert "listens on" in whole and "is transferred" in whole
    assert ctl.ok("log", "-n", "1").count("\n") == 1
    line = json.loads(ctl.ok("log", "-j", job).splitlines()[0])
    assert line["job"] == job and line["level"] == "info" and line["pid"] == ctl.service_pid()
    log = pathlib.Path(ctl.env["BITSD_STATE_DIR"]) / "log"
    assert log.stat().st_mode & 0o777 == 0o600


def watches(pid):
    """Whether the process reads from inotify just now, so that it has printed what there was."""
    fds = pathlib.Path(f"/proc/{pid}/fd")
    try:
        call = pathlib.Path(f"/proc/{pid}/syscall").read_text().split()
        return call[0] == "0" and "inotify" in os.readlink(fds / str(int(call[1], 16)))
    except (OSError, IndexError, ValueError):
        return False


def test_the_log_is_followed(ctl, web):
    ctl.ok("create", "one")
    ctl.ok("add", "one", f"{web.url}/f?size=10", str(ctl.cwd / "f"))
    follow = ctl.popen("log", "-f", "-n", "0", "one", stdout=subprocess.PIPE)
    try:
        until(lambda: watches(follow.pid), "its watch")
        ctl.ok("resume", "--wait", "one")
        assert "is transferred" in follow.stdout.readline()
    finally:
        follow.send_signal(signal.SIGINT)
        assert follow.wait(30) == -signal.SIGINT


# ---- a service that cannot start ----

def test_the_services_own_words_are_shown(ctl):
    state = pathlib.Path(ctl.env["BITSD_STATE_DIR"])
    state.mkdir()
    state.chmod(0o755)
    ran = ctl.run("list")
    assert ran.returncode == 7
    assert "could not start: the directory" in ran.stderr and "chmod 700" in ran.stderr, ran
    assert len(ran.stderr.splitlines()) <= 3


# ---- an ordinary user ----

def test_an_ordinary_user_logs_in_too(ordinary, site):
    ran = ordinary.run("get", url(site), "-o", "f", "--login=ann", "--password-stdin", input=password())
    assert ran.returncode == 0 and ran.stderr == "", ran
    t = ordinary.terminal("get", url(site), "-o", "g", "--login=ann")
    t.expect("password of ann for the server: ")
    t.type(SECRET.encode() + b"\n")
    assert t.wait() == 0, t.text()
    assert (ordinary.cwd / "g").read_bytes() == body("1", SIZE)
    assert "is transferred" in ordinary.ok("log")
