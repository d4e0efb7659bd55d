# SPDX-License-Identifier: Apache-2.0
"""A hundred kills of five programs in seven phases: nothing lost, doubled, wrong, early or left over.
`make crash KILLS=1000` has the long version; docs/design/crash.md says what it found."""
import os
import random

from conftest import SANITIZED
from crash import World, table

KILLS = int(os.environ.get("BITSD_CRASH_KILLS", 12 if SANITIZED else 100))


def test_kills_of_every_program_in_every_phase(tmp_path, bad):
    seed = int(os.environ.get("BITSD_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed} (BITSD_TEST_SEED={seed} repeats it)")
    world = World(tmp_path, seed, bad)
    try:
        world.run(KILLS)
        print(table(world))
    finally:
        world.close()
    assert world.kills >= KILLS and world.watcher.seen > 0
