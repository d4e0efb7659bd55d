# SPDX-License-Identifier: Apache-2.0
"""bitsctl get: in a pipe, on a terminal, interrupted in every way."""
import json
import os
import re
import signal
import subprocess

import pytest

from conftest import content, until

MIB = 1 << 20


def states(ctl):
    return {job["name"]: job["state_word"] for job in ctl.json("list")["jobs"]}


def gated(web, name, size=4 * MIB, at=2 * MIB):
    return f"{web.url}/gated/{name}?size={size}&at={at}"


def until_half(ctl, name="half"):
    """The bytes before the gate are there; gives the job's id."""
    def arrived():
        for job in ctl.json("list")["jobs"]:
            if job["name"] == name and job["progress"]["bytes"] >= 2 * MIB:
                return job["id"]
        return None
    return until(arrived, "the first half")


# ---- in a pipe ----

def test_is_silent_in_a_pipe_and_saves_the_file(ctl, web):
    assert ctl.ok("get", f"{web.url}/a.bin?size=100000") == ""
    assert (ctl.cwd / "a.bin").read_bytes() == content("a.bin", 100000)
    assert ctl.json("list")["jobs"] == []


def test_tells_what_it_does_when_asked(ctl, web):
    out = ctl.ok("get", "-v", f"{web.url}/a.bin?size=100000")
    assert re.fullmatch(r"job [0-9a-f]{8}  a\.bin  \(priority normal\)\n"
                        rf"saved {ctl.cwd}/a\.bin  97\.7 KiB in .* \(.*/s\)\n", out)


def test_json_is_one_object_a_line(ctl, web):
    lines = [json.loads(line) for line in
             ctl.ok("get", "-j", f"{web.url}/a.bin?size=100000").splitlines()]
    assert all(line["v"] == 1 for line in lines)
    assert lines[0]["event"] == "created"
    assert lines[-1]["event"] == "completed"
    assert lines[-1]["files"] == [{"local": str(ctl.cwd / "a.bin"), "bytes": 100000, "sha256": None}]
    assert {line["job"] for line in lines} == {lines[0]["job"]}
    progress = [line for line in lines if line["event"] == "progress"]
    assert progress[-1]["bytes"] == 100000 == progress[-1]["bytes_total"]
    assert [p["bytes"] for p in progress] == sorted(p["bytes"] for p in progress)


def test_several_addresses_are_one_job_and_become_visible_together(ctl, web):
    (ctl.cwd / "dir").mkdir()
    get = ctl.popen("get", "-d", "dir", f"{web.url}/a?size=10", f"{web.url}/x%20y=named",
                    gated(web, "half"), "--name", "half")
    until_half(ctl)
    assert len(ctl.json("list")["jobs"]) == 1
    assert [p.name for p in (ctl.cwd / "dir").iterdir() if not p.name.startswith(".")] == []
    web.release()
    assert get.wait(30) == 0
    assert sorted(p.name for p in (ctl.cwd / "dir").iterdir()) == ["a", "half", "named"]
    assert (ctl.cwd / "dir/half").read_bytes() == content("half", 4 * MIB)


def test_reads_addresses_from_stdin(ctl, web):
    lines = f"# a comment\n{web.url}/one\n{web.url}/two\tnamed two\n"
    ctl.ok("get", "--from", "-", input=lines)
    assert (ctl.cwd / "one").read_bytes() == content("one", 1000)
    assert (ctl.cwd / "named two").read_bytes() == content("two", 1000)


def test_an_existing_file_is_refused_before_any_byte_moves(ctl, web):
    (ctl.cwd / "a").write_text("mine")
    ran = ctl.run("get", f"{web.url}/b", f"{web.url}/a")
    assert ran.returncode == 1
    assert ran.stderr == f"bitsctl: cannot save to {ctl.cwd}/a: the file exists\n  replace it: --force\n"
    assert web.requests == []
    ctl.ok("get", "--force", f"{web.url}/a")
    assert (ctl.cwd / "a").read_bytes() == content("a", 1000)


def test_a_missing_directory_is_refused_before_any_byte_moves(ctl, web):
    ran = ctl.run("get", f"{web.url}/b", "-d", "gone")
    assert ran.returncode == 1 and "No such file or directory" in ran.stderr
    assert web.requests == []


def test_detached_prints_the_id_and_the_job_completes_itself(ctl, web):
    job = ctl.ok("get", "--detach", "-q", gated(web, "half"), "--name", "half").strip()
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", job)
    until_half(ctl)
    web.release()
    assert ctl.run("wait", job).returncode == 0
    assert (ctl.cwd / "half").read_bytes() == content("half", 4 * MIB)


