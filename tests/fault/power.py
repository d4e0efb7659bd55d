#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The real bitsd on a disk whose power is cut: after kill -9 it finds what was synced, and of the rest
what a seed chooses. Every job whose Suspend, a durable call, was answered is there with its files, the
file opens, and nothing is set aside. Usage: power.py --build DIR [--rounds N] [--seed S] [--lie]
With --lie no sync does anything, and losses must be found: status 0 when they are."""
import argparse
import contextlib
import itertools
import pathlib
import random
import subprocess
import sys
import tempfile

import service
from service import Broken

LIVES_OF_LIARS_MAX = 40


def build_queue(rig, dice):
    """Jobs in any number, and what was promised about them: those before the last durable call."""
    promised, later = [], []
    with contextlib.closing(rig.connect()) as c:
        for n in range(dice.randrange(1, 12)):
            job = c.create(f"job {n}")
            c.add(job, rig.file(n, 5), rig.file(n + 100, 6))
            later.append(job)
            if dice.random() < 0.4:
                c.call("Resume", "ay", job)
                c.call("Suspend", "ay", job)
                promised += later
                later = []
            if dice.random() < 0.3:
                c.call("SetDescription", "ays", dice.choice(promised + later), "y" * dice.randrange(500))
        ids = {j["id"] for j in c.list()}
    if not set(promised) <= ids:
        raise Broken("lost before the power cut")
    return promised, promised + later


def one_round(rig, args, n, dice):
    """Several cuts of the same moment: each is another thing that the machine may find."""
    rig.start()
    promised, tried = build_queue(rig, dice)
    rig.process.kill()
    rig.process.wait()
    rig.process = None
    before = rig.state
    for cut in range(args.cuts):
        rig.state = rig.place / f"state-{n}-{cut}"
        rig.state.mkdir(mode=0o700)
        subprocess.run([args.build / "tests/fault/power_cut", before, rig.state,
                        str(dice.randrange(1 << 40))], check=True)
        rig.start()
        with contextlib.closing(rig.connect()) as c:
            jobs = [j["id"] for j in c.list()]
            halves = [j for j in jobs if len(c.files(j)) not in (0, 2)]
            note = c.status()["store_note"]
        rig.process.kill()
        rig.process.wait()
        rig.process = None
        if note and promised:
            raise Broken(f"the store: {note}")
        if not set(promised) <= set(jobs) or not set(jobs) <= set(tried) or halves:
            raise Broken(f"{len(set(promised) - set(jobs))} promised jobs are lost, {len(halves)} half there")
        if jobs != tried[:len(jobs)]:
            raise Broken("a later job without an earlier one")
    rig.state = rig.place / f"state-{n}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--cuts", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--lie", action="store_true")
    args = parser.parse_args()
    args.build = args.build.resolve()
    dice = random.Random(args.seed)
    print(f"seed {args.seed}", flush=True)
    lossy = args.build / "tests/fault/lossy_vfs.so"
    lost = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        rig = service.Rig(pathlib.Path(name), args.build, lossy,
                          {"LOSSY_VFS": "lie" if args.lie else "1"})
        try:
            for n in itertools.count():
                # What a disk lost may by chance not have been promised: then another life.
                if n >= args.rounds and (lost or not args.lie or n >= LIVES_OF_LIARS_MAX):
                    break
                try:
                    one_round(rig, args, n, dice)
                except Broken as e:
                    if not args.lie:
                        raise
                    lost += 1
                    print(f"found, as it must be: {e}", flush=True)
                    rig.state = rig.place / f"state-{n}"
                    if rig.process:
                        rig.process.kill()
                        rig.process.wait()
                        rig.process = None
        finally:
            rig.close()
    print(f"{n} lives, {n * args.cuts} power cuts, {lost} losses found")
    return 0 if not args.lie or lost else 1


if __name__ == "__main__":
    sys.exit(main())
