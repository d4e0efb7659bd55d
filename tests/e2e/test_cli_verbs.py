# SPDX-License-Identifier: Apache-2.0
"""The verbs of bitsctl: exit statuses, messages, JSON, completion, manual."""
import json
import os
import pathlib
import re
import signal
import subprocess
import threading

import pytest

from conftest import content, until
from mounted_disk import mounted_disk

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERBS = {  # a line for each verb, valid in itself
    "get": ["get", "http://127.0.0.1:9/x"], "list": ["list"], "show": ["show", "j"],
    "files": ["files", "j"], "watch": ["watch"], "status": ["status"], "create": ["create", "new"],
    "add": ["add", "j", "http://127.0.0.1:9/x"], "resume": ["resume", "j"], "pause": ["pause", "j"],
    "complete": ["complete", "j"], "cancel": ["cancel", "j"], "wait": ["wait", "j"],
    "set": ["set", "j", "--priority=low"], "put": ["put", __file__, "http://127.0.0.1:9/x"],
    "reply": ["reply", "j"], "cred": ["cred", "list", "j"], "top": ["top"], "notify": ["notify", "j"], "log": ["log"],
}
ALWAYS = {"help", "version"}


def create(ctl, name="j"):
    return ctl.ok("create", name).strip()


def test_every_verb_is_tried_below(ctl):
    assert {v["name"] for v in ctl.json("help")["verbs"]} == set(VERBS) | ALWAYS


# ---- no service ----

@pytest.mark.parametrize("verb", VERBS)
def test_no_service_is_status_7(ctl, verb):
    ran = ctl.run(*VERBS[verb], env={"BITSD_AUTOSTART": "0"})
    assert ran.returncode == 7
    assert ran.stdout == ""
    first, second, third = ran.stderr.splitlines()
    assert first.startswith("bitsctl: cannot reach the transfer service: ")
    assert ctl.env["BITSD_SOCKET"] in first
    assert re.match(r"  0x80070422( |$)", second)
    assert third == "  start it: bitsd --user"


@pytest.mark.parametrize("verb", VERBS)
def test_no_service_in_json(ctl, verb):
    ran = ctl.run("-j", *VERBS[verb], env={"BITSD_AUTOSTART": "0"})
    assert ran.returncode == 7 and ran.stdout == ""
    error = json.loads(ran.stderr)
    assert list(error) == ["v", "error", "code", "symbol", "context", "job", "file", "hint"]


@pytest.mark.parametrize("verb", sorted(ALWAYS))
def test_some_verbs_need_no_service(ctl, verb):
    ctl.ok(verb, env={"BITSD_AUTOSTART": "0"})


def test_status_does_not_start_the_service(ctl):
    ran = ctl.run("status")
    assert ran.returncode == 7
    assert ran.stderr.startswith("bitsctl: the transfer service is not running\n")
    ctl.ok("list")
    assert ctl.ok("status").startswith("bitsd ")


# ---- usage ----

@pytest.mark.parametrize("args, says", [
    (["pasue"], 'no verb "pasue"; did you mean "pause"?'),
    (["--limit-rate=1", "list"], "list takes no --limit-rate"),
    (["show"], "show needs JOB"), (["list", "--force"], "list takes no --force"),
])
def test_wrong_usage_is_status_2_and_starts_nothing(ctl, args, says):
    ran = ctl.run(*args)
    assert ran.returncode == 2 and ran.stdout == "" and says in ran.stderr
    assert not os.path.exists(ctl.env["BITSD_SOCKET"])


# ---- jobs ----

def test_a_job_is_built_run_and_completed_by_hand(ctl, web):
    job = create(ctl)
    ctl.ok("add", "j", f"{web.url}/a?size=5000", str(ctl.cwd / "a"))
    (ctl.cwd / "list").write_text(f"{web.url}/b\n{web.url}/c  {ctl.cwd}/c d\n")
    ctl.ok("add", "j", "--from", "list")
    assert ctl.ok("files", "-q", "j").splitlines() == [f"{ctl.cwd}/{n}" for n in ("a", "b", "c d")]
    ctl.ok("resume", "j", "--wait=1m")
    assert ctl.field("j", "state") == "BG_JOB_STATE_TRANSFERRED"
    assert not (ctl.cwd / "a").exists()
    assert f"run: bitsctl complete {job[:4]}" in ctl.ok("list")
    ctl.ok("complete", "j")
    assert (ctl.cwd / "a").read_bytes() == content("a", 5000)
    assert (ctl.cwd / "c d").read_bytes() == content("c", 1000)
    assert ctl.json("list")["jobs"] == []
    assert ctl.run("wait", job).returncode == 0  # it ended a while ago


