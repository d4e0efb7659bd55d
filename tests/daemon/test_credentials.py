# SPDX-License-Identifier: Apache-2.0
"""Calls about credentials, about the key they are sealed with, and about the programs of jobs: each
refusal with its code and words, what survives a kill, and changes of the key that are cut short."""
import os
import pathlib
import random
import resource
import signal
import stat
import subprocess
import sys

import pytest

from conftest import BITSD, wait_until
from dbus_wire import CallError, Closed, new_id

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))
from auth_server import AuthServer  # noqa: E402

E_INVALIDARG = 0x80070057
BG_E_NOT_FOUND, BG_E_INVALID_STATE, STRING_TOO_LONG = 0x80200001, 0x80200002, 0x80200021
INVALID_AUTH_TARGET, INVALID_AUTH_SCHEME = 0x80200027, 0x80200028
USERNAME_TOO_LARGE, PASSWORD_TOO_LARGE = 0x80200025, 0x80200026
BLOCKED_BY_POLICY, NOT_ENOUGH_QUOTA, GEN_FAILURE = 0x8020003e, 0x80070718, 0x8007001f
SERVER, PROXY = 1, 2
NOBODY = 65534
ERROR, TRANSFERRED, HTTP_401 = 4, 6, 0x80190191
BASIC, DIGEST, NTLM, NEGOTIATE, PASSPORT = range(1, 6)
WIDE = "\U0001F600"  # two UTF-16 units, four bytes
SIGNATURE = "ayuubsbs"


def values(target, scheme, user, password):
    return target, scheme, user is not None, user or "", password is not None, password or ""


def put(client, job, target=SERVER, scheme=BASIC, user="user", password="word"):
    client.call("SetCredentials", SIGNATURE, job, *values(target, scheme, user, password))


def remove(client, job, target, scheme):
    return client.call("RemoveCredentials", "ayuu", job, target, scheme)


def slots(client, job):
    return client.call("ListCredentials", "ay", job)


def refused(client, *args):
    with pytest.raises(CallError) as e:
        client.call(*args)
    return e.value


REFUSED = [
    ((0, BASIC, "u", "p"), INVALID_AUTH_TARGET), ((3, BASIC, "u", "p"), INVALID_AUTH_TARGET),
    ((0xffffffff, BASIC, "u", "p"), INVALID_AUTH_TARGET),
    ((SERVER, 0, "u", "p"), INVALID_AUTH_SCHEME), ((PROXY, 6, "u", "p"), INVALID_AUTH_SCHEME),
    ((SERVER, BASIC, None, None), E_INVALIDARG), ((SERVER, DIGEST, None, None), E_INVALIDARG),
    ((PROXY, PASSPORT, None, None), E_INVALIDARG), ((SERVER, NTLM, "u", None), E_INVALIDARG),
    ((SERVER, NEGOTIATE, None, "p"), E_INVALIDARG),
    ((SERVER, BASIC, "u" * 301, "p"), USERNAME_TOO_LARGE),
    ((SERVER, BASIC, WIDE * 150 + "u", "p"), USERNAME_TOO_LARGE),
    ((PROXY, DIGEST, "u", "p" * 65537), PASSWORD_TOO_LARGE),
    ((PROXY, DIGEST, "u", WIDE * 32768 + "p"), PASSWORD_TOO_LARGE),
]


@pytest.mark.parametrize("given, code", REFUSED, ids=range(len(REFUSED)))
def test_wrong_credentials_change_nothing(client, given, code):
    job = client.create()
    put(client, job, PROXY, NTLM, None, None)
    e = refused(client, "SetCredentials", SIGNATURE, job, *values(*given))
    assert e.code == code
    assert "cannot set credentials of" in e.text
    assert slots(client, job) == [(PROXY, NTLM, True)]


def test_every_slot_is_kept_over_a_kill_and_names_nothing_secret(service, client):
    job = client.create()
    assert slots(client, job) == [] and not client.read(job)["has_credentials"]
    for target in (PROXY, SERVER):
        for scheme in range(PASSPORT, 0, -1):
            put(client, job, target, scheme, WIDE * 150, WIDE * 32768)
    put(client, job, SERVER, NEGOTIATE, None, None)
    wanted = [(t, s, (t, s) == (SERVER, NEGOTIATE)) for t in (SERVER, PROXY) for s in range(1, 6)]
    assert sorted(slots(client, job)) == wanted
    assert client.read(job)["has_credentials"]
    service.stop(signal.SIGKILL)
    client = service.start().connect()
    assert sorted(slots(client, job)) == wanted
    assert remove(client, job, PROXY, BASIC) == 0
    assert remove(client, job, PROXY, BASIC) == 1
    service.stop(signal.SIGKILL)
    client = service.start().connect()
    assert (PROXY, BASIC, False) not in slots(client, job) and len(slots(client, job)) == 9


