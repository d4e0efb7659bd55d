# SPDX-License-Identifier: Apache-2.0
"""The figures that the service has to hold: memory, wake-ups, and CPU time, which a machine that is
busy with other tests does not change. make bench measures the wall time."""
import signal
import time

import pytest

from conftest import SANITIZED

JOBS = 10000
MIB_IN_KIB = 1024

pytestmark = pytest.mark.skipif(SANITIZED, reason="a sanitizer has figures of its own")


def cpu_of(service, action):
    """CPU seconds of the service itself, which other tests on this machine do not touch."""
    before = service.cpu_seconds()
    action()
    return service.cpu_seconds() - before


@pytest.fixture(scope="module")
def full(request):
    """A service with 10,000 queued jobs of one file."""
    import pathlib
    import tempfile

    from conftest import Service
    with tempfile.TemporaryDirectory(prefix="test-bitsd-") as name:
        path = pathlib.Path(name)
        (path / "run").mkdir(mode=0o700)
        service = Service(path).start()
        c = service.connect()
        for i in range(JOBS):
            job = c.create(f"job number {i}")
            c.add(job, (f"http://127.0.0.1:9/files/{i}", f"{name}/out-{i}"))
        c.close()
        yield service
        service.close()


def test_idle_memory(service):
    service.connect().list()
    assert service.rss_kib() <= 8 * MIB_IN_KIB


def test_memory_with_many_jobs(full):
    c = full.connect()
    assert c.status()["jobs"] == JOBS
    assert full.rss_kib() <= 40 * MIB_IN_KIB
    c.close()


def test_list_of_many_jobs(full):
    c = full.connect()
    assert cpu_of(full, lambda: c.call("ListJobs", "u", 0)) <= 0.060
    assert len(c.list()) == JOBS
    c.close()


def test_no_wake_ups_with_many_jobs(full):
    c = full.connect()
    c.list()
    before = full.wakeups()
    time.sleep(5)  # the span that is measured
    assert full.wakeups() - before <= 1
    c.close()


def test_restart_with_many_jobs(full):
    full.stop(signal.SIGKILL)
    full.start()
    assert full.cpu_seconds() <= 0.4
    c = full.connect()
    assert c.status()["jobs"] == JOBS
    c.close()


def test_a_thousand_jobs_from_one_client(service, tmp_path):
    c = service.connect()

    def thousand():
        for i in range(1000):
            job = c.create(f"job {i}")
            c.add(job, (f"http://127.0.0.1:9/{i}", f"{tmp_path}/{i}"))
            c.call("Resume", "ay", job)
    assert cpu_of(service, thousand) <= 0.8