def test_properties_are_set_and_shown(ctl):
    create(ctl)
    ctl.ok("set", "j", "--description", "text", "--priority=high", "--retry-delay=1m",
           "--give-up-after=2d", "--proxy", "http://gw:3128", "--no-proxy", "*.corp",
           "--files-in-flight=1", "--auto-complete")
    ctl.ok("set", "j", "--name", "k")
    job = ctl.json("show", "k")["jobs"][0]
    assert (job["description"], job["priority"], job["retry_delay"]) == ("text", "high", 60)
    assert (job["give_up_after"], job["files_in_flight"]) == (172800, 1)
    assert job["proxy"] == {"usage": "override", "list": "http://gw:3128", "bypass": "*.corp"}
    assert job["auto_complete"] is True
    ctl.ok("set", "k", "--no-proxy", "*.example")
    assert ctl.field("k", "proxy.bypass") == "*.example"
    ctl.ok("set", "k", "--proxy=none", "--auto-complete=no")
    assert ctl.field("k", "proxy.usage,auto_complete").split() == ["none", "false"]


def test_words_that_fit_no_job_or_several_are_status_5(ctl):
    job = create(ctl)
    create(ctl, "twin"), create(ctl, "twin")
    ran = ctl.run("pause", "nothing")
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (5, 'bitsctl: no job "nothing"')
    ran = ctl.run("pause", "twin")
    assert ran.returncode == 5 and 'bitsctl: "twin" fits 2 jobs: ' in ran.stderr
    ran = ctl.run("pause", job[:3])
    assert ran.returncode == 5
    ctl.ok("pause", job[:8], job.upper(), "{" + job + "}", "tw*")


def test_one_failure_does_not_stop_the_rest(ctl):
    create(ctl, "one"), create(ctl, "two")
    ran = ctl.run("cancel", "one", "nothing", "two")
    assert ran.returncode == 5
    assert ran.stderr.count("bitsctl: ") == 1
    assert ctl.json("list")["jobs"] == []


def test_resuming_an_empty_job_is_refused(ctl):
    create(ctl)
    ran = ctl.run("resume", "j")
    assert ran.returncode == 1 and "BG_E_EMPTY" in ran.stderr


def test_completing_a_part_is_status_8(ctl, web):
    create(ctl)
    ctl.ok("set", "j", "--files-in-flight=1")
    ctl.ok("add", "j", f"{web.url}/a")
    ctl.ok("add", "j", f"{web.url}/gated/b?size=100000&at=10")
    ctl.ok("resume", "j")
    until(lambda: ctl.field("j", "progress.files") == "1", "the first file")
    ran = ctl.run("complete", "j")
    assert ran.returncode == 8 and "0x00200017 BG_S_PARTIAL_COMPLETE" in ran.stderr
    assert [p.name for p in ctl.cwd.iterdir()] == ["a"]


def test_complete_all_takes_the_transferred_jobs(ctl, web):
    create(ctl, "done"), create(ctl, "idle")
    ctl.ok("add", "done", f"{web.url}/a")
    ctl.ok("resume", "--wait", "done")
    assert "would complete" in ctl.ok("complete", "--all", "-n")
    ctl.ok("complete", "--all")
    assert [j["name"] for j in ctl.json("list")["jobs"]] == ["idle"]


def test_cancel_all_asks(ctl):
    create(ctl)
    assert ctl.run("cancel", "--all").returncode == 2
    t = ctl.terminal("cancel", "--all")
    t.expect(r"cancel 1 job and drop what it has transferred\? \[y/N\] ")
    t.type(b"n\n")
    assert t.wait() == 1
    assert len(ctl.json("list")["jobs"]) == 1
    t = ctl.terminal("cancel", "--all")
    t.expect(r"\[y/N\] ")
    t.type(b"y\n")
    assert t.wait() == 0
    assert ctl.json("list")["jobs"] == []


def test_too_many_jobs_is_status_9(ordinary):
    config = pathlib.Path(ordinary.env["XDG_CONFIG_HOME"]) / "bitsd/bitsd.conf"
    config.parent.mkdir()
    config.write_text("[Policy]\nMaxJobsPerUser=1\n")
    create(ordinary, "one")
    ran = ordinary.run("create", "two")
    assert ran.returncode == 9
    assert ran.stderr.startswith("bitsctl: cannot create the job: ")
    assert ran.stderr.endswith("  0x80200049 BG_E_TOO_MANY_JOBS_PER_USER\n"
                               "  end those that are done: bitsctl complete --all\n")


# ---- output ----

