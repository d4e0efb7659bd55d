#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do some hundred lives reach what lives are known to reach? engine-sim, some seeds, and the reasons of
unreached.txt. Usage: check_reached.py ENGINE-SIM"""
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SEEDS, EACH_SEEDS = 600, 12


def load_soak():
    loader = importlib.machinery.SourceFileLoader("soak", str(ROOT / "tools/soak"))
    spec = importlib.util.spec_from_loader("soak", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def main():
    soak, reached = load_soak(), {}
    for options in (["--seeds", str(SEEDS)], ["--each", "1", "--seeds", str(EACH_SEEDS)]):
        with tempfile.NamedTemporaryFile("r") as coverage:
            done = subprocess.run([sys.argv[1], *options, "--coverage", coverage.name], check=False)
            if done.returncode:
                return 1
            soak.merge(reached, coverage.read())
    return 0 if soak.judge(reached) else 1


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