def test_removing_checks_too(client):
    job = client.create()
    assert refused(client, "RemoveCredentials", "ayuu", job, 3, BASIC).code == INVALID_AUTH_TARGET
    assert refused(client, "RemoveCredentials", "ayuu", job, PROXY, 6).code == INVALID_AUTH_SCHEME
    assert refused(client, "RemoveCredentials", "ayuu", new_id(), PROXY, BASIC).code == BG_E_NOT_FOUND
    assert refused(client, "SetCredentials", SIGNATURE, new_id(),
                   *values(SERVER, BASIC, "u", "p")).code == BG_E_NOT_FOUND
    assert refused(client, "ListCredentials", "ay", new_id()).code == BG_E_NOT_FOUND


@pytest.mark.parametrize("end", ["Cancel", "Complete"])
def test_an_ended_job_has_none_and_takes_none(client, end):
    job = client.create()
    put(client, job)
    client.call(end, "ay", job)
    assert slots(client, job) == []
    for call in (("SetCredentials", SIGNATURE, job, *values(SERVER, BASIC, "u", "p")),
                 ("RemoveCredentials", "ayuu", job, SERVER, BASIC),
                 ("SetNotifyCmdLine", "aybsbs", job, False, "", False, "")):
        assert refused(client, *call).code == BG_E_INVALID_STATE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is an administrator")
def test_taking_what_is_ones_own_changes_nothing(client):
    """Of a job that changes hands the tests of the engine tell."""
    job = client.create()
    put(client, job)
    client.call("SetNotifyCmdLine", "aybsbs", job, True, "/bin/true", False, "")
    client.call("TakeOwnership", "ay", job)
    assert slots(client, job) == [(SERVER, BASIC, False)]
    assert client.read(job)["notify_program"] == "/bin/true"


def test_what_one_user_may_keep_is_bounded(client):
    """What would not fit is refused before it is sealed; smaller ones still find room, and filling a
    slot again needs none."""
    for _ in range(34):
        job = client.create()
        for target in (SERVER, PROXY):
            for scheme in range(1, 6):
                put(client, job, target, scheme, WIDE * 150, "\u20ac" * 65536)
    last = client.create()
    with pytest.raises(CallError) as e:
        for target in (SERVER, PROXY):
            for scheme in range(1, 6):
                put(client, last, target, scheme, WIDE * 150, "\u20ac" * 65536)
    assert e.value.code == NOT_ENOUGH_QUOTA and "64 MiB" in e.value.text
    kept = slots(client, last)
    put(client, last, PROXY, PASSPORT, "small", "one")
    put(client, job, SERVER, BASIC, WIDE * 150, "\u20ac" * 65536)
    assert len(slots(client, last)) == len(kept) + 1


def test_the_bound_is_the_administrators(place, tmp_path):
    config = tmp_path / "bitsd.conf"
    config.write_text("[Policy]\nMaxCredentialMiBPerUser=1\n")
    client = place.start("--config", config).connect()
    long = values(SERVER, BASIC, "u", "\u20ac" * 65536)  # 192 KiB
    jobs = [client.create() for _ in range(6)]
    for job in jobs[:5]:
        client.call("SetCredentials", SIGNATURE, job, *long)
    e = refused(client, "SetCredentials", SIGNATURE, jobs[5], *long)
    assert e.code == NOT_ENOUGH_QUOTA and "1 MiB (MaxCredentialMiBPerUser)" in e.text
    config.write_text("[Policy]\nMaxCredentialMiBPerUser=2\n")
    place.process.send_signal(signal.SIGHUP)
    wait_until(lambda: fits(client, jobs[5], long), "the new bound")
    # A bound below what is kept takes nothing away.
    config.write_text("[Policy]\nMaxCredentialMiBPerUser=1\n")
    place.stop()
    client = place.start("--config", config).connect()
    assert all(slots(client, job) == [(SERVER, BASIC, False)] for job in jobs)
    assert refused(client, "SetCredentials", SIGNATURE, client.create(), *long).code == NOT_ENOUGH_QUOTA
    assert fits(client, jobs[0], long) and fits(client, jobs[1], values(SERVER, BASIC, "u", "short"))


