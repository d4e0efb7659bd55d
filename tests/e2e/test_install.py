# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts where, and that it works from there: with a prefix of a package that is
staged in DESTDIR, nothing of the build directory in the way, and no variable that names a program."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from conftest import BUILD, content, until

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SANITIZED = os.environ.get("BITSD_SANITIZED") == "1"
PLACES = {
    "bin/bitsctl": 0o755, "bin/bitsd": 0o755, "libexec/bitsd/bitsd-worker": 0o755,
    "lib/libbits.so.1": None, "lib/pkgconfig/libbits.pc": 0o644,
    "include/libbits/bits.h": 0o644, "include/libbits/bits1_5.h": 0o644, "include/libbits/bitsmsg.h": 0o644,
    "include/libbits/bits_native.h": 0o644, "include/libbits/compat/windows.h": 0o644,
    "lib/systemd/user/bitsd.service": 0o644, "lib/systemd/user/bitsd.socket": 0o644,
    "share/man/man1/bitsctl.1": 0o644, "share/man/man3/libbits.3": 0o644, "share/man/man8/bitsd.8": 0o644,
    "share/bash-completion/completions/bitsctl": 0o644,
}


def option(name):
    rows = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", str(BUILD)], check=True,
                                     capture_output=True, text=True).stdout)
    return next(row["value"] for row in rows if row["name"] == name)


class Installed:
    def __init__(self, stage):
        self.stage, self.prefix = stage, stage / option("prefix").lstrip("/")
        # Quiet, and as it was built: other tests run from there at the same time.
        subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet"], check=True,
                       capture_output=True, env={**os.environ, "DESTDIR": str(stage)}, timeout=120)
        self.lib = self.prefix / option("libdir")
        self.env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(stage), "TMPDIR": str(stage),
                    "XDG_CONFIG_HOME": str(stage / "config"), "XDG_STATE_HOME": str(stage / "state"),
                    "PKG_CONFIG_LIBDIR": str(self.lib / "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": str(stage),
                    "BITSD_SOCKET": str(stage / "run" / "socket")}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def run(self, *command, **kwargs):
        return subprocess.run([str(c) for c in command], env=self.env, cwd=self.stage, text=True,
                              capture_output=True, timeout=120, stdin=subprocess.DEVNULL, **kwargs)

    def bitsctl(self, *args):
        return self.run(self.prefix / "bin/bitsctl", *args)

    def note_starts(self):
        """The installed service is found out by a script before it: what may not be dumped hides the
        path of its program from all but root."""
        program = self.prefix / "bin/bitsd"
        program.rename(program.with_name("bitsd-itself"))
        program.write_text(f'#!/bin/sh\necho "$0" >>{self.stage}/started\nexec "$0-itself" "$@"\n')
        program.chmod(0o755)

    def starts(self):
        started = self.stage / "started"
        return [os.path.normpath(line) for line in started.read_text().splitlines()] if started.exists() else []

    def pid(self):
        ran = self.bitsctl("status", "-j")
        return json.loads(ran.stdout)["pid"] if ran.returncode == 0 else None

    def stop(self):
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            until(lambda: not self.pid(), "the end of bitsd")


@pytest.fixture
def installed(tmp_path):
    i = Installed(tmp_path)
    yield i
    i.stop()


def test_everything_is_in_its_place(installed):
    lib = installed.lib.relative_to(installed.prefix)
    for name, mode in PLACES.items():
        path = installed.prefix / (str(lib) + name[3:] if name.startswith(("lib/libbits", "lib/pkg")) else name)
        assert path.exists(), name
        if mode is not None:
            assert path.stat().st_mode & 0o777 == mode, name
    assert installed.lib.name != "lib64", "where no loader of Debian looks"
    strangers = [p for p in installed.stage.rglob("*") if p.is_file() and
                 not p.is_relative_to(installed.prefix)]
    assert strangers == []


def test_nothing_points_back_to_where_it_was_built(installed):
    for path in installed.prefix.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if data.startswith(b"\x7fELF"):
                dynamic = installed.run("readelf", "-d", path).stdout
                assert str(BUILD) not in dynamic, path
            else:
                assert str(SOURCE).encode() not in data and str(installed.stage).encode() not in data, path


def test_it_works_from_there_and_starts_its_own_service(installed, web):
    installed.note_starts()
    ran = installed.bitsctl("get", f"{web.url}/a?size=100000", "-o", "a")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (installed.stage / "a").read_bytes() == content("a", 100000)
    assert installed.starts() == [str(installed.prefix / "bin/bitsd")]


def test_the_build_starts_the_build_and_not_what_is_installed(installed, ctl):
    """Each finds the service beside itself, without being told."""
    installed.note_starts()
    ran = installed.run(ctl.program, "list")
    assert ran.returncode == 0, ran
    assert installed.pid() and installed.starts() == []
    if os.geteuid() == 0:
        assert os.readlink(f"/proc/{installed.pid()}/exe") == str(BUILD / "src/daemon/bitsd")


def test_the_unit_names_the_program_that_is_installed_with_it(installed):
    unit = (installed.prefix / "lib/systemd/user/bitsd.service").read_text()
    program = re.search(r"^ExecStart=(\S+) --user$", unit, re.M)[1]
    assert installed.stage / program.lstrip("/") == installed.prefix / "bin/bitsd"


@pytest.mark.skipif(SANITIZED, reason="programs of users are not built with a sanitizer")
def test_programs_build_with_pkg_config_alone(installed, web):
    installed.note_starts()
    flags = installed.run("pkg-config", "--cflags", "--libs", "libbits").stdout.split()
    assert f"-I{installed.prefix}/include/libbits" in flags and "-lbits" in flags
    assert not any(re.fullmatch(r"-I.*/include/?", f) for f in flags), "bits/ of glibc would be hidden"
    program = installed.stage / "program"
    done = installed.run("cc", "-Wall", "-Werror", SOURCE / "examples/native_download.c", "-o", program, *flags,
                         f"-Wl,-rpath,{installed.lib}")
    assert done.returncode == 0, done.stderr
    done = installed.run(program, f"{web.url}/b?size=5000", installed.stage / "b")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (installed.stage / "b").read_bytes() == content("b", 5000)
    assert installed.starts() == [str(installed.prefix / "bin/bitsd")]


def test_it_may_be_moved(installed, web):
    """Nothing is found by the compiled-in path alone."""
    moved = installed.stage / "elsewhere"
    shutil.move(installed.prefix, moved)
    installed.prefix = moved
    installed.note_starts()
    ran = installed.bitsctl("get", f"{web.url}/c", "-o", "c")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert installed.starts() == [str(moved / "bin/bitsd")]
