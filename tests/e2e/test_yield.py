# SPDX-License-Identifier: Apache-2.0
"""The short form of bench/yield: one scenario on the emulated line, with wide bounds on behaviour. That an unyielding
transfer would be noticed is shown with curl in the place of bitsd."""
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from conftest import BUILD, SANITIZED, until

BENCH = pathlib.Path(__file__).resolve().parent.parent.parent / "bench"
sys.path.insert(0, str(BENCH))
import yield_bed  # noqa: E402
import yield_cells  # noqa: E402
from yield_metrics import BACKGROUND, FOREGROUND, Series, time_until  # noqa: E402

NEVER = float("inf")
FOREGROUND_ALONE = 0.96  # of the line, in its first five seconds, beside nothing (measured: 0.97)

# Without real-time priority the emulated line stutters on a machine that also builds and tests.
UNAVAILABLE = yield_bed.unavailable() or (None if yield_bed.real_time() else "no real-time priority for the emulated line")
pytestmark = pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE))


def behaviour(work, scheme, timeline):
    """As the bench's figures, with wider bounds: below a quarter of the line is aside, above 60 % is back."""
    spec = yield_cells.cell(scheme=scheme, timeline=timeline, cc="cubic", base_ms=20, queue_ms=200)
    record = yield_bed.run_inside(spec, BUILD, work, timeline[-1] + 60)
    series = Series(record)
    moved = [i for i, size in enumerate(series.of(FOREGROUND)) if size]
    assert moved, "the foreground got nothing at all"
    aside = time_until(series.smooth((BACKGROUND,), 10)[:moved[-1]], moved[0], lambda share: share < 0.25)
    back = time_until(series.smooth((BACKGROUND,), 25), moved[-1], lambda share: share > 0.60)
    return {"alone": series.share((BACKGROUND,), record["start"] + 3e6, record["begin"]),
            "aside": NEVER if aside is None else aside, "back": NEVER if back is None else back,
            "foreground": series.share((FOREGROUND,), record["begin"], record["end"])}


def complaints(figures):
    """What is wrong with a background that behaves so."""
    held = {"leaves an idle line unused": figures["alone"] >= 0.80,
            "does not step aside within three seconds": figures["aside"] <= 3,
            "is not back within eight": figures["back"] <= 8,
            "takes more than a fifth from the foreground": figures["foreground"] >= 0.80 * FOREGROUND_ALONE}
    return [what for what, holds in held.items() if not holds]


def test_a_background_job_fills_an_idle_line_and_steps_aside_for_a_download_beside_it(tmp_path):
    figures = behaviour(tmp_path, "bitsd", (5, 10, 18.5))
    assert complaints(figures) == [], figures


@pytest.mark.skipif(SANITIZED, reason="nothing of ours in it but the bed, and the plain build tries that")
def test_the_bed_notices_a_transfer_that_does_not_step_aside(tmp_path):
    figures = behaviour(tmp_path, "curl", (4, 9, 10))
    assert complaints(figures) == ["does not step aside within three seconds",
                                   "takes more than a fifth from the foreground"], figures


def inside(work):
    """Processes of a run: their arguments name its directory."""
    found = []
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if str(work / "inside").encode() in words:
            found.append(words.split(b"\0")[0])
    return found


def test_nothing_is_left_of_a_run_whose_bench_is_killed(tmp_path):
    code = (f"import sys, pathlib; sys.path.insert(0, {str(BENCH)!r}); import yield_bed, yield_cells\n"
            f"yield_bed.run_inside(yield_cells.cell(scheme='curl'), pathlib.Path({str(BUILD)!r}), "
            f"pathlib.Path({str(tmp_path)!r}), 60)")
    process = subprocess.Popen([sys.executable, "-B", "-c", code], stderr=subprocess.DEVNULL)
    until(lambda: any(b"curl" in program for program in inside(tmp_path)), "the run")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not inside(tmp_path), "the end of all of it")
