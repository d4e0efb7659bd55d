#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The examples compile without a warning with every compiler there is, the Windows-style ones also
for Windows; they find library and headers through pkg-config alone, link, and do what they say with
a real service, which the library finds beside itself.  check_examples.py BUILD SOURCE-ROOT"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

BUILD, ROOT = (pathlib.Path(arg).resolve() for arg in sys.argv[1:3])
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
SIZE = 300000
C_SOURCES = ("callback.c", "credentials.c", "download.c", "enumerate.c", "notify.c", "upload_reply.c")
NATIVE_SOURCES = ("native_download.c", "native_upload.c")
CXX_SOURCES = ("callback.cpp",)
TIMEOUT = 60


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
    for compilers, sources in ((("gcc", "clang"), C_SOURCES + NATIVE_SOURCES),
                               (("g++", "clang++"), CXX_SOURCES)):
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
        for compiler, source, std in (*((prefix + "gcc", source, "gnu17") for source in C_SOURCES),
                                      *((prefix + "g++", source, "c++17") for source in CXX_SOURCES)):
            if shutil.which(compiler):
                run([compiler, f"-std={std}", *WARNINGS, ROOT / "examples" / source, "-o",
                     out / f"{prefix}{source}.exe", "-lole32", "-luuid"])
                built.append(prefix + source)
    return built


def environment(out):
    env = dict(os.environ, BITSD_SOCKET=str(out / "socket"), BITSD_STATE_DIR=str(out / "state"),
               BITSD_AUTOSTART="1", no_proxy="127.0.0.1")
    env.pop("BITSD_PATH", None)
    return env


def wait_until(condition, what):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {TIMEOUT} s for {what}")
        time.sleep(0.02)


def download_with(programs, out):
    from bad_server import BadServer, content
    env = environment(out)
    with BadServer() as server:
        try:
            for name, program in programs.items():
                target = out / f"{name}.out"
                run([program, server.url(f"/f?size={SIZE}"), target], env=env)
                assert target.read_bytes() == content("a", SIZE), f"{name}: wrong bytes"
        finally:
            stop_service(out / "state")


def upload_with(programs, out):
    """Those that upload: what arrives, and what the one that asks for a reply prints."""
    from upload_site import UploadSite, reply_bytes
    env = environment(out)
    source = out / "to send"
    source.write_bytes(bytes(range(256)) * (SIZE // 256))
    with UploadSite(BUILD / "src/server/bitssrv", out / "site") as site:
        try:
            for name, program in programs.items():
                wants_reply = "reply" in name
                url = site.url(f"/app/{name}?reply=1000" if wants_reply else f"/plain/{name}")
                done = subprocess.run([program, source, url], env=env, capture_output=True,
                                      timeout=120, check=False)
                assert done.returncode == 0, done.stderr
                if wants_reply:
                    assert done.stdout == reply_bytes(1000)[:1000], f"{name}: {done.stdout!r}"
                else:
                    arrived = out / "site/plain" / name
                    assert arrived.read_bytes() == source.read_bytes(), f"{name}: wrong bytes"
        finally:
            stop_service(out / "state")
    replies = list(out.glob("to send.reply-*"))
    assert len(replies) == sum("reply" in name for name in programs), replies


def log_in_with(programs, out):
    """The right password, with either scheme, and a wrong one."""
    from auth_server import AuthServer
    from bad_server import content
    env = environment(out)
    try:
        for scheme in ("basic", "digest"):
            with AuthServer({"user": "pass word"}, auth=scheme) as server:
                for name, program in programs.items():
                    target = out / f"{name}-{scheme}.out"
                    command = [program, server.url("/f", size=SIZE), target]
                    run(command, env=env, input="user\npass word\n")
                    assert target.read_bytes() == content("a", SIZE), f"{name}: wrong bytes"
                    wrong = subprocess.run(command, env=env, input="user\nwrong\n", text=True,
                                           capture_output=True, timeout=TIMEOUT, check=False)
                    assert wrong.returncode == 1 and "0x80190191" in wrong.stderr, wrong.stderr
    finally:
        stop_service(out / "state")


def be_notified_with(programs, listers, out):
    """The program leaves at once, and is run again when the job is done. Jobs that are under way are
    listed by others, with what is wrong with them."""
    from bad_server import BadServer, content
    env = environment(out)
    with BadServer() as server:
        try:
            for name, program in programs.items():
                target = out / f"{name}.out"
                run([program, server.url(f"/f?size={SIZE}"), target], env=env)
                wait_until(target.exists, f"{name} to be run and complete its job")
                assert target.read_bytes() == content("a", SIZE), f"{name}: wrong bytes"
                run([program, "http://127.0.0.1:1/f", out / f"{name}.never"], env=env)
            for name, lister in listers.items():
                wait_until(lambda p=lister: run([p], env=env).count("error 0x8") == len(programs),
                           f"{name} to show the errors")
                text = run([lister], env=env)
                assert text.count('"notify": transient error') == len(programs), text
                assert f"{next(iter(programs))}.never: 0 bytes" in text, text
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
            sys.path.insert(0, str(ROOT / "tests/fakes"))

            def those(*words):
                return {n: p for n, p in programs.items() if any(word in n for word in words)}
            download_with(those("download", "callback"), out)
            upload_with(those("upload"), out)
            log_in_with(those("credentials"), out)
            be_notified_with(those("notify"), those("enumerate"), out)
    print(f"examples: {len(programs)} programs here, {len(windows)} for Windows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
