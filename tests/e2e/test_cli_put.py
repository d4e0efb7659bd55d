# SPDX-License-Identifier: Apache-2.0
"""bitsctl put and reply against the real bitssrv: in a pipe, on a terminal, interrupted in every way."""
import json
import os
import re
import signal
import subprocess

import pytest

from conftest import content, until

MIB = 1 << 20


def source(ctl, name="report", size=5000):
    path = ctl.cwd / name
    path.write_bytes(content(name, size))
    return path


def names(path):
    return sorted(p.name for p in path.iterdir())


def state(ctl, job):
    return ctl.field(job, "state_word")


def held(ctl, intake, after=MIB, size=4 * MIB):
    """A large file, and a line that stops after some of it."""
    intake.line.hold_after = after
    return source(ctl, size=size)


def private_places(ctl):
    return [p for p in ctl.cwd.parent.iterdir() if p.name.startswith("bitsctl-reply-")]


def until_some(ctl, intake, job="report"):
    assert intake.line.held.wait(30)
    return ctl.field(job, "id")


# ---- in a pipe ----

def test_is_silent_in_a_pipe_and_the_file_is_there(ctl, intake):
    source(ctl, size=3 * MIB)
    assert ctl.ok("put", "report", f"{intake.url}/up/stored") == ""
    assert intake.stored("up/stored") == content("report", 3 * MIB)
    assert ctl.json("list")["jobs"] == []
    assert names(ctl.cwd) == ["report"]


def test_a_name_with_strange_characters_arrives_as_it_is(ctl, intake):
    source(ctl, "a b%ü#.bin", 100)
    ctl.ok("put", "a b%ü#.bin", f"{intake.url}/up/")
    assert intake.stored("up/a b%ü#.bin") == content("a b%ü#.bin", 100)


def test_tells_what_it_does_when_asked(ctl, intake):
    source(ctl)
    out = ctl.ok("put", "-v", "report", f"{intake.url}/ask/", "--reply", "answer")
    assert re.fullmatch(r"job [0-9a-f]{8}  report  \(priority normal\)\n"
                        rf"sent {ctl.cwd}/report  4\.9 KiB in .* \(.*/s\)\n"
                        rf"saved {ctl.cwd}/answer  9 B\n", out)
    assert (ctl.cwd / "answer").read_bytes() == b"got 5000\n"
    assert intake.app.calls == [content("report", 5000)]


def test_json_is_one_object_a_line(ctl, intake):
    source(ctl)
    lines = [json.loads(line) for line in
             ctl.ok("put", "-j", "report", f"{intake.url}/ask/", "--reply=answer").splitlines()]
    assert all(line["v"] == 1 for line in lines)
    assert [line["event"] for line in lines][::len(lines) - 1] == ["created", "completed"]
    assert lines[-1]["files"] == [{"local": str(ctl.cwd / "report"), "bytes": 5000, "sha256": None}]
    assert lines[-1]["reply"] == {"local": str(ctl.cwd / "answer"), "bytes": 9}
    progress = [line for line in lines if line["event"] == "progress"]
    assert (progress[0]["reply_bytes"], progress[0]["reply_bytes_total"]) == (0, None)
    assert (progress[-1]["reply_bytes"], progress[-1]["reply_bytes_total"]) == (9, 9)
    assert progress[-1]["bytes"] == progress[-1]["bytes_total"] == 5000


def test_detached_prints_the_id_and_the_job_completes_itself(ctl, intake):
    source(ctl)
    intake.app.allowed.clear()
    job = ctl.ok("put", "--detach", "report", f"{intake.url}/ask/", "--reply", "answer").strip()
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", job)
    until(lambda: intake.app.calls, "the question")
    assert not (ctl.cwd / "answer").exists()
    intake.app.allowed.set()
    ctl.ok("wait", job)
    assert (ctl.cwd / "answer").read_bytes() == b"got 5000\n"
    assert ctl.ok("reply", job) == "got 5000\n"  # it ended a while ago


def test_settings_reach_the_job(ctl, intake):
    source(ctl)
    ctl.ok("put", "--detach", "report", "http://127.0.0.1:9/", "--name", "j", "--priority", "low",
           "--retry-delay", "1m", "--give-up-after", "2d", "--proxy", "none", "--reply", "answer",
           "--reply-optional", "--description", "text")
    job = ctl.json("show", "j")["jobs"][0]
    assert (job["type"], job["priority"], job["retry_delay"]) == ("upload-reply", "low", 60)
    assert (job["give_up_after"], job["proxy"]["usage"]) == (172800, "none")
    assert job["description"] == "text" and job["auto_complete"] is True
    assert job["reply"] == {"local": str(ctl.cwd / "answer"), "bytes": 0, "bytes_total": None,
                            "optional": True}


