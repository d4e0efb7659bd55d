# SPDX-License-Identifier: Apache-2.0
"""The log of a service whose standard error is the journal: the entries that bitsd really sends, in a
real journal file, read by the real journalctl. There is no journald here, so a small one stands in
(journald.py), and systemd-journal-remote writes the file."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from conftest import until

HERE = pathlib.Path(__file__).parent
REMOTE = pathlib.Path("/lib/systemd/systemd-journal-remote")
SECRET = "s3cret-Zx9-journal"
NAMESPACE = ["unshare", "--mount", "--propagation", "private"]


def can_run():
    if os.geteuid() != 0 or not REMOTE.exists() or not shutil.which("journalctl"):
        return False
    return subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", "/run"], check=False,
                          capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_run(), reason="needs root, mount namespaces, systemd-journal-remote")


@pytest.fixture
def journal(ctl, tmp_path):
    """bitsd under the small journald; `write()` makes a journal file of what came until now."""
    export, file, bin_dir = tmp_path / "export", tmp_path / "user.journal", tmp_path / "bin"
    bin_dir.mkdir()
    wrapper = bin_dir / "journalctl"
    # Only where it looks is not what bitsctl said: not the user's own journal but this one.
    wrapper.write_text(f"""#!/bin/sh
case "$1" in --user) shift;; *) echo "not asked for the user's journal" >&2; exit 1;; esac
exec {shutil.which("journalctl")} --file={file} "$@"
""")
    wrapper.chmod(0o755)
    ctl.env["PATH"] = f"{bin_dir}:{ctl.env['PATH']}"
    bitsd = ctl.env["BITSD_PATH"]
    process = subprocess.Popen(
        [*NAMESPACE, "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh", "python3", "-B",
         str(HERE / "journald.py"), str(export), bitsd, "--user", "--idle-exit", "0"],
        env=ctl.env, stdin=subprocess.DEVNULL, start_new_session=True)
    until(lambda: ctl.run("status", env={"BITSD_AUTOSTART": "0"}).returncode == 0, "the service")

    class Journal:
        @staticmethod
        def text():
            return export.read_bytes() if export.exists() else b""

        @staticmethod
        def write():
            file.unlink(missing_ok=True)
            subprocess.run([REMOTE, "-o", file, "-"], input=Journal.text(), check=True, timeout=30,
                           capture_output=True)

    yield Journal
    ctl.kill_service(signal.SIGTERM)
    assert process.wait(30) == 0


def test_the_log_is_read_from_the_journal(ctl, web, journal):
    one = ctl.ok("create", "-q", "one").strip()
    two = ctl.ok("create", "-q", "two").strip()
    ctl.ok("add", one, f"{web.url}/f?size=10", str(ctl.cwd / "f"))
    ctl.ok("cred", "set", one, "--login=ann", "--password-stdin", input=SECRET + "\n")
    ctl.ok("resume", "--wait", one)
    until(lambda: b"is transferred" in journal.text(), "the last entry")
    journal.write()
    assert not (pathlib.Path(ctl.env["BITSD_STATE_DIR"]) / "log").exists(), "the journal is the log"

    lines = ctl.ok("log", one).splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  job " + one[:8], line) for line in lines), lines
    assert [line.split(": ", 1)[1] for line in lines[:-1]] == [
        "created", "the server's Basic credentials were set", "the server's Digest credentials were set",
        "the server's NTLM credentials were set", "the server's Negotiate credentials were set"]
    assert lines[-1].endswith('"one" is transferred, files: 1')
    whole = ctl.ok("log")
    assert "listens on" in whole and two[:8] in whole and SECRET not in whole
    assert ctl.ok("log", "-n", "1").count("\n") == 1
    entries = [json.loads(line) for line in ctl.ok("log", "-j", one).splitlines()]
    assert {(e["job"], e["level"], e["pid"]) for e in entries} == {(one, "info", ctl.service_pid())}
    assert SECRET.encode() not in journal.text()


def test_fields_are_those_of_the_manual(ctl, web, journal):
    job = ctl.ok("create", "-q", "bad").strip()
    ctl.ok("add", job, f"{web.url}/status/404/x", str(ctl.cwd / "f"))
    assert ctl.run("resume", "--wait", job).returncode == 3
    until(lambda: b"0x80190194" in journal.text(), "the entry of the error")
    journal.write()
    found = subprocess.run(["journalctl", "--user", "--output=json", f"BITS_JOB={job}", "PRIORITY=4"],
                           env=ctl.env, capture_output=True, text=True, check=True, timeout=30).stdout
    entry = json.loads(found.splitlines()[-1])
    assert entry["BITS_HRESULT"] == "0x80190194" and entry["BITS_OWNER"] == str(os.geteuid())
    assert entry["BITS_URL_HOST"] == "127.0.0.1" and entry["SYSLOG_IDENTIFIER"] == "bitsd"
    assert "warning: " in ctl.ok("log", job)
