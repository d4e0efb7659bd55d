# SPDX-License-Identifier: Apache-2.0
"""A file system that is soon full. Needs root, or the test is skipped."""
import contextlib
import os
import subprocess

import pytest


@contextlib.contextmanager
def mounted_disk(where, options):
    """Makes the directory `where` and mounts memory there, with these options of tmpfs, such as size=4m."""
    where.mkdir(mode=0o700)
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", where], capture_output=True)
    if done.returncode != 0:
        pytest.skip("no mount here: " + done.stderr.decode())
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", where], check=True)