def test_the_same_name_twice_is_refused(ctl, web):
    ran = ctl.run("get", f"{web.url}/x/a", f"{web.url}/y/a")
    assert ran.returncode == 2 and "two files would be saved as" in ran.stderr


# ---- failures ----

def test_a_fatal_answer_is_three_lines_and_status_3(ctl, web):
    url = f"{web.url}/status/404/gone"
    ran = ctl.run("get", url)
    assert ran.returncode == 3
    first, second, third = ran.stderr.splitlines()
    assert re.match(r'bitsctl: cannot get [0-9a-f]{8} "gone": .*404', first)
    assert second.startswith("  0x80190194 BG_E_HTTP_ERROR_404, ") and second.endswith(url)
    assert "bitsctl resume --wait" in third and "bitsctl cancel" in third
    assert not (ctl.cwd / "gone").exists()
    job = ctl.json("list")["jobs"][0]
    assert job["state"] == "BG_JOB_STATE_ERROR" and job["why"]["code"] == "error"


def test_a_fatal_answer_in_json_is_one_object_on_stderr(ctl, web):
    ran = ctl.run("get", "-j", f"{web.url}/status/404/gone")
    assert ran.returncode == 3
    error = json.loads(ran.stderr)
    assert list(error) == ["v", "error", "code", "symbol", "context", "job", "file", "hint"]
    assert error["code"] == "0x80190194" and error["symbol"] == "BG_E_HTTP_ERROR_404"
    assert error["file"].endswith("/status/404/gone")
    for line in ran.stdout.splitlines():
        json.loads(line)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "nonsense", "http://"])
def test_an_address_that_is_none_leaves_no_job(ctl, url):
    ran = ctl.run("get", url, "-o", "x")
    assert ran.returncode == 1
    assert ran.stderr.startswith("bitsctl: cannot ")
    assert ctl.json("list")["jobs"] == []


@pytest.mark.parametrize("path", ["status/503/x", "status/500/x"])
def test_passing_errors_keep_it_waiting(ctl, web, path):
    ctl.ok("get", f"{web.url}/warm")  # service and worker are there: the first try is within the time
    ran = ctl.run("get", "--wait=5s", f"{web.url}/{path}")
    assert ran.returncode == 4
    assert "not done after 5s, HTTP 50" in ran.stderr
    assert "it goes on in the background" in ran.stderr
    assert ctl.json("list")["jobs"][0]["why"]["code"] == "retry-at"


def test_a_refused_connection_never_looks_like_success(ctl):
    ran = ctl.run("get", "--wait=2s", "http://127.0.0.1:9/x")
    assert ran.returncode in (3, 4)
    assert not (ctl.cwd / "x").exists()


# ---- on a terminal ----

def test_a_terminal_sees_a_bar_and_the_result(ctl, web):
    t = ctl.terminal("get", gated(web, "half"), "--name", "half")
    t.expect(r"job [0-9a-f]{8}  half\n")
    t.expect(r"━+─* +50%  2\.0 / 4\.0 MiB|━.* 50%  2\.0 / 4\.0 MiB")
    web.release()
    assert t.wait() == 0
    t.expect(rf"saved {ctl.cwd}/half  4\.0 MiB in \S+ ?s? \(.*/s\)\n")
    assert t.text().rindex("\x1b[?25h") > t.text().rindex("\x1b[?25l")  # the cursor is back
    assert ctl.json("list")["jobs"] == []


def test_waiting_on_a_terminal_is_a_foreground_job(ctl, web):
    t = ctl.terminal("get", gated(web, "half"), "--name", "half")
    until_half(ctl)
    assert ctl.field("half", "priority") == "foreground"
    web.release()
    assert t.wait() == 0


def test_the_bar_is_ascii_where_the_locale_is(ctl, web):
    t = ctl.terminal("get", gated(web, "half"), "--name", "half", env={"LANG": "C"})
    t.expect(r"\[=+>\.+\]  50%|\[=+>\.+\]   50%")
    web.release()
    assert t.wait() == 0
    assert t.text().isascii()


@pytest.mark.parametrize("env, args", [({"TERM": "dumb"}, []), ({}, ["-q"]), ({}, ["--json=short"])])
def test_no_escape_byte_where_none_is_understood(ctl, web, env, args):
    t = ctl.terminal("get", *args, f"{web.url}/a", env=env)
    assert t.wait() == 0
    assert "\x1b" not in t.text()


def test_no_colour_means_no_colour(ctl, web):
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        web.gate.clear()
        t = ctl.terminal("get", "--force", gated(web, "half"), "--name", "half", env=env)
        t.expect(r" 50%")
        web.release()
        assert t.wait() == 0
        assert bool(re.search(r"\x1b\[[0-9;]*m", t.text())) == coloured


