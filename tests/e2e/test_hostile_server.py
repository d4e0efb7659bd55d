# SPDX-License-Identifier: Apache-2.0
"""Servers that mean harm (tests/fakes/hostile_server.py): whatever they send, the worker's memory stays
within a bound and the worker alive, the job says what was wrong, no file appears, nothing hidden stays,
and others are served. BITSD_SHOW_FIGURES=1 (with -s) prints what each cost."""
import os
import pathlib
import time

import pytest

from conftest import SANITIZED, bad_content, until
from hostile_server import H2_KINDS, KINDS, HostileServer

EXTRA_KIB = 6 * 1024  # what a hostile transfer may cost a worker over an honest one
STALL_SEC, OUTCOME_SEC = 2, 30
PATIENT_STALL_SEC = 5  # so that a drip may be late, and yet never silent for so long
INVALID, LOST, TIMEOUT = "0x80072F78", "0x80072EFE", "0x80072EE2"
TOO_LARGE, NO_SUPPORT, REDIRECT, MOVED = "0x800700DF", "0x80200012", "0x80072F7C", "0x8019012E"
RETRY, FATAL = "retrying", "error"

OUTCOMES = {
    **dict.fromkeys(["huge-field", "100000-fields", "endless-fields", "endless-line", "endless-status", "no-line-end",
                     "interim-flood", "continue-flood", "switching-flood", "length-10^30", "length-negative",
                     "redirect-huge", "chunk-endless-trailer"], (RETRY, INVALID)),
    **dict.fromkeys(["gzip-bomb", "gzip-transfer-bomb", "gzip-chunked-bomb"], (FATAL, NO_SUPPORT)),
    **dict.fromkeys(["length-2^63-1", "length-2^63", "length-petabyte", "h2-length-2^63-1"], (FATAL, TOO_LARGE)),
    **dict.fromkeys(["chunk-garbage", "chunk-negative", "chunk-2^64", "chunk-without-end", "chunk-endless-size",
                     "chunk-endless-trailer-line"], (RETRY, LOST)),
    **dict.fromkeys(["redirect-anew", "redirect-loop"], (FATAL, REDIRECT)),
    "redirect-growing": (FATAL, MOVED),  # until it is longer than any address that is followed
    "chunk-endless-extension": (RETRY, TIMEOUT),
    **dict.fromkeys(["h2-continuations", "h2-empty-continuations", "h2-huge-field", "h2-table-bomb", "h2-settings",
                     "h2-interim", "h2-trailers", "h2-too-large-frame"], (RETRY, LOST)),
    **dict.fromkeys(["h2-pings", "h2-empty-data", "h2-padding", "h2-window-updates", "h2-unknown-frames"],
                    (RETRY, TIMEOUT)),
}
PATIENT = ["drip-head", "drip-body"]  # slow is no crime; what it costs is bounded all the same


def worker_pid(ctl):
    pid = ctl.service_pid()
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    (worker,) = [p for p in children if pathlib.Path(f"/proc/{p}/comm").read_text().startswith("bitsd-worker")]
    return int(worker)


def peak_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0])


def configure(ctl, server, stall_sec=STALL_SEC):
    directory = pathlib.Path(ctl.env["XDG_CONFIG_HOME"]) / "bitsd"
    directory.mkdir()
    bundle = f"CABundle={server.ca_path}\n" if server.tls else ""
    (directory / "bitsd.conf").write_text(f"[Transfer]\nNoProgressStall={stall_sec}\n{bundle}")


def honest(ctl, bad, name):
    ctl.ok("get", "-q", "--priority", "foreground", bad.url(f"/{name}", size=50_000), "-o", name)
    assert (ctl.cwd / name).read_bytes() == bad_content("a", 50_000)


def victim(ctl, server):
    return ctl.ok("get", "--detach", "-q", "--retry-delay", "1h", "--priority", "foreground", server.url,
                  "-o", "f").strip()