def fits(client, job, credentials):
    try:
        client.call("SetCredentials", SIGNATURE, job, *credentials)
        return True
    except CallError as e:
        assert e.code == NOT_ENOUGH_QUOTA
        return False


# ---- the key ----

def key_of(service):
    return service.state / "vault.key"


def test_the_key_is_private_and_made_for_the_first_secret(service, client):
    assert not key_of(service).exists()
    put(client, client.create())
    mode = key_of(service).stat()
    assert stat.S_IMODE(mode.st_mode) == 0o600 and mode.st_uid == os.geteuid()


def test_a_key_that_must_not_be_used_refuses_with_words_and_hinders_nothing_else(service, client):
    job = client.create()
    put(client, job)
    key_of(service).chmod(0o644)
    e = refused(client, "SetCredentials", SIGNATURE, job, *values(SERVER, BASIC, "Marker", "Word"))
    assert "vault.key" in e.text and "Marker" not in e.text
    e = refused(client, "Rekey")
    assert e.code == GEN_FAILURE and "vault.key" in e.text and "cannot change the key" in e.text
    client.call("SetName", "ays", client.create(), "others go on")
    assert remove(client, job, SERVER, BASIC) == 0
    key_of(service).chmod(0o600)
    put(client, job)
    assert client.call("Rekey") == 1


def test_a_key_handed_over_by_the_service_manager_is_used(place, tmp_path):
    handed = tmp_path / "handed"
    handed.mkdir(mode=0o700)
    (handed / "bitsd-vault-key").write_bytes(bytes(range(1, 33)))
    (handed / "bitsd-vault-key").chmod(0o400)
    client = place.start(env={"CREDENTIALS_DIRECTORY": str(handed)}).connect()
    job = client.create()
    put(client, job)
    assert not key_of(place).exists()
    assert slots(client, job) == [(SERVER, BASIC, False)]


def test_a_relative_credentials_directory_is_left_alone(place):
    client = place.start(env={"CREDENTIALS_DIRECTORY": "somewhere"}).connect()
    put(client, client.create())
    assert key_of(place).exists()
    assert "CREDENTIALS_DIRECTORY" in place.log_text()


def test_without_persistence_a_key_lives_in_memory(place):
    client = place.start("--no-persist").connect()
    job = client.create()
    put(client, job)
    assert client.call("Rekey") in (0, 1)
    assert not key_of(place).exists() and slots(client, job) == [(SERVER, BASIC, False)]


def test_a_new_key_seals_everything_anew(service, client):
    jobs = [client.create() for _ in range(40)]
    for job in jobs:
        put(client, job)
        put(client, job, PROXY, NTLM, None, None)
    old = key_of(service).read_bytes()
    assert client.call("Rekey") == 80
    assert key_of(service).read_bytes() != old
    assert not (service.state / "vault.key.new").exists()
    service.stop(signal.SIGKILL)
    client = service.start().connect()
    assert client.call("Rekey") == 80  # so the new key opens all of them


def test_without_credentials_there_is_nothing_to_seal(client):
    assert client.call("Rekey") == 0


def test_who_asks_meanwhile_waits_for_the_same_change(service, client):
    for _ in range(30):
        put(client, client.create())
    others = [service.connect() for _ in range(3)]
    calls = [(c, c.send("Rekey")) for c in (client, *others)]
    assert {c.wait_reply(serial) for c, serial in calls} == {30}


def test_who_leaves_meanwhile_stops_nothing(service, client):
    for _ in range(60):
        put(client, client.create())
    old = key_of(service).read_bytes()
    other = service.connect()
    other.send("Rekey")
    other.close()
    wait_until(lambda: key_of(service).read_bytes() != old, "the new key")
    assert client.call("Rekey") == 60


def test_calls_are_answered_during_a_change(service, client):
    for _ in range(300):
        put(client, client.create())
    other = service.connect()
    serial = other.send("Rekey")
    job = client.create("in between")  # not after it
    put(client, job)
    assert other.wait_reply(serial) in (300, 301)
    assert client.call("Rekey") == 301


