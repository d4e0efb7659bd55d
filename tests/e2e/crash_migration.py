# SPDX-License-Identifier: Apache-2.0
"""bitsd killed while it turns a queue of an earlier version into one of its own."""
import os
import pathlib
import shutil
import sqlite3
import subprocess
import time

from conftest import BUILD

OLD = pathlib.Path(__file__).resolve().parent.parent / "contract/data"
LIVES_MAX, LIFE_MAX = 6, 0.03  # starts that are killed, seconds each lives at most


class Migration:
    """Against what a migration gives that nobody disturbs."""

    def __init__(self, place):
        self.place = place
        place.mkdir()
        self.begun = self.met = 0  # kills after which the file was still old; after which it was new
        self.references = {name: self.undisturbed(name) for name in ("queue-1.db", "queue-2.db")}

    def fresh(self, name):
        state = self.place / "state"
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(mode=0o700)
        shutil.copy(OLD / name, state / "queue.db")
        (state / "queue.db").chmod(0o600)
        return state

    def start(self, state, **kwargs):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.place), "XDG_CONFIG_HOME": str(self.place)}
        return subprocess.Popen(
            [BUILD / "src/daemon/bitsd", "--socket", self.place / "socket", "--state-dir", state, "--idle-exit", "0",
             *map(str, kwargs.pop("args", ()))],
            env=env, stdin=subprocess.DEVNULL, stderr=(self.place / "log").open("ab"), **kwargs)

    def whole_life(self, state):
        """Until it is ready, and then in good order; what its queue holds."""
        read_end, write_end = os.pipe()
        process = self.start(state, args=["--ready-fd", write_end], pass_fds=[write_end])
        os.close(write_end)
        ready = os.read(read_end, 1)
        os.close(read_end)
        process.terminate()
        status = process.wait(60)
        if ready != b"1" or status:
            raise AssertionError(f"no start after migration: {(self.place / 'log').read_text()[-500:]}")
        return dump(state / "queue.db")

    def undisturbed(self, name):
        return self.whole_life(self.fresh(name))

    def round(self, dice):
        """How many kills it was."""
        name = dice.choice(["queue-1.db", "queue-2.db"])
        state, kills = self.fresh(name), 0
        version = version_of(state / "queue.db")
        for _ in range(dice.randrange(1, LIVES_MAX)):
            process = self.start(state)
            time.sleep(dice.random() * LIFE_MAX)
            process.kill()
            process.wait()
            kills += 1
            same = version_of(state / "queue.db") == version
            self.begun += same
            self.met += not same
        if self.whole_life(state) != self.references[name]:
            raise AssertionError(f"{name} after {kills} kills is another queue than without")
        strange = set(os.listdir(state)) - {"queue.db", "queue.db-wal", "queue.db-shm", "broker.lock", "lock", "log"}
        if strange:
            raise AssertionError(f"left by the migration: {strange}")
        return kills


def version_of(path):
    """Without disturbing what a crash has left: of a copy."""
    copy = path.parent.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in ("queue.db", "queue.db-wal"):
        if (path.parent / name).exists():
            shutil.copy(path.parent / name, copy / name)
    with sqlite3.connect(copy / "queue.db") as db:
        version = db.execute("pragma user_version").fetchone()[0]
    db.close()
    return version


def dump(path):
    db = sqlite3.connect(path)
    try:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        tables = [r[0] for r in db.execute("select name from sqlite_master where type = 'table' order by name")]
        return (db.execute("pragma user_version").fetchone(),
                {t: sorted(repr(timeless(row)) for row in db.execute(f"select * from {t}")) for t in tables})
    finally:
        db.close()


def timeless(row):
    """Without the microseconds of this hour: when a start put a job in order."""
    now = time.time() * 1e6
    return [None if isinstance(v, int) and abs(v - now) < 3600e6 else v for v in row]
