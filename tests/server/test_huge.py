# SPDX-License-Identifier: Apache-2.0
"""A file beyond what 32 bits can count."""
import os
import shutil

import pytest

from conftest import SANITIZED, send_zeros

MIB = 1 << 20


def test_five_gib(server):
    total = 5 * 1024 * MIB + 7
    if shutil.disk_usage(server.root).free < 2 * total:
        pytest.skip("needs 10 GiB of free space in the directory for temporary files")
    if SANITIZED:
        pytest.skip("takes too long under a sanitizer")
    wire = server.start().wire(timeout=120)
    session = wire.open("/f")
    assert send_zeros(wire, "/f", session, total, 64 * MIB).status == 200
    assert os.stat(server.root / "f").st_size == total
    assert wire.close_session("/f", session).status == 200
    tail = wire.get("/f", [("Range", f"bytes={total - 3}-")])
    assert tail.body == bytes(3) and tail["Content-Range"].endswith(f"/{total}")