# ---- the reply ----

def test_a_reply_can_be_printed_and_nothing_else_is(ctl, intake):
    source(ctl)
    (ctl.cwd / "tmp").mkdir()
    tmp = {"TMPDIR": str(ctl.cwd / "tmp")}
    assert ctl.ok("put", "report", f"{intake.url}/ask/", "--reply", "-", env=tmp) == "got 5000\n"
    assert ctl.json("list")["jobs"] == []
    assert names(ctl.cwd) == ["report", "tmp"] and names(ctl.cwd / "tmp") == []


def test_a_long_reply_is_printed_too(ctl, intake):
    source(ctl)
    intake.app.answer = lambda body: content("answer", 3 * MIB)
    (ctl.cwd / "tmp").mkdir()
    ran = ctl.ok("put", "report", f"{intake.url}/ask/", "--reply=-",
                 env={"TMPDIR": str(ctl.cwd / "tmp")})
    assert ran.encode() == content("answer", 3 * MIB)
    assert names(ctl.cwd / "tmp") == []


def test_a_printed_reply_that_nobody_can_take_is_kept(ctl, intake):
    source(ctl)
    with open("/dev/full", "w") as full:
        ran = subprocess.run([ctl.program, "put", "report", f"{intake.url}/ask/", "--reply=-"],
                             env=ctl.env, cwd=ctl.cwd, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ran.returncode == 1
    assert "cannot write the reply: No space left on device" in ran.stderr
    assert state(ctl, "report") == "transferred"
    assert ctl.ok("reply", "report") == "got 5000\n"


def test_what_is_no_text_stays_off_the_terminal(ctl, intake):
    source(ctl)
    intake.app.answer = lambda body: b"\x1b]0;owned\x07"
    t = ctl.terminal("put", "report", f"{intake.url}/ask/", "--reply", "-")
    assert t.wait() == 1
    assert "]0;owned" not in t.text()
    assert "the reply is no plain text and could upset the terminal\n" in t.text()
    command = re.search(r"look at it: bitsctl (reply --hex [0-9a-f]{4,});", t.text()).group(1)
    assert "|.]0;owned.|" in ctl.ok(*command.split())
    t = ctl.terminal("reply", "report")
    assert t.wait() == 1 and "]0;owned" not in t.text()
    ctl.ok("reply", "report", "-o", "saved")
    assert (ctl.cwd / "saved").read_bytes() == b"\x1b]0;owned\x07"


def test_text_is_printed_on_a_terminal(ctl, intake):
    source(ctl)
    intake.app.answer = lambda body: "{\n\t\"grün\": 1\n}\n".encode()
    t = ctl.terminal("put", "report", f"{intake.url}/ask/", "--reply", "-")
    assert t.wait() == 0
    assert t.text().endswith("{\n\t\"grün\": 1\n}\n") and f"sent {ctl.cwd}/report" in t.text()


def test_a_server_without_a_reply_is_an_error_unless_it_may_be(ctl, intake):
    source(ctl)
    ran = ctl.run("put", "report", f"{intake.url}/up/", "--reply", "answer", "--wait=10",
                  "--give-up-after=0")
    assert ran.returncode == 3 and "the server gave no reply" in ran.stderr
    assert not (ctl.cwd / "answer").exists()
    out = ctl.ok("put", "-v", "report", f"{intake.url}/up/", "--reply", "answer", "--reply-optional")
    assert f"saved {ctl.cwd}/answer  empty (the server gave no reply)\n" in out
    assert (ctl.cwd / "answer").read_bytes() == b""


def test_an_existing_reply_file_is_replaced_only_when_forced(ctl, intake):
    source(ctl)
    (ctl.cwd / "answer").write_text("mine")
    ran = ctl.run("put", "report", f"{intake.url}/ask/", "--reply", "answer")
    assert ran.returncode == 1
    assert ran.stderr == f"bitsctl: cannot save to {ctl.cwd}/answer: the file exists\n" \
                         "  replace it: --force\n"
    assert intake.app.calls == [] and (ctl.cwd / "answer").read_text() == "mine"
    ctl.ok("put", "report", f"{intake.url}/ask/", "--reply", "answer", "--force")
    assert (ctl.cwd / "answer").read_bytes() == b"got 5000\n"


# ---- by hand ----

def test_a_job_is_built_run_read_and_completed_by_hand(ctl, intake):
    source(ctl)
    job = ctl.ok("create", "j", "--type", "upload-reply").strip()
    assert ctl.field("j", "reply.local") == ""
    ctl.ok("add", "j", f"{intake.url}/ask/", "report")
    assert ctl.ok("files", "j").split()[-3:] == [f"{ctl.cwd}/report", "→", f"{intake.url}/ask/report"]
    assert re.fullmatch(rf"{ctl.cwd}/report\.reply-[0-9a-f]{{8}}", ctl.field("j", "reply.local"))
    ctl.ok("set", "j", "--reply", "answer")
    assert ctl.field("j", "reply.local") == f"{ctl.cwd}/answer"
    ran = ctl.run("reply", "j")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == f"  let the job run: bitsctl resume --wait {job[:4]}"
    ran = ctl.run("complete", "j")
    assert ran.returncode == 1 and "0x80200002 BG_E_INVALID_STATE" in ran.stderr
    ctl.ok("resume", "j", "--wait=1m")
    assert state(ctl, "j") == "transferred"
    assert ctl.field("j", "reply.bytes,reply.bytes_total").split() == ["9", "9"]
    assert "reply     9 / 9 B, into " in ctl.ok("show", "j")
    assert "up+reply  transferred" in ctl.ok("list")
    assert ctl.json("files", "j")["files"][0]["state"] == "sent"
    assert ctl.ok("reply", "j") == "got 5000\n"
    assert ctl.json("reply", "j")["text"] == "got 5000\n"
    assert ctl.ok("reply", "j", "--hex").startswith("00000000  67 6f 74 20")
    assert not (ctl.cwd / "answer").exists()
    ran = ctl.run("set", "j", "--reply", "other")
    assert ran.returncode == 1 and "0x80200002 BG_E_INVALID_STATE" in ran.stderr
    ctl.ok("complete", "j")
    assert (ctl.cwd / "answer").read_bytes() == b"got 5000\n"
    assert ctl.ok("reply", job) == "got 5000\n"


def test_a_long_reply_says_where_it_will_be(ctl, intake):
    source(ctl)
    intake.app.answer = lambda body: content("answer", 2 * MIB)
    job = ctl.ok("create", "j", "--type", "upload-reply", "--reply", "answer").strip()
    ctl.ok("add", "j", f"{intake.url}/ask/", "report")
    ctl.ok("resume", "j", "--wait=1m")
    ran = ctl.run("reply", "j")
    assert ran.returncode == 9 and ran.stdout == ""
    assert ran.stderr.splitlines()[1:] == [
        "  0x80200020 BG_E_TOO_LARGE", f"  bitsctl complete {job[:4]} puts it into {ctl.cwd}/answer"]
    ctl.ok("complete", "j")
    assert ctl.ok("reply", job).encode() == content("answer", 2 * MIB)
    ctl.ok("reply", job, "-o", "copy")
    assert (ctl.cwd / "copy").read_bytes() == content("answer", 2 * MIB)


def test_an_upload_has_one_file_and_a_download_no_reply(ctl, intake):
    source(ctl)
    ctl.ok("create", "up", "--type", "upload")
    ctl.ok("create", "down")
    ctl.ok("add", "up", f"{intake.url}/up/", "report")
    ran = ctl.run("add", "up", f"{intake.url}/up/", "report")
    assert ran.returncode == 9 and "0x8020001C BG_E_TOO_MANY_FILES" in ran.stderr
    for job in ("up", "down"):
        assert ctl.run("set", job, "--reply", "answer").returncode == 1
        assert ctl.run("reply", job).returncode == 1
        assert ctl.json("show", job)["jobs"][0]["reply"] is None


# ---- failures ----

@pytest.mark.parametrize("path, code", [("no/x", "E_ACCESSDENIED"), ("nowhere/x", "ERROR_PATH_NOT_FOUND")])
def test_a_refusal_is_three_lines_and_status_3(ctl, intake, path, code):
    source(ctl)
    ran = ctl.run("put", "report", f"{intake.url}/{path}")
    assert ran.returncode == 3
    first, second, third = ran.stderr.splitlines()
    assert re.match(r'bitsctl: cannot send [0-9a-f]{8} "report": the server refuses the upload', first)
    assert code in second and second.endswith(f"{intake.url}/{path}")
    assert "bitsctl resume --wait" in third and "bitsctl cancel" in third
    assert names(ctl.cwd) == ["report"]


def test_a_second_put_says_that_the_file_may_be_there(ctl, intake):
    source(ctl)
    ctl.ok("put", "-q", "report", f"{intake.url}/once/x")
    first = intake.stored("once/x")
    ran = ctl.run("put", "report", f"{intake.url}/once/x")
    assert ran.returncode == 3
    hint = ran.stderr.splitlines()[2]
    assert "has that file and may not replace it" in hint and "to another name" in hint
    assert "bitsctl resume --wait" in hint and "bitsctl cancel" in hint
    assert intake.stored("once/x") == first
    (intake.place / "once/x").unlink()  # "change that there, then …"
    ctl.ok("resume", "-q", "--wait", ctl.json("list")["jobs"][0]["id"])
    assert intake.stored("once/x") == first


def test_an_application_that_fails_for_good_is_status_3(ctl, intake):
    source(ctl)
    intake.app.status = 403
    ran = ctl.run("put", "report", f"{intake.url}/ask/", "--reply", "answer")
    assert ran.returncode == 3 and "BG_E_HTTP_ERROR_403, the server's application" in ran.stderr


def test_a_server_that_is_away_is_waited_for(ctl, intake):
    source(ctl)
    ctl.ok("put", "report", f"{intake.url}/up/warm")  # service and worker are there: the first try is within the time
    ran = ctl.run("put", "report", "http://127.0.0.1:9/", "--wait=5")
    assert ran.returncode == 4 and "cannot connect" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("  it goes on in the background; wait on: bitsctl wait")
    assert ctl.json("list")["jobs"][0]["why"]["code"] == "retry-at"


def test_a_file_that_changes_is_sent_anew_when_told_to(ctl, intake):
    held(ctl, intake)
    put = ctl.popen("put", "report", f"{intake.url}/up/", stderr=subprocess.PIPE)
    until_some(ctl, intake)
    ctl.ok("pause", "report")
    source(ctl, size=3 * MIB + 1)
    intake.line.release()
    ctl.ok("resume", "report")
    assert put.wait(30) == 3
    error = put.stderr.read()
    assert "0x8020001D BG_E_LOCAL_FILE_CHANGED, the local file" in error
    command = re.search(r"send it as it is now: bitsctl (resume --wait [0-9a-f]{4,});", error).group(1)
    ctl.ok(*command.split())
    assert intake.stored("up/report") == content("report", 3 * MIB + 1)


def test_a_file_that_goes_is_an_error(ctl, intake):
    path = source(ctl)
    ctl.ok("create", "j", "--type", "upload")
    ctl.ok("add", "j", f"{intake.url}/up/", "report")
    path.unlink()
    ran = ctl.run("resume", "j", "--wait=20")
    assert ran.returncode == 3
    assert f"0x80070002 ERROR_FILE_NOT_FOUND, the local file {path}" in ran.stderr


@pytest.mark.parametrize("what, status, says", [
    ("gone", 1, "No such file or directory"), (".", 1, "it is a directory"),
    ("/dev/null", 1, "it is no regular file"), ("-", 2, "cannot send standard input"),
])
def test_what_cannot_be_sent_makes_no_job(ctl, what, status, says):
    ran = ctl.run("put", what, "http://127.0.0.1:9/x")
    assert ran.returncode == status and says in ran.stderr
    assert not os.path.exists(ctl.env["BITSD_SOCKET"])


def test_a_closed_file_is_status_6(ordinary):
    path = ordinary.cwd / "closed"
    path.write_text("secret")
    os.chmod(path, 0)
    ran = ordinary.run("put", "closed", "http://127.0.0.1:9/x")
    assert ran.returncode == 6 and "Permission denied" in ran.stderr


def test_an_ordinary_user_sends_what_they_may_only_read(ordinary, intake):
    """The reply that is printed needs no place beside the file."""
    assert ordinary.ok("put", "/etc/hostname", f"{intake.url}/ask/", "--reply", "-",
                       env={"TMPDIR": str(ordinary.cwd)}).startswith("got ")


def test_cancel_leaves_the_file_alone(ctl, intake):
    path = held(ctl, intake)
    ctl.ok("put", "--detach", "report", f"{intake.url}/up/")
    until_some(ctl, intake)
    intake.line.release()
    ctl.ok("cancel", "report")
    assert ctl.json("list")["jobs"] == []
    assert path.read_bytes() == content("report", 4 * MIB)
    assert names(ctl.cwd) == ["report"]


# ---- on a terminal ----

def test_the_line_tells_how_far_it_is(ctl, intake):
    source(ctl, size=4 * MIB)
    intake.app.allowed.clear()
    t = ctl.terminal("put", "report", f"{intake.url}/ask/", "--reply", "answer")
    t.expect(r"job [0-9a-f]{8}  report\n")
    t.expect(r" / 4\.0 MiB  waiting for the server's answer")
    intake.app.allowed.set()
    assert t.wait() == 0
    assert re.search(rf"sent {ctl.cwd}/report  4\.0 MiB in .*\nsaved {ctl.cwd}/answer  12 B\n", t.text())
    assert t.text().rindex("\x1b[?25h") > t.text().rindex("\x1b[?25l")


def test_the_line_is_there_when_only_the_reply_is_piped(ctl, intake):
    source(ctl)
    intake.app.allowed.clear()
    script = f"{ctl.program} put report {intake.url}/ask/ --reply - | cat"
    program, ctl.program = ctl.program, "/bin/sh"
    try:
        t = ctl.terminal("-c", script)
    finally:
        ctl.program = program
    t.expect(r"waiting for the server's answer")
    intake.app.allowed.set()
    assert t.wait() == 0
    assert t.text().endswith("got 5000\n")


def test_ctrl_c_pauses_and_the_command_it_names_goes_on(ctl, intake):
    held(ctl, intake, after=2 * MIB)
    t = ctl.terminal("put", "report", f"{intake.url}/ask/", "--reply", "answer")
    until_some(ctl, intake)
    t.type(b"\x03")
    assert t.wait() == 130
    m = re.search(r"paused ([0-9a-f]{8}) at \d+% \(.* of 4\.0 MiB sent\)\n"
                  r"  go on:      bitsctl (resume --wait [0-9a-f]{4,})\n"
                  r"  throw away: bitsctl cancel [0-9a-f]{4,}\n", t.text())
    assert m, t.text()
    assert state(ctl, "report") == "suspended"
    intake.line.release()
    ctl.ok(*m.group(2).split())
    assert (ctl.cwd / "answer").read_bytes() == b"got 4194304\n"
    assert intake.app.calls == [content("report", 4 * MIB)]
    assert intake.line.sessions == 1  # it was no new upload


def test_after_ctrl_c_a_printed_reply_is_found_by_the_command(ctl, intake):
    source(ctl)
    intake.app.allowed.clear()
    t = ctl.terminal("put", "report", f"{intake.url}/ask/", "--reply", "-")
    until(lambda: intake.app.calls, "the question")
    assert len(private_places(ctl)) == 1
    t.type(b"\x03")
    assert t.wait() == 130
    m = re.search(r"go on:      bitsctl (resume --wait [0-9a-f]{4,}) && bitsctl (reply [0-9a-f]{4,})\n",
                  t.text())
    assert m, t.text()
    intake.app.allowed.set()
    ctl.ok(*m.group(1).split())
    assert ctl.ok(*m.group(2).split()) == "got 5000\n"
    ctl.ok("cancel", "report")
    assert private_places(ctl) == []


@pytest.mark.parametrize("signo", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_the_job_goes_on_when_the_program_is_killed(ctl, intake, signo):
    held(ctl, intake)
    put = ctl.popen("put", "report", f"{intake.url}/up/", stderr=subprocess.PIPE)
    job = until_some(ctl, intake)
    put.send_signal(signo)
    assert put.wait(30) == -signo
    intake.line.release()
    ctl.ok("wait", job)
    assert intake.stored("up/report") == content("report", 4 * MIB)


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGTERM])
def test_a_service_that_ends_is_started_again_and_the_upload_goes_on(ctl, intake, signo):
    held(ctl, intake, after=2 * MIB)
    put = ctl.popen("put", "report", f"{intake.url}/ask/", "--reply", "answer")
    until_some(ctl, intake)
    ctl.kill_service(signo)
    intake.line.release()
    assert put.wait(60) == 0
    assert intake.line.sessions == 1  # it was written down before much was sent
    assert set(intake.app.calls) == {content("report", 4 * MIB)}
    assert (ctl.cwd / "answer").read_bytes() == b"got 4194304\n"
