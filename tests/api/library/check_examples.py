#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The examples compile without a warning with every compiler there is, the Windows-style ones also
for Windows; they find library and headers through pkg-config alone, link, and download a file from
a real service, which the library finds beside itself.  check_examples.py BUILD SOURCE-ROOT"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BUILD, ROOT = (pathlib.Path(arg).resolve() for arg in sys.argv[1:3])
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
SIZE = 300000


def run(command, **kwargs):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120,
                            **kwargs)
    if result.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: status {result.returncode}\n"
                         f"{result.stdout}{result.stderr}")
    return result.stdout.strip()


def install(stage):
    """Installs the build; the directories of library and pkg-config file."""
    run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet"],
        env=dict(os.environ, DESTDIR=str(stage)))
    return next(stage.rglob("libbits.so")).parent, next(stage.rglob("libbits.pc")).parent


def pkg_config_flags(stage, pc_dir):
    env = dict(os.environ, PKG_CONFIG_LIBDIR=str(pc_dir), PKG_CONFIG_SYSROOT_DIR=str(stage))
    flags = run(["pkg-config", "--cflags", "--libs", "libbits"], env=env).split()
    assert any(f.startswith("-I") and f.endswith("/libbits") for f in flags), flags
    compat = run(["pkg-config", "--variable=compatdir", "libbits"], env=env)
    assert (pathlib.Path(compat) / "windows.h").is_file() or \
        (stage / compat.lstrip("/") / "windows.h").is_file(), compat
    return flags


def is_sanitized():
    return "libasan" in run(["readelf", "-d", BUILD / "src/lib/libbits.so"]) or \
           "libtsan" in run(["readelf", "-d", BUILD / "src/lib/libbits.so"])


def build_here(out):
    """Compiles each example with each compiler; the programs by name."""
    programs = {}
    stage = out / "stage"
    lib_dir, pc_dir = install(stage)
    flags = pkg_config_flags(stage, pc_dir) + [f"-Wl,-rpath,{lib_dir}"]
    for compilers, sources in ((("gcc", "clang"), ("download.c", "native_download.c", "native_upload.c",
                                                    "upload_reply.c")),
                               (("g++", "clang++"), ("callback.cpp",))):
        for compiler in filter(shutil.which, compilers):
            for source in sources:
                program = out / f"{source.replace('.', '_')}-{compiler}"
                std = ["-std=c++17"] if source.endswith("cpp") else ["-std=gnu17"]
                run([compiler, *std, *WARNINGS, ROOT / "examples" / source, "-o", program, *flags,
                     "-pthread"])
                programs[program.name] = program
    return programs


def build_for_windows(out):
    built = []
    for prefix in ("x86_64-w64-mingw32-", "i686-w64-mingw32-"):
        for compiler, source, std in ((prefix + "gcc", "download.c", "gnu17"),
                                      (prefix + "gcc", "upload_reply.c", "gnu17"),
                                      (prefix + "g++", "callback.cpp", "c++17")):
            if shutil.which(compiler):
                run([compiler, f"-std={std}", *WARNINGS, ROOT / "examples" / source, "-o",
                     out / f"{prefix}{source}.exe", "-lole32", "-luuid"])
                built.append(prefix + source)
    return built


def download_with(programs, out):
    sys.path.insert(0, str(ROOT / "tests/fakes"))
    from bad_server import BadServer, content
    env = dict(os.environ, BITSD_SOCKET=str(out / "socket"), BITSD_STATE_DIR=str(out / "state"),
               BITSD_AUTOSTART="1", no_proxy="127.0.0.1")
    env.pop("BITSD_PATH", None)
    with BadServer() as server:
        try:
            for name, program in programs.items():
                if "upload" in name:
                    continue
                target = out / f"{name}.out"
                run([program, server.url(f"/f?size={SIZE}"), target], env=env)
                assert target.read_bytes() == content("a", SIZE), f"{name}: wrong bytes"
        finally:
            stop_service(out / "state")


def stop_service(state):
    """The service wrote its process id into its lock."""
    for path in state.glob("*lock*"):
        text = path.read_text().split()
        if text and text[0].isdigit():
            os.kill(int(text[0]), 15)


def main():
    with tempfile.TemporaryDirectory(prefix="bits-examples-") as name:
        out = pathlib.Path(name)
        windows = build_for_windows(out)
        programs = {}
        if not is_sanitized():
            programs = build_here(out)
            download_with(programs, out)
    print(f"examples: {len(programs)} programs here, {len(windows)} for Windows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