def test_a_change_that_is_killed_anywhere_is_finished_by_the_next_start(service, client):
    seed = int(os.environ.get("BITSD_TEST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    dice = random.Random(seed)
    jobs = [client.create() for _ in range(120)]
    for job in jobs:
        put(client, job)
    for _ in range(8):
        old = key_of(service).read_bytes()
        serial = client.send("Rekey")
        for _ in range(dice.randrange(20)):  # answered between two parts
            client.status()
        service.stop(signal.SIGKILL)
        try:
            client.wait_reply(serial)
        except Closed:
            pass
        client = service.start().connect()
        wait_until(lambda: not (service.state / "vault.key.new").exists(), "the end of the change")
        assert len(key_of(service).read_bytes()) == len(old)
    assert client.call("Rekey") == 120  # none was lost
    assert all(slots(client, job) == [(SERVER, BASIC, False)] for job in jobs)


def test_a_lost_key_costs_its_secrets_only(service, client):
    job = client.create()
    put(client, job)
    key_of(service).unlink()
    put(client, client.create())  # a new key is made
    assert client.call("Rekey") == 1
    put(client, job)
    assert client.call("Rekey") == 2


def test_a_start_with_a_key_that_must_not_be_used_warns_and_serves(service, client):
    job = client.create()
    put(client, job)
    key_of(service).chmod(0o640)
    service.stop()
    client = service.start().connect()
    assert "credentials of jobs cannot be used" in service.log_text()
    assert slots(client, job) == [(SERVER, BASIC, False)]
    key_of(service).chmod(0o600)
    assert client.call("Rekey") == 1


def test_a_change_that_the_disk_refuses_goes_on_later(place):
    """The queue's log may not grow any more: no change is lost, and none half done."""
    allow = 'trap "" XFSZ; exec "$@"'
    client = place.start(argv=["/bin/sh", "-c", allow, "sh", *place.argv("--idle-exit", "0")]).connect()
    jobs = [client.create() for _ in range(200)]
    for job in jobs:
        put(client, job)
    old = key_of(place).read_bytes()
    limit = resource.prlimit(place.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(place.process.pid, resource.RLIMIT_FSIZE, (4096, limit[1]))
    assert refused(client, "Rekey").code & 0x80000000
    assert key_of(place).read_bytes() == old
    resource.prlimit(place.process.pid, resource.RLIMIT_FSIZE, limit)
    assert client.call("Rekey") in range(0, 201)
    wait_until(lambda: not (place.state / "vault.key.new").exists(), "the end of the change")
    assert key_of(place).read_bytes() != old
    assert client.call("Rekey") == 200


@pytest.mark.parametrize("harm, words", [("lost", "is lost"), ("open", "cannot be used")])
def test_a_job_says_what_to_do_when_its_key_is_gone(service, client, tmp_path, harm, words):
    """Only when somebody asks for the secret; other jobs go on, and new credentials heal it."""
    with AuthServer({"user": "word"}, auth="basic") as server, AuthServer({}, auth="none") as free:
        jobs = {}
        for name, site in (("locked", server), ("free", free)):
            jobs[name] = client.create(name)
            put(client, jobs[name])
            client.add(jobs[name], (site.url("/f", size=5000), f"{tmp_path}/{name}"))
        if harm == "lost":
            key_of(service).unlink()
        else:
            key_of(service).chmod(0o644)
        for job in jobs.values():
            client.call("Resume", "ay", job)
        wait_until(lambda: client.read(jobs["free"])["state"] == TRANSFERRED, "the job that needs none")
        wait_until(lambda: client.read(jobs["locked"])["state"] == ERROR, "the job that does")
        info = client.read(jobs["locked"])
        assert info["error_code"] == HTTP_401 and words in info["error_text"], info["error_text"]
        assert "vault" in service.log_text()
        if harm == "open":
            key_of(service).chmod(0o600)
        else:
            put(client, jobs["locked"])
        client.call("Resume", "ay", jobs["locked"])
        wait_until(lambda: client.read(jobs["locked"])["state"] == TRANSFERRED, "the healed job")


# ---- programs ----

def cmd_line(client, job, program, parameters):
    client.call("SetNotifyCmdLine", "aybsbs", job, program is not None, program or "",
                parameters is not None, parameters or "")


def test_a_program_is_kept_over_a_kill_and_removed(service, client):
    job = client.create()
    info = client.read(job)
    assert info["notify_program"] is None and info["notify_parameters"] is None
    assert info["program_runs"] == 0 and info["program_time"] == 0
    cmd_line(client, job, "/opt/\u00e9nd", '\u00e9nd "a b" ')
    service.stop(signal.SIGKILL)
    client = service.start().connect()
    info = client.read(job)
    assert info["notify_program"] == "/opt/\u00e9nd" and info["notify_parameters"] == '\u00e9nd "a b" '
    cmd_line(client, job, "/bin/true", None)
    assert client.read(job)["notify_parameters"] is None
    cmd_line(client, job, None, None)
    assert client.read(job)["notify_program"] is None


@pytest.mark.parametrize("program, parameters, code", [
    (None, "x", E_INVALIDARG), ("", "x", E_INVALIDARG), ("/" + "p" * 260, None, STRING_TOO_LONG),
    ("/bin/true", "x" * 4001, STRING_TOO_LONG)])
def test_wrong_command_lines_change_nothing(client, program, parameters, code):
    job = client.create()
    cmd_line(client, job, "/bin/false", None)
    with pytest.raises(CallError) as e:
        cmd_line(client, job, program, parameters)
    assert e.value.code == code and "cannot set the program of" in e.value.text
    assert client.read(job)["notify_program"] == "/bin/false"


def test_programs_can_be_forbidden(place, tmp_path):
    config = tmp_path / "bitsd.conf"
    config.write_text("[Policy]\nAllowPrograms=no\n")
    client = place.start("--config", config).connect()
    job = client.create()
    with pytest.raises(CallError) as e:
        cmd_line(client, job, "/bin/true", None)
    assert e.value.code == BLOCKED_BY_POLICY and "AllowPrograms" in e.value.text
    cmd_line(client, job, None, None)


def test_a_program_runs_and_its_end_is_told(client, tmp_path):
    (tmp_path / "source").write_bytes(b"x" * 10)
    for text, result in (("exit 7", 7), ("kill -9 $$", 128 + 9)):
        job = client.create()
        client.add(job, (f"file://{tmp_path}/source", f"{tmp_path}/{result}"))
        cmd_line(client, job, "/bin/sh", f"sh -c \"{text}\"")
        client.call("Resume", "ay", job)
        wait_until(lambda: client.read(job)["program_runs"] == 1, "the program")
        info = client.read(job)
        assert info["program_result"] == result and info["program_time"] > 0
        client.call("Cancel", "ay", job)
    job = client.create()
    client.add(job, (f"file://{tmp_path}/source", f"{tmp_path}/missing"))
    cmd_line(client, job, str(tmp_path / "nowhere"), None)
    client.call("Resume", "ay", job)
    wait_until(lambda: client.read(job)["program_runs"] == 1, "the try")
    assert client.read(job)["program_result"] == -1


# ---- the log ----

def test_who_did_what_is_in_the_log_without_what_is_secret(service, client, tmp_path):
    job = client.create("maps")
    put(client, job, PROXY, DIGEST, "Ann-user", "Word-word")
    put(client, job, SERVER, NEGOTIATE, None, None)
    remove(client, job, PROXY, DIGEST)
    remove(client, job, PROXY, DIGEST)  # there are none
    cmd_line(client, job, "/bin/true", "true --token Word-word")
    cmd_line(client, job, None, None)
    refused(client, "SetCredentials", SIGNATURE, job, *values(SERVER, BASIC, "Ann-user", None))
    refused(client, "SetCredentials", SIGNATURE, new_id(), *values(SERVER, BASIC, "Ann-user", "Word-word"))
    lines = [line.split(f'"maps" of user {os.geteuid()}: ')[1]
             for line in service.log_text().splitlines() if '"maps"' in line]
    assert lines == [
        "created", "the proxy's Digest credentials were set",
        "the server's Negotiate credentials were set, the owner's own",
        "the proxy's Digest credentials were removed", "its program was set: /bin/true",
        "its program was removed"]
    assert "Ann-user" not in service.log_text() and "Word-word" not in service.log_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is an administrator")
def test_what_an_administrator_does_to_anothers_job_is_told_as_such(place):
    if subprocess.run(["test", "-x", BITSD], user=NOBODY, group=NOBODY, check=False).returncode:
        pytest.skip("the build directory is closed to others")
    for directory in (place.dir, place.dir / "run"):
        os.chown(directory, NOBODY, NOBODY)
    place.start(user=NOBODY)
    pid = os.fork()
    if pid == 0:  # a client of the other user
        try:
            os.setuid(NOBODY)
            place.connect().create("theirs")
        except BaseException:  # the parent tells
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    admin = place.connect()
    job = [i["id"] for i in admin.list(1)][0]
    cmd_line(admin, job, "/bin/true", None)
    assert f'"theirs" of user {NOBODY}: its program was set: /bin/true, by user 0' in place.log_text()