def test_the_line_follows_the_width_of_the_terminal(ctl, web):
    t = ctl.terminal("get", gated(web, "half"), "--name", "half", columns=40)
    t.expect(r" 50%")
    web.release()
    assert t.wait() == 0
    for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", t.text())):
        assert len(line) < 40 or line.startswith("saved ")


def test_retrying_is_told_on_the_line(ctl, web):
    t = ctl.terminal("get", f"{web.url}/status/503/x")
    t.expect(r"retrying: HTTP 503, next try in \d+:\d\d")
    t.type(b"\x03")
    assert t.wait() == 130


# ---- interrupted ----

def test_ctrl_c_pauses_and_the_two_commands_it_names_work(ctl, web):
    t = ctl.terminal("get", gated(web, "half"), "--name", "half")
    t.expect(r" 50%")
    t.type(b"\x03")
    assert t.wait() == 130
    m = re.search(r"paused ([0-9a-f]{8}) at 50% \(2\.0 of 4\.0 MiB kept\)\n"
                  r"  go on:      bitsctl (resume --wait [0-9a-f]{4,})\n"
                  r"  throw away: bitsctl (cancel [0-9a-f]{4,})\n", t.text())
    assert m, t.text()
    assert t.text().rindex("\x1b[?25h") > t.text().rindex("\x1b[?25l")
    assert states(ctl) == {"half": "suspended"}
    assert not (ctl.cwd / "half").exists()
    web.release()
    ctl.ok(*m.group(2).split())
    assert (ctl.cwd / "half").read_bytes() == content("half", 4 * MIB)
    assert any(r and r.startswith("bytes=") for _, _, r in web.requests)  # the kept half was not fetched again


def test_a_line_on_which_nothing_moves_says_so(ctl, web):
    t = ctl.terminal("get", gated(web, "half"), "--name", "half")
    t.expect(r" 50%  2\.0 / 4\.0 MiB  waiting for data")
    web.release()
    assert t.wait() == 0
    assert (ctl.cwd / "half").read_bytes() == content("half", 4 * MIB)


def test_what_was_paused_can_be_thrown_away(ctl, web):
    t = ctl.terminal("get", gated(web, "half"), "--name", "half")
    t.expect(r" 50%")
    t.type(b"\x03")
    assert t.wait() == 130
    ctl.ok(*re.search(r"bitsctl (cancel [0-9a-f]{4,})", t.text()).group(1).split())
    assert list(ctl.cwd.iterdir()) == []
    assert states(ctl) == {}


def test_a_second_ctrl_c_leaves_at_once(ctl, web):
    t = ctl.terminal("get", gated(web, "half"), "--name", "half")
    t.expect(r" 50%")
    pid = ctl.kill_service(signal.SIGSTOP)  # nobody answers any more
    try:
        until(lambda: open(f"/proc/{pid}/stat").read().split(") ")[1][0] == "T", "the stop")
        t.type(b"\x03")
        t.expect(r"\x1b\[\?25h")
        t.type(b"\x03")
        assert t.wait() == -signal.SIGINT
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("signo", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_the_job_goes_on_when_the_program_is_killed(ctl, web, signo):
    get = ctl.popen("get", gated(web, "half"), "--name", "half", stderr=subprocess.PIPE)
    job = until_half(ctl)
    get.send_signal(signo)
    assert get.wait(30) == -signo
    web.release()
    assert ctl.run("wait", job).returncode == 0
    assert (ctl.cwd / "half").read_bytes() == content("half", 4 * MIB)


def test_a_closed_terminal_does_no_harm(ctl, web):
    t = ctl.terminal("get", gated(web, "half"), "--name", "half")
    t.expect(r" 50%")
    job = ctl.field("half", "id")
    os.close(t.master)
    t.process.wait(30)
    t.master = os.open("/dev/null", os.O_RDONLY)
    web.release()
    assert ctl.run("wait", job).returncode == 0
    assert (ctl.cwd / "half").read_bytes() == content("half", 4 * MIB)


def test_a_killed_service_is_started_again_and_the_bytes_are_kept(ctl, web):
    get = ctl.popen("get", gated(web, "half"), "--name", "half")
    until_half(ctl)
    ctl.kill_service()
    web.release()
    assert get.wait(60) == 0
    assert (ctl.cwd / "half").read_bytes() == content("half", 4 * MIB)


def test_ctrl_z_gives_the_terminal_back(ctl, web):
    t = ctl.terminal("get", gated(web, "half"), "--name", "half")
    t.expect(r" 50%")
    os.kill(t.process.pid, signal.SIGTSTP)
    until(lambda: open(f"/proc/{t.process.pid}/stat").read().split(") ")[1][0] == "T", "the stop")
    t.expect(r"\x1b\[\?25h")
    os.kill(t.process.pid, signal.SIGCONT)
    web.release()
    assert t.wait() == 0
