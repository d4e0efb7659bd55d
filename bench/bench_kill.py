# SPDX-License-Identifier: Apache-2.0
"""`kill -9` at random moments: nothing may be lost, wrong, or left behind."""
import hashlib
import json
import os
import random
import signal
import time

from harness import Nginx, Service, wait_for

FILES, KILLS = 50, 200


def kill_loop(build, work, runs, report, kills=KILLS, seed=None):
    seed = seed if seed is not None else random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    source, target = work / "www", work / "out"
    source.mkdir()
    target.mkdir()
    sums = {}
    for number in range(FILES):
        data = rng.randbytes(rng.choice([0, 1, 4096, 100_000, 3_000_000, 20_000_000]))
        (source / f"{number:02}.bin").write_bytes(data)
        sums[f"{number:02}.bin"] = hashlib.sha256(data).hexdigest()
    nginx = Nginx(work, source)
    service = Service(build, work)
    done, rounds = 0, 0
    while done < kills:
        for path in target.iterdir():
            path.unlink()
        done += one_job(service, nginx.url, target, rng, kills - done)
        rounds += 1
        verify(target, sums, seed)
    report.title(f"kill -9 loop: {done} kills over {rounds} jobs of {FILES} files (seed {seed})")
    report.add("files wrong, lost or left over", 0, "", ("<=", 0))
    nginx.close()


def one_job(service, url, target, rng, kills_left):
    """Runs a job to its end under kills; how many there were."""
    service.start()
    pairs = "".join(f"{url}/{n:02}.bin {target}/{n:02}.bin\n" for n in range(FILES))
    job = service.run("get", "--detach", "-q", "--priority", "foreground", "--retry-delay", "5",
                      "--from", "-", input=pairs).stdout.strip()
    kills = 0
    while kills < kills_left and not ended(service, job):
        time.sleep(rng.expovariate(1 / 0.04))
        service.stop(signal.SIGKILL)
        kills += 1
        service.start()
    wait_for(lambda: ended(service, job), "the end of the job", 120)
    service.stop()
    return kills


def ended(service, job):
    (state,) = json.loads(service.run("show", "-j", job).stdout)["jobs"]
    if state["state"] == "BG_JOB_STATE_ERROR":
        raise AssertionError(f"job in error: {state}")
    return state["state"] == "BG_JOB_STATE_ACKNOWLEDGED"


def verify(target, sums, seed):
    names = sorted(os.listdir(target))
    assert names == sorted(sums), f"seed {seed}: {set(names) ^ set(sums)}"
    for name, digest in sums.items():
        assert hashlib.sha256((target / name).read_bytes()).hexdigest() == digest, f"seed {seed}: {name} is wrong"
