# SPDX-License-Identifier: Apache-2.0
"""What there is to see when jobs of a world no longer move: in one line each in the message of the
failure, and all of it in the directory "evidence" of the world's place."""
import contextlib
import json
import os
import pathlib
import subprocess
import time

PROC_FILES = ("cmdline", "status", "wchan", "stack", "syscall", "net/unix")
ANSWER_SEC = 10
WORDS_MAX = 12  # lines of a log


class Movement:
    """When each job was last seen to have changed: in its stage, its state or its bytes."""

    def __init__(self):
        self.seen = {}  # name -> (what was seen, since when)
        self.changes = 0

    def look(self, job, shown):
        now = (job.stage, job.calls, shown and (shown["state_word"], shown["progress"]["bytes"],
                                                (shown["reply"] or {}).get("bytes"), shown["error_count"]))
        if self.seen.get(job.name, (None,))[0] != now:
            self.seen[job.name] = now, time.monotonic()
            self.changes += 1

    def still_sec(self, job):
        return time.monotonic() - self.seen[job.name][1] if job.name in self.seen else 0.0


def describe(job, shown, still_sec):
    """`job-7 ask/cancel ready, transferred 100/100, still for 12.1 s`, with why it waits."""
    text = f"{job.name} {job.kind}/{'auto' if job.auto else job.end} {job.stage} after {job.calls} calls"
    if job.client:
        text += f", client {job.client.pid} {'runs' if job.client.poll() is None else 'has ended'}"
    if shown:
        progress = shown["progress"]
        text += f", {shown['state_word']} {progress['bytes']}/{progress['bytes_total']}"
        if shown["why"]:
            text += f", waits: {json.dumps(shown['why'])}"
        if shown["error"]:
            text += f", error {json.dumps(shown['error'])}"
    else:
        text += ", not listed"
    return f"{text}, still for {still_sec:.1f} s"


def last_words(log):
    return log.read_text(errors="replace").splitlines()[-WORDS_MAX:] if log.exists() else []


def keep(world, processes):
    """Everything that may explain it; never fails itself. `processes` are pid -> command line."""
    place = world.place / "evidence"
    place.mkdir(exist_ok=True)
    (place / "jobs").write_text("\n".join(world.describe_jobs()) + "\n")
    for name, args in {"list": ["-j", "list"], "status": ["-j", "status"]}.items():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            ran = world.ctl.run(*args, timeout=ANSWER_SEC)
            (place / name).write_text(f"{ran.returncode}\n{ran.stdout}\n{ran.stderr}")
    for pid in processes:
        keep_process(place / str(pid), pathlib.Path(f"/proc/{pid}"))
    return place


def keep_process(place, proc):
    place.mkdir(exist_ok=True)
    for name in PROC_FILES:
        with contextlib.suppress(OSError):
            (place / name.replace("/", "-")).write_bytes((proc / name).read_bytes())
    with contextlib.suppress(OSError):
        (place / "fd").write_text("".join(f"{fd} {os.readlink(proc / 'fd' / fd)}\n" for fd in os.listdir(proc / "fd")))
