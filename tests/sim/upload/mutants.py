#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the way of an upload on purpose, in the engine, in transfer/upload.c and in both protocol machines,
one way at a time, and shows whether upload-sim notices. Run by hand after changes there:
tests/sim/upload/mutants.py BUILD [NUMBER...]. Needs gcc and a build without sanitizers; works in a temporary
directory and leaves the tree alone. Two need more rare things at once than these lives have, and are not found: a Close
that is not stored (the server's tombstone must be gone, too), and a source that changes between the last answer and
the next packet."""
import pathlib
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
FLAGS = ["-std=gnu17", "-O2", "-w", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64",
         *(f"-I{ROOT / d}" for d in ("src", "include/bits"))]
TIMEOUT_SEC = 900
RUNS = (["--seeds", "1000"], ["--each", "2", "--seeds", "60"])

MUTANTS = [  # what is broken, file, old text, new text
    ("a session whose worker died is not stored before the next one", "engine/manager_upload.c",
     "                op->job->run->harden = true; /* before another worker acts on it */",
     "                (void) 0;"),
    ("a session is stored softly", "engine/manager_upload.c",
     "        if (manager_save(m, job, job, true) < 0)\n                return false;\n        job->run->upload",
     "        if (manager_save(m, job, job, false) < 0)\n                return false;\n        job->run->upload"),
    ("a changed source goes on in the old session", "engine/manager_upload.c",
     "        job->session = NULL;\n        job->session_bytes = 0;\n        (void) job_upload_learn",
     "        (void) job_upload_learn"),
    ("a new session is not stored before it is used", "transfer/upload.c",
     "(u->todo.save || u->new_session) && !u->farewell",
     "u->todo.save && !u->farewell"),
    ("nothing is stored before a Close", "transfer/upload.c",
     "(u->todo.save || u->new_session) && !u->farewell",
     "u->new_session && !u->farewell"),
    ("nobody waits for the store", "transfer/upload.c",
     "        if (u->saving)\n                return; /* session_stored() goes on */",
     "        u->saving = false;"),
    ("the source is not looked at before it is sent", "transfer/upload.c",
     "        if (!source_holds(u))\n                return;\n        r = http_post_send",
     "        r = http_post_send"),
    ("a reply that was not fetched is reported", "transfer/upload.c",
     "        if (u->start.reply.whole || u->report.replied || u->client.state.reply_url[0] != '\\0')\n"
     "                return;\n",
     ""),
    ("a farewell says nothing", "transfer/upload.c",
     "        if (u->farewell)\n                bup_client_cancel(&u->client);",
     "        if (u->farewell)\n                u->client.state.phase = BUP_PHASE_CLOSED;"),
    ("a session that is gone after its Close is begun again", "proto/bup_client_ack.c",
     "says_session_lost(ack) && !s->all_acked && !c->close_was_sent",
     "says_session_lost(ack)"),
    ("all is acknowledged a byte too early", "proto/bup_client_ack.c",
     "        s->all_acked = received == s->source.size_bytes;",
     "        s->all_acked = received + 1 >= s->source.size_bytes;"),
    ("a Close is forgotten", "proto/bup_client.c",
     "                c->state.close_sent = true;\n                c->unsaved = true;",
     "                c->unsaved = true;"),
    ("bytes that are there are stored again", "proto/bup_server.c",
     "        ret->skip_bytes = session->next_bytes - request->range.first_byte;",
     "        ret->skip_bytes = 0;"),
    ("a gap is filled with what comes after it", "proto/bup_server.c",
     "        } else if (request->range.first_byte > session->next_bytes) {\n"
     "                refuse_gap(s, save, ret);\n",
     ""),
    ("volatile bytes are delivered", "proto/bup_server.c",
     "        if (owed && session->synced_bytes < session->total_bytes) {",
     "        if (false) {"),
    ("the last Ack comes before the application", "proto/bup_server.c",
     "        if (owed && !session->notified && rules->notification != BUP_NOTIFY_NONE) {",
     "        if (false) {"),
    ("a closed session is begun again", "proto/bup_server.c",
     "        case BUP_SESSION_CLOSED:\n                accept_packet(s, false, ret);",
     "        case BUP_SESSION_CLOSED:\n                refuse(s, BUP_CLOSED_EARLY, false, ret);"),
    ("a start believes the stored offset", "proto/bup_session.c",
     "bool bup_session_recover(BupSession *s, uint64_t data_bytes, bool same_boot)\n{\n",
     "bool bup_session_recover(BupSession *s, uint64_t data_bytes, bool same_boot)\n{\n        return false;\n"),
]


def link_command(build):
    """As ninja links upload-sim, with %s for the program and one object more."""
    line = subprocess.run(["ninja", "-C", str(build), "-t", "commands", "-s", "tests/sim/upload-sim"], check=True,
                          capture_output=True, text=True).stdout.splitlines()[-1]
    words = shlex.split(line)
    if words[0] == "ccache":
        words = words[1:]
    at = words.index("-o")
    return words[:at] + words[at + 2:], words[at + 1]


def verdict(program):
    for run in RUNS:
        with subprocess.Popen(["timeout", str(TIMEOUT_SEC), "stdbuf", "-oL", str(program), *run], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
            first = running.stdout.readline().strip()
            if first.startswith("seed "):
                running.terminate()
                return f"caught: {first}"
            running.stdout.read()
        if running.returncode:
            return f"NOT CAUGHT in {TIMEOUT_SEC} s" if running.returncode == 124 else f"caught: status {running.returncode}"
    return "NOT CAUGHT"


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    wanted = {int(n) for n in sys.argv[2:]} or set(range(len(MUTANTS)))
    words, _ = link_command(build)
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        for number, (what, file, old, new) in enumerate(MUTANTS):
            text = (ROOT / "src" / file).read_text()
            if number not in wanted:
                continue
            if old not in text:
                print(f"{number:2} {what}: the source has changed, adapt this mutant")
                missed += 1
                continue
            (work / "mutant.c").write_text(text.replace(old, new, 1))
            subprocess.run(["gcc", *FLAGS, "-c", str(work / "mutant.c"), "-o", str(work / "mutant.o")], check=True)
            # Before the archives: what it defines is not taken from them any more.
            subprocess.run([words[0], "-o", str(work / "sim"), str(work / "mutant.o"), *words[1:]], cwd=build,
                           check=True)
            found = verdict(work / "sim")
            missed += found.startswith("NOT CAUGHT")
            print(f"{number:2} {what}: {found}", flush=True)
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