@pytest.mark.parametrize("verb", [v for v in VERBS if v not in ("watch", "get", "put", "wait")])
def test_json_of_every_verb_is_json(ctl, verb):
    create(ctl)
    if verb == "resume":
        ctl.ok("add", "j", "http://127.0.0.1:9/y")
    ran = ctl.run("-j", *VERBS[verb])
    for line in ran.stdout.splitlines():
        assert json.loads(line)["v"] == 1
    assert ran.stdout or ran.stderr
    for line in ran.stderr.splitlines():
        assert json.loads(line)["v"] == 1


def test_a_list_has_no_escape_byte_where_none_belongs(ctl):
    create(ctl, "red \x1b[31m name")
    assert "\x1b" not in ctl.ok("list")
    assert r"red \x1b[31m name" in ctl.ok("list")
    assert ctl.json("list")["jobs"][0]["name"] == "red \x1b[31m name"
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        t = ctl.terminal("list", env=env)
        assert t.wait() == 0
        assert "\x1b" not in t.text() and "1 job" in t.text()
    t = ctl.terminal("list")
    assert t.wait() == 0
    assert "\x1b[1mID" in t.text()


def test_a_table_fits_its_terminal_unless_it_shall_not(ctl):
    create(ctl, "a rather long name of a job that goes on and on and on")
    t = ctl.terminal("list", "--color=never", columns=80)
    assert t.wait() == 0
    assert all(len(line) <= 80 for line in t.text().splitlines())
    assert "…" in t.text()
    t = ctl.terminal("list", "--full", columns=80)
    assert t.wait() == 0
    assert "on and on and on" in t.text()


def test_watch_tells_changes_as_they_come(ctl, web):
    create(ctl)
    ctl.ok("add", "j", f"{web.url}/a")
    watch = ctl.popen("watch", "-j", stdout=subprocess.PIPE)
    # The watch is on as soon as it tells the first change; make changes until it does.
    first = []
    reader = threading.Thread(target=lambda: first.append(watch.stdout.readline()))
    reader.start()
    while reader.is_alive():
        create(ctl, "noise")
        reader.join(0.1)
    ctl.ok("resume", "j")
    seen = []
    job = ctl.field("j", "id")
    while "transferred" not in seen:
        event = json.loads(watch.stdout.readline())
        if event["event"] == "state" and event["job"] == job:
            seen.append(event["to"])
    watch.terminate()
    watch.wait()


def test_full_output_devices_do_not_look_like_success(ctl):
    create(ctl)
    with open("/dev/full", "w") as full:
        ran = subprocess.run([ctl.program, "list"], env=ctl.env, stdout=full, stderr=subprocess.PIPE,
                             text=True)
    assert ran.returncode == 1 and "cannot write the output" in ran.stderr


# ---- users ----

def test_an_ordinary_user_has_a_service_of_their_own(ordinary, web):
    uid = ordinary.cwd.stat().st_uid
    ordinary.ok("get", f"{web.url}/a?size=70000")
    saved = ordinary.cwd / "a"
    assert saved.read_bytes() == content("a", 70000)
    assert saved.stat().st_uid == uid
    create(ordinary, "mine")
    assert ordinary.json("show", "mine")["jobs"][0]["owner"]["uid"] == uid


def test_a_directory_that_is_closed_to_the_user_is_refused(ordinary, web):
    ran = ordinary.run("get", f"{web.url}/b", "-o", "/b-of-bitsctl-test", "--wait=20s")
    assert ran.returncode != 0 and ran.stderr.startswith("bitsctl: cannot ")
    assert not os.path.exists("/b-of-bitsctl-test")


def test_jobs_of_all_users_are_for_administrators(ordinary):
    for verb in (["list"], ["cancel", "--all", "--yes"], ["pause", "x"]):
        ran = ordinary.run(*verb, "--all-users")
        assert ran.returncode == 6
        assert ran.stderr == "bitsctl: cannot list the jobs of all users: that is for administrators\n" \
                             "  0x80070005 E_ACCESSDENIED\n  your own: bitsctl list\n"


# ---- manual and completion ----

def test_the_manual_names_every_verb_and_option(ctl):
    manual = (ROOT / "docs/man/bitsctl.1").read_text().replace("\\-", "-")
    overview = ctl.json("help")["verbs"]
    text = ctl.ok("help")
    for verb in overview:
        assert re.search(rf'(\.BI?R? "?|^\.B ){verb["name"]}\b', manual, re.M), verb["name"]
        text += ctl.ok("help", verb["name"])
    there = set(re.findall(r"--[a-z][a-z-]+", text))
    told = set(re.findall(r"--[a-z][a-z-]+", re.sub(r"\\f[BIR]", "", manual)))
    assert there - told == set()
    assert told - there == set()  # nothing of the past or the future


