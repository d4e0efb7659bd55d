# SPDX-License-Identifier: Apache-2.0
"""A password that was set and used is nowhere to be read: not in the queue, its log or another file, not
in the service's log at its most talkative, in command lines, environments, answers or error texts,
not in its memory once the job is done, and no core is written."""
import os
import pathlib
import random
import signal
import string
import subprocess
import sys

import pytest

from conftest import SANITIZED, wait_until
from dbus_wire import CallError

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))
from auth_server import AuthServer  # noqa: E402
from bad_server import content  # noqa: E402

SERVER, BASIC, DIGEST, NTLM = 1, 1, 2, 3
ERROR, TRANSFERRED, ACKNOWLEDGED = 4, 6, 7
HTTP_401, REMOTE_FILE = 0x80190191, 5
NOBODY = 65534
SIZE = 300000


def marker():
    """Not in the source of the test, so that finding it means something."""
    return "".join(random.SystemRandom().choices(string.ascii_letters, k=24))


def forms(secret):
    """As it is, as Windows would have it, and as it goes over the wire."""
    import base64
    yield secret.encode()
    yield secret.encode("utf-16-le")
    for lead in (b"", b"x", b"xx"):  # whatever stands before it in a Basic header
        yield base64.b64encode(lead + secret.encode())[4:-4]


def assert_absent(data, secrets, where):
    for secret in secrets:
        for form in forms(secret):
            assert form not in data, f"a secret is in {where}"


def files_below(directory):
    return [p for p in directory.rglob("*") if p.is_file() and not p.is_symlink()]


def processes_below(pid):
    """The service and its workers."""
    out = [pid]
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            out.append(int(stat.parent.name))
    return out


def assert_processes_tell_nothing(pid, secrets):
    for process in processes_below(pid):
        for name in ("cmdline", "environ"):
            try:
                data = pathlib.Path(f"/proc/{process}/{name}").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            assert_absent(data, secrets, f"/proc/{process}/{name}")


