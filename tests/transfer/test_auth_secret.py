# SPDX-License-Identifier: Apache-2.0
"""Where a password may be: in a worker's memory while it is needed. Not in arguments, environments,
files, logs, messages; not in any memory afterwards, the broker's included."""
import base64
import os
import pathlib
import subprocess
import time

import pytest
from conftest import (BASIC, DIGEST, EVENT_SEC, K, NEGOTIATE, NTLM, PROXY, SERVER, UPLOAD_REPLY, begin, upload)
from ntlm_server import NtlmServer
from real_servers import Apache, Realm
from test_auth import fetch

USER, PASSWORD = "Xaver-der-Nutzer", "Kennwort-das-niemand-findet"
NEEDLES = [PASSWORD.encode(), USER.encode(), PASSWORD.encode("utf-16-le"),
           *(base64.b64encode(f"{USER}:{PASSWORD}".encode() + b"x" * 2)[:-8],)]
SCHEMES = {"basic": BASIC, "digest": DIGEST, "ntlm": NTLM}


def memory(pid):
    """All that can be read of a process."""
    found = []
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if "w" not in rights:
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            try:
                mem.seek(start)
                found.append(mem.read(end - start))
            except (OSError, ValueError):
                continue
    return b"\0".join(found)


def need_memory():
    if os.geteuid() != 0:
        pytest.skip("only root may look into the memory of a worker")
    if b"__asan_init" in pathlib.Path(os.environ["BITSD_WORKER"]).read_bytes():
        pytest.skip("a sanitizer's lazy symbols save registers, with what is in them, on the stack")


def assert_clean(driver, pids):
    for pid in pids:
        proc = pathlib.Path(f"/proc/{pid}")
        for place in ("cmdline", "environ"):
            text = (proc / place).read_bytes()
            assert not [n for n in NEEDLES if n in text]
        held = memory(pid)
        assert not [n for n in NEEDLES if n in held], (driver.process.pid, pid)


@pytest.fixture
def servers(auth_server):
    accounts = {USER: PASSWORD, USER.lower(): PASSWORD}
    ntlm = NtlmServer(accounts).__enter__()
    yield {"basic": auth_server(accounts, auth="basic"), "digest": auth_server(accounts, auth="digest"),
           "ntlm": ntlm}
    ntlm.close()


@pytest.fixture
def quiet_driver(drivers, tmp_path):
    """Its log goes to a file; it must be readable by us."""
    need_memory()
    with (tmp_path / "log").open("w") as log:
        driver = drivers("--upload-fragment-bytes", 64 * K, stderr=log, env={"MALLOC_PERTURB_": ""})
    yield driver
    assert not [n for n in NEEDLES if n in (tmp_path / "log").read_bytes()]


def creds_of(kind, password=PASSWORD):
    return [(target, SCHEMES[kind], USER, password) for target in (SERVER, PROXY)]


def test_what_is_looked_for_can_be_found(quiet_driver, auth_server, out):
    """While a transfer waits for its answer, the worker holds the password: else the rest proves nothing."""
    server = auth_server({USER: PASSWORD}, auth="basic")
    server.guard.lock.acquire()  # the challenge does not come
    quiet_driver.job(creds_of("basic"))
    quiet_driver.file(server.url("/f"), out / "f")
    op = quiet_driver.start()
    end = time.monotonic() + EVENT_SEC
    while not server.requests:
        assert time.monotonic() < end
        time.sleep(0.01)
    held = memory(quiet_driver.worker_pid())
    assert PASSWORD.encode() in held and USER.encode() in held
    server.guard.lock.release()
    assert quiet_driver.wait("done", "failed", op=op)[-1]["event"] == "done"
    assert_clean(quiet_driver, [quiet_driver.worker_pid()])


@pytest.mark.parametrize("kind", SCHEMES)
def test_nothing_stays(quiet_driver, servers, source, out, kind):
    server, driver = servers[kind], quiet_driver
    assert fetch(driver, server.url("/f"), out / "f", creds_of(kind)).event == "done"
    assert upload(driver, server.url("/up", reply=5000), source(200 * K), UPLOAD_REPLY, creds=creds_of(kind),
                  reply=out / "r").event == "done"
    server.guard.accounts.clear()
    refused = fetch(driver, server.url("/f"), out / "g", creds_of(kind))
    assert refused.event == "failed"
    op = begin(driver, server.url("/up"), source(200 * K), creds=creds_of(kind))
    driver.tell("stop", op=op)
    driver.wait("stopped", "failed", op=op)
    assert not any(w in str(refused.events) for w in (USER, PASSWORD))
    assert_clean(driver, [driver.worker_pid(), driver.process.pid])


def test_a_worker_has_no_core(quiet_driver, servers, out):
    assert fetch(quiet_driver, servers["basic"].url("/f"), out / "f", creds_of("basic")).event == "done"
    pid = quiet_driver.worker_pid()
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [["0", "0"]]
    # Not dumpable: its files belong to root, whoever it is.
    other = ["setpriv", "--reuid=65534", "--clear-groups", "cat", f"/proc/{pid}/environ"]
    assert subprocess.run(other, capture_output=True, timeout=EVENT_SEC).returncode != 0


def test_files_of_the_transfer_say_nothing(quiet_driver, servers, out):
    assert fetch(quiet_driver, servers["basic"].url("/f"), out / "f", creds_of("basic")).event == "done"
    for path in out.iterdir():
        assert not [n for n in NEEDLES if n in path.read_bytes()]
        for name in os.listxattr(path):
            assert not [n for n in NEEDLES if n in os.getxattr(path, name)]


def test_nothing_stays_of_a_ticket(drivers, out):
    """The library that gets it wipes, too."""
    need_memory()
    realm = Realm()
    apache = Apache(realm)
    try:
        realm.add(USER, PASSWORD)
        driver = drivers(env=realm.env)
        creds = [(SERVER, NEGOTIATE, USER, PASSWORD)]
        assert fetch(driver, apache.url("/gss/f"), out / "f", creds).event == "done"
        held = memory(driver.worker_pid())
        assert PASSWORD.encode() not in held
        assert not list(realm.dir.glob("krb5cc*"))
    finally:
        apache.close()
        realm.close()