def test_bash_completes_verbs_options_and_jobs(ctl):
    create(ctl, "nightly run")
    script = f"""
        source {ROOT}/packaging/completion/bitsctl.bash
        try() {{
                COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${{#COMP_LINE}}
                _bitsctl 2>/dev/null; echo "${{COMPREPLY[*]}}"
        }}
        try {ctl.program} pa
        try {ctl.program} get --prio
        try {ctl.program} pause ni
        try {ctl.program} pause --all-u
        try {ctl.program} get --priority l
        try {ctl.program} get --priority=fo
        try {ctl.program} create --type = upl
        try {ctl.program} reply ni
    """
    out = subprocess.run(["bash", "-c", script], env=ctl.env, capture_output=True, text=True,
                         check=True).stdout.splitlines()
    assert out == ["pause", "--priority=", r"nightly\ run", "--all-users", "low", "foreground",
                   "upload upload-reply", r"nightly\ run"]


@pytest.mark.parametrize("words", [
    ["put", ""], ["get", "-o", ""], ["put", "x", "http://h/", "--reply", ""], ["reply", "j", "--output="],
    ["create", "j", "--reply", "=", "a"],
])
def test_file_names_are_left_to_the_shell(ctl, words):
    assert ctl.ok("__complete", *words) == ":files\n"


def test_completion_never_starts_the_service(ctl):
    assert ctl.ok("__complete", "pause", "") == ""
    assert not os.path.exists(ctl.env["BITSD_SOCKET"])


# ---- a full state disk ----

@pytest.fixture
def small_state(ctl):
    """The state directory on a disk of 4 MiB of its own, still empty."""
    with mounted_disk(pathlib.Path(ctl.env["BITSD_STATE_DIR"]), "size=4m,mode=700") as where:
        yield where


def fill(directory):
    """Not a byte is left."""
    with open(directory / "ballast", "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            return f.name


def why(ctl, job):
    return ctl.json("show", job)["jobs"][0]["why"] or {"code": None}


def test_a_change_that_waits_for_a_full_disk_says_so_and_what_to_do(ctl, web, small_state):
    job = create(ctl)
    ctl.ok("add", job, f"{web.url}/gated/f?size=2000000&at=1000000", str(ctl.cwd / "f"))
    ctl.ok("resume", job)
    until(lambda: ctl.json("show", job)["jobs"][0]["progress"]["bytes"] >= 1000000, "the first half")
    ballast = fill(small_state)
    web.release()
    until(lambda: why(ctl, job)["code"] == "cannot-save", "the reason")
    assert why(ctl, job)["text"] == "cannot save; see: bitsctl status"
    assert "cannot save; see: bitsctl status" in ctl.ok("list")
    status = ctl.ok("status")
    assert f"changes of jobs cannot be saved in {small_state}: No space left on device" in status
    assert "make room there" in status
    refused = ctl.run("complete", job)
    assert refused.returncode != 0 and "0x80070070" in refused.stderr
    os.unlink(ballast)
    until(lambda: why(ctl, job)["code"] == "needs-complete", "the change")
    assert "cannot be saved" not in ctl.ok("status")
    ctl.ok("complete", job)
    assert (ctl.cwd / "f").read_bytes() == content("f", 2000000)


def stop_worker(ctl):
    """The worker stands still, and with it what a Complete asks it to do. Gives what lets it go on."""
    service = ctl.service_pid()
    children = pathlib.Path(f"/proc/{service}/task/{service}/children").read_text().split()
    workers = [int(pid) for pid in children]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    return lambda: [os.kill(pid, signal.SIGCONT) for pid in workers]


def test_a_second_complete_says_that_the_first_is_under_way(ctl, web):
    """The first waits for a worker that stands still."""
    job = create(ctl)
    ctl.ok("add", job, f"{web.url}/f?size=100000", str(ctl.cwd / "f"))
    ctl.ok("resume", job)
    until(lambda: why(ctl, job)["code"] == "needs-complete", "the file")
    worker_stops = stop_worker(ctl)
    first = ctl.popen("complete", job, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        until(lambda: ctl.run("set", job, "--priority=low").returncode != 0, "the first call is there")
        second = ctl.run("complete", job)
        assert second.returncode != 0
        assert "it is being completed since an earlier call; wait for the answer to that one" in second.stderr
        assert f'cannot complete {job[:8]} "j"' in second.stderr
        assert "it is being completed" in ctl.run("cancel", job).stderr
    finally:
        worker_stops()
    first.communicate(timeout=60)
    assert first.returncode == 0
    third = ctl.run("complete", job)
    assert "it is completed already" in third.stderr
    assert "cannot be changed any more" in ctl.run("set", job, "--priority=low").stderr