def memory_of(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            spans, mode = line.split()[:2]
            start, end = (int(x, 16) for x in spans.split("-"))
            if mode[0] != "r" or "[vvar]" in line or "[vsyscall]" in line:
                continue
            try:
                memory.seek(start)
                yield line.strip(), memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue


def assert_memory_has_only(pid, known, secrets):
    if SANITIZED or os.geteuid() != 0:
        return
    memory = list(memory_of(pid))
    assert any(known.encode() in data for _, data in memory)  # it would be found
    found = [where for where, data in memory for s in secrets for form in forms(s) if form in data]
    assert not found, f"a secret is still in memory: {found}"


def put(client, job, scheme, user, password):
    client.call("SetCredentials", "ayuubsbs", job, SERVER, scheme, True, user, True, password)


def run_job(client, url, target, scheme, user, password):
    job = client.create("secret")
    put(client, job, scheme, user, password)
    client.add(job, (url, str(target)))
    client.call("Resume", "ay", job)
    wait_until(lambda: client.read(job)["state"] in (ERROR, TRANSFERRED), "the job")
    return job


@pytest.fixture
def talkative(place):
    """As nobody when we are root: then the kernel's protection counts, too."""
    user = NOBODY if os.geteuid() == 0 else None
    if user:
        for directory in (place.dir, place.dir / "run"):
            os.chown(directory, user, user)
    return place.start("--log-level", "debug", user=user)


@pytest.mark.parametrize("scheme, rule", [(BASIC, "basic"), (DIGEST, "digest")])
def test_a_secret_that_was_used_is_nowhere(talkative, scheme, rule):
    service, client = talkative, talkative.connect()
    user, password, wrong = marker(), marker(), marker()
    secrets = (password, wrong)
    answers = []
    with AuthServer({user: password}, auth=rule) as server:
        job = run_job(client, server.url("/f", size=SIZE), service.dir / "got", scheme, user, password)
        assert client.read(job)["state"] == TRANSFERRED, client.read(job)
        assert_processes_tell_nothing(service.process.pid, secrets)
        bad = run_job(client, server.url("/g", size=SIZE), service.dir / "not", scheme, user, wrong)
        info = client.read(bad)
        assert info["state"] == ERROR and info["error_code"] == HTTP_401 and info["error_context"] == REMOTE_FILE
        answers += [repr(info), repr(client.read(job)), repr(client.list()), repr(client.files(bad))]
        put(client, bad, scheme, user, password)  # heals it
        client.call("Resume", "ay", bad)
        wait_until(lambda: client.read(bad)["state"] == TRANSFERRED, "the healed job")
    for values in ((9, scheme, user, password), (SERVER, 9, user, password),
                   (SERVER, scheme, "u" * 301 + user, password), (SERVER, scheme, user, password * 3000)):
        with pytest.raises(CallError) as e:
            client.call("SetCredentials", "ayuubsbs", bad, values[0], values[1], True, values[2], True,
                        values[3])
        answers.append(e.value.text)
    assert_absent("\n".join(answers).encode(), (*secrets, user), "an answer")
    assert_processes_tell_nothing(service.process.pid, secrets)
    for path in files_below(service.dir):
        assert_absent(path.read_bytes(), (*secrets, user), path)
    assert (service.state / "queue.db").stat().st_size > 0

    for ended in (job, bad):
        client.call("Complete", "ay", ended)
    assert (service.dir / "got").read_bytes() == content("a", SIZE)
    assert_memory_has_only(service.process.pid, server.url("/f", size=SIZE), secrets)
    service.stop(signal.SIGKILL)
    for path in files_below(service.dir):
        assert_absent(path.read_bytes(), (*secrets, user), path)


def test_a_long_secret_leaves_no_piece_behind(talkative):
    """It comes in many pieces, and goes to the worker in many."""
    client = talkative.connect()
    name, pieces = marker(), [marker() for _ in range(4)]
    password = "".join(piece + "x" * 16000 for piece in pieces)
    job = client.create(name)
    for scheme in (BASIC, DIGEST, NTLM):
        put(client, job, scheme, "user", password)
    with pytest.raises(CallError):
        put(client, job, BASIC, "user", password + "x" * 3000)
    with AuthServer({"user": "another"}, auth="basic") as server:
        client.add(job, (server.url("/f", size=SIZE), str(talkative.dir / "got")))
        client.call("Resume", "ay", job)
        wait_until(lambda: client.read(job)["state"] == ERROR, "the refusal")
    assert client.call("Rekey") == 3
    assert_memory_has_only(talkative.process.pid, name, pieces)
    for path in files_below(talkative.dir):
        assert_absent(path.read_bytes(), pieces, path)


def test_a_secret_in_a_message_that_fits_no_method_is_wiped_too(talkative):
    client, name = talkative.connect(), marker()
    job = client.create(name)
    for signature, lead in (("ayuus", (job, SERVER, BASIC)), ("s", ()), ("ays", (b"short",))):
        secret = marker()
        with pytest.raises(CallError):
            client.call("SetCredentials", signature, *lead, "x" * 500 + secret + "x" * 500)
        client.status()  # the message is freed after its answer, and before the next one
        assert_memory_has_only(talkative.process.pid, name, (secret,))


@pytest.mark.skipif(SANITIZED, reason="a sanitizer looks into its process")
def test_the_memory_is_closed_to_others_of_the_same_user(talkative):
    """As its own user who is not root; root is not kept out by anything."""
    put(talkative.connect(), talkative.connect().create(), BASIC, "user", "word")
    pid = talkative.process.pid
    look = f"open('/proc/{pid}/mem', 'rb')"
    user = NOBODY if os.geteuid() == 0 else None
    done = subprocess.run(["/usr/bin/python3", "-c", look], user=user, group=user, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 1 and "PermissionError" in done.stderr


@pytest.mark.skipif(SANITIZED, reason="a sanitizer looks into its process")
def test_no_core_is_written(place):
    allow = 'ulimit -c "$(ulimit -H -c)"; exec "$@"'
    place.start(argv=["/bin/sh", "-c", allow, "sh", *place.argv("--idle-exit", "0")])
    client = place.connect()
    put(client, client.create(), BASIC, "user", marker())
    os.kill(place.process.pid, signal.SIGABRT)
    end = os.waitid(os.P_PID, place.process.pid, os.WEXITED | os.WNOWAIT)
    assert end.si_code == os.CLD_KILLED and end.si_status == signal.SIGABRT
    assert place.wait() == -signal.SIGABRT