def check_bounds(ctl, bad, worker, before_kib, kind, server, began):
    cost_kib = peak_kib(worker) - before_kib
    if os.environ.get("BITSD_SHOW_FIGURES"):
        print(f"FIGURE {kind}: {cost_kib} KiB, {time.monotonic() - began:.2f} s, {server.sent >> 10} KiB sent")
    honest(ctl, bad, "after")
    assert worker_pid(ctl) == worker, "the worker died of it"
    assert SANITIZED or cost_kib < EXTRA_KIB


def test_every_kind_has_an_outcome():
    assert {*OUTCOMES, *PATIENT} == {*KINDS, *H2_KINDS}


@pytest.mark.parametrize("kind", OUTCOMES)
def test_a_flood_is_cut_off_and_told(ctl, bad, kind):
    with HostileServer(kind) as server:
        configure(ctl, server)
        honest(ctl, bad, "before")
        worker = worker_pid(ctl)
        before_kib, began = peak_kib(worker), time.monotonic()
        job = victim(ctl, server)
        until(lambda: ctl.field(job, "state_word") in (RETRY, FATAL), "the end of patience")
        shown = ctl.json("show", job)["jobs"][0]
        assert (shown["state_word"], shown["error"]["code"]) == OUTCOMES[kind], shown["error"]
        assert time.monotonic() - began < OUTCOME_SEC and server.requests >= 1
        check_bounds(ctl, bad, worker, before_kib, kind, server, began)
    ctl.ok("cancel", "-q", "--yes", job)
    assert sorted(os.listdir(ctl.cwd)) == ["after", "before"]


@pytest.mark.parametrize("kind", PATIENT)
def test_a_drip_holds_up_nobody_and_ends_when_told(ctl, bad, kind):
    """A byte now and then: a head may take 300 s in all, a body as long as its user likes."""
    with HostileServer(kind) as server:
        configure(ctl, server, PATIENT_STALL_SEC)
        honest(ctl, bad, "before")
        worker = worker_pid(ctl)
        before_kib, began = peak_kib(worker), time.monotonic()
        job = victim(ctl, server)
        until(lambda: server.sent >= 25 * (PATIENT_STALL_SEC + 1), "some bytes")
        assert ctl.field(job, "state_word") in ("connecting", "transferring")
        check_bounds(ctl, bad, worker, before_kib, kind, server, began)
        ctl.ok("cancel", "-q", "--yes", job)
    assert sorted(os.listdir(ctl.cwd)) == ["after", "before"]


def test_redirects_are_ten_and_no_more(ctl, bad):
    with HostileServer("redirect-anew") as server:
        configure(ctl, server)
        job = victim(ctl, server)
        until(lambda: ctl.field(job, "state_word") == FATAL, "the end of patience")
        assert server.requests == 11


@pytest.mark.parametrize("kind", ["huge-field", "endless-fields", "endless-line", "interim-flood", "chunk-endless-trailer",
                                  "chunk-endless-trailer-line", "chunk-endless-extension", "gzip-bomb", "length-2^63-1",
                                  "redirect-anew"])
def test_an_upload_is_not_moved_by_floods_either(ctl, bad, kind):
    with HostileServer(kind) as server:
        configure(ctl, server)
        honest(ctl, bad, "before")
        worker = worker_pid(ctl)
        before_kib, began = peak_kib(worker), time.monotonic()
        (ctl.cwd / "source").write_bytes(b"x" * 1000)
        job = ctl.ok("put", "--detach", "-q", "--retry-delay", "1h", "--priority", "foreground", "source",
                     server.url).strip()
        until(lambda: ctl.field(job, "state_word") in (RETRY, FATAL), "the end of patience")
        assert ctl.field(job, "error.code") not in ("", "0x8007000E")
        check_bounds(ctl, bad, worker, before_kib, f"upload, {kind}", server, began)
    ctl.ok("cancel", "-q", "--yes", job)
    assert sorted(os.listdir(ctl.cwd)) == ["after", "before", "source"]
