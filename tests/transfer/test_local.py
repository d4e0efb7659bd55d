# SPDX-License-Identifier: Apache-2.0
"""The local side: temporary files, disks that are full or gone, syncing, publishing, discarding, and
sources on this machine."""
import os
import pathlib
import subprocess
import time

import pytest
from bad_server import content
from conftest import Result, temporaries

ACCESS_DENIED, FILE_NOT_FOUND, PATH_NOT_FOUND, WRITE_PROTECT, FILE_EXISTS, DISK_FULL = (
    0x80070000 + n for n in (5, 2, 3, 19, 80, 112))
UNABLE_TO_DELETE = 0x0020001A
LOCAL_FILE, REMOTE_FILE = 4, 5
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and other users need root")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    where = tmp_path / "disk"
    where.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "none", where],
                          capture_output=True)
    if done.returncode:
        pytest.skip("no right to mount here")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def make_done(driver, server, out, names=("a", "b", "c"), size=1000, **query):
    """Files that are fetched and not yet visible."""
    driver.job()
    for name in names:
        driver.file(server.url(f"/{name}", size=size, seed=name, **query), out / name)
    driver.tell("run", parallel=3)
    assert driver.wait("ran")[-1]["done"] == len(names)


# Where it is written.

def test_a_directory_that_is_gone_is_fatal(driver, server, tmp_path):
    result = driver.fetch(server.url("/f"), tmp_path / "nowhere" / "f")
    assert (result.event, result.code, result.fatal) == ("failed", PATH_NOT_FOUND, True)
    assert result.context == LOCAL_FILE and server.requests == []


def test_a_directory_that_is_a_file_is_fatal(driver, server, out):
    (out / "x").write_text("")
    result = driver.fetch(server.url("/f"), out / "x" / "f")
    assert (result.event, result.code, result.fatal) == ("failed", PATH_NOT_FOUND, True)


def test_a_link_where_the_temporary_file_belongs_is_not_followed(driver, server, out, tmp_path):
    driver.fetch_stopped(server.url("/f", gate="g", gate_at=100), out / "f")
    (path,) = temporaries(out)
    path.unlink()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)
    result = driver.fetch(server.url("/f"), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", FILE_EXISTS, True)
    assert victim.read_text() == "precious" and path.is_symlink()


@pytest.mark.parametrize("kind", ["hard link", "directory", "fifo"])
def test_what_is_not_ours_is_not_written_to(driver, server, out, tmp_path, kind):
    first = driver.fetch_stopped(server.url("/f", gate="g", gate_at=100), out / "f")
    (path,) = temporaries(out)
    victim = tmp_path / "victim"
    if kind == "hard link":
        os.link(path, victim)
    else:
        path.unlink()
        path.mkdir() if kind == "directory" else os.mkfifo(path)
    result = driver.fetch(server.url("/f"), out / "f", first.kept)
    assert (result.event, result.fatal) == ("failed", True)
    if kind == "hard link":
        assert victim.read_bytes() == content("a", 100000)[:100]


@NEEDS_ROOT
def test_a_full_disk_is_transient_and_found_before_bytes_move(driver, server, small_disk):
    result = driver.fetch(server.url("/f", size=8 << 20), small_disk / "f")
    assert (result.event, result.code, result.fatal) == ("failed", DISK_FULL, False)
    assert result.context == LOCAL_FILE
    assert temporaries(small_disk) == []


@NEEDS_ROOT
def test_a_disk_that_fills_in_the_middle_keeps_what_came(driver, server, small_disk):
    url = server.url("/f", size=3 << 20, length="chunked")
    (small_disk / "ballast").write_bytes(b"x" * (2 << 20))
    result = driver.fetch(url, small_disk / "f")
    assert (result.event, result.code, result.fatal) == ("failed", DISK_FULL, False)
    assert result.done > 1 << 20
    (small_disk / "ballast").unlink()
    again = driver.fetch(server.url("/f", size=3 << 20), small_disk / "f", result.kept)
    assert again.event == "done"
    (path,) = temporaries(small_disk)
    assert path.read_bytes() == content("a", 3 << 20)
    assert server.requests[-1]["headers"]["range"].startswith("bytes=")


@NEEDS_ROOT
def test_a_read_only_disk_is_fatal(driver, server, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    result = driver.fetch(server.url("/f"), small_disk / "f")
    assert (result.event, result.code, result.fatal) == ("failed", WRITE_PROTECT, True)
    driver.tell("check", local=small_disk / "f")
    assert driver.wait("checked")[-1]["result"] == WRITE_PROTECT


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_the_right_to_write_is_fatal(driver, server, out):
    out.chmod(0o500)
    driver.tell("check", local=out / "f")
    assert driver.wait("checked")[-1]["result"] == ACCESS_DENIED
    result = driver.fetch(server.url("/f"), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", ACCESS_DENIED, True)
    out.chmod(0o300)  # to be written but not read: as good as any other
    assert driver.fetch(server.url("/f"), out / "f").event == "done"
    assert driver.bulk("publish")[-1]["result"] == 0
    out.chmod(0o700)
    assert (out / "f").read_bytes() == content("a", 100000)


def test_destinations_are_checked_at_once(driver, out, tmp_path):
    for path, code in [(out / "f", 0), (tmp_path / "no" / "f", PATH_NOT_FOUND),
                       (pathlib.Path("/etc/passwd/f"), PATH_NOT_FOUND)]:
        driver.tell("check", local=path)
        assert driver.wait("checked")[-1]["result"] == code


# Sync, publish, discard.

def test_publishing_gives_names_modes_and_times(driver, server, out):
    make_done(driver, server, out)
    assert driver.bulk("sync")[-1]["result"] == 0
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in temporaries(out))
    events = driver.bulk("publish")
    assert [e["event"] for e in events] == ["file_published"] * 3 + ["published"]
    assert all(e["result"] == 0 for e in events)
    assert temporaries(out) == []
    umask = os.umask(0)
    os.umask(umask)
    for name in "abc":
        path = out / name
        assert path.read_bytes() == content(name, 1000)
        assert path.stat().st_mode & 0o7777 == 0o666 & ~umask
        assert path.stat().st_mtime == 1600000000


def test_an_existing_file_stays_until_it_is_replaced(driver, server, out):
    (out / "a").write_text("old")
    (out / "a").chmod(0o600)
    make_done(driver, server, out, ("a",))
    assert (out / "a").read_text() == "old"
    assert driver.bulk("publish")[-1]["result"] == 0
    assert (out / "a").read_bytes() == content("a", 1000)


def test_a_link_in_the_way_is_replaced_and_not_followed(driver, server, out, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (out / "a").symlink_to(victim)
    make_done(driver, server, out, ("a",))
    assert driver.bulk("publish")[-1]["result"] == 0
    assert victim.read_text() == "precious" and not (out / "a").is_symlink()


def test_a_directory_in_the_way_fails_that_file_only(driver, server, out):
    (out / "b").mkdir()
    make_done(driver, server, out)
    events = driver.bulk("publish")
    assert [e["result"] for e in events] == [0, ACCESS_DENIED, 0, ACCESS_DENIED]
    assert events[-1]["error_file"] == 1 and events[-1]["context"] == LOCAL_FILE
    assert len(temporaries(out)) == 1
    (out / "b").rmdir()
    assert driver.bulk("publish")[-1]["result"] == 0
    assert (out / "b").read_bytes() == content("b", 1000) and temporaries(out) == []


def test_publishing_may_be_repeated_after_a_crash(driver, server, out):
    """Two of three files were renamed when it happened; all three count."""
    make_done(driver, server, out)
    paths = temporaries(out)
    for index, name in [(0, "a"), (2, "c")]:
        (path,) = [p for p in paths if p.name.endswith(f"{index:08x}.tmp")]
        path.rename(out / name)
    events = driver.bulk("publish")
    assert [e["result"] for e in events] == [0, 0, 0, 0]
    assert temporaries(out) == [] and (out / "b").read_bytes() == content("b", 1000)


def test_a_stranger_under_the_final_name_is_not_taken_for_the_file(driver, server, out):
    make_done(driver, server, out, ("a",))
    temporaries(out)[0].unlink()
    (out / "a").write_bytes(b"x" * 1000)  # the size is right, the time is not
    events = driver.bulk("publish")
    assert [e["result"] for e in events] == [FILE_NOT_FOUND, FILE_NOT_FOUND]


def test_a_file_that_was_tampered_with_is_not_published(driver, server, out):
    make_done(driver, server, out, ("a",))
    with temporaries(out)[0].open("ab") as f:
        f.write(b"more")
    assert driver.bulk("publish")[-1]["result"] == FILE_NOT_FOUND
    assert not (out / "a").exists()


def test_a_sync_misses_what_is_not_there(driver, server, out):
    make_done(driver, server, out)
    temporaries(out)[1].unlink()
    event = driver.bulk("sync")[-1]
    assert (event["result"], event["error_file"]) == (FILE_NOT_FOUND, 1)


def test_many_files_in_many_directories(driver, server, out):
    driver.job()
    for i in range(600):
        directory = out / f"d{i % 20}"
        directory.mkdir(exist_ok=True)
        driver.file(server.url(f"/{i}", size=100, seed=i), directory / f"f{i}")
    driver.tell("run", parallel=6)
    assert driver.wait("ran")[-1]["done"] == 600
    assert driver.bulk("sync")[-1]["result"] == 0
    assert driver.bulk("publish")[-1]["result"] == 0
    for i in range(600):
        assert (out / f"d{i % 20}" / f"f{i}").read_bytes() == content(i, 100)


def test_discarding_removes_only_what_the_job_made(driver, server, out):
    (out / "b").write_text("old")
    (out / ".BITnot-ours.tmp").write_text("of somebody else")
    make_done(driver, server, out)
    assert driver.bulk("discard")[-1]["result"] == 0
    assert sorted(p.name for p in out.iterdir()) == [".BITnot-ours.tmp", "b"]
    assert driver.bulk("discard")[-1]["result"] == 0


def test_what_cannot_be_removed_is_reported(driver, server, out):
    make_done(driver, server, out, ("a",))
    (path,) = temporaries(out)
    path.unlink()
    path.mkdir()
    assert driver.bulk("discard")[-1]["result"] == UNABLE_TO_DELETE


def test_names_of_all_kinds_are_published(driver, server, out):
    names = ["mit Leerzeichen", "Größe ☃", "zwei\nZeilen", "-rf", "%41", "x" * 255]
    driver.job()
    for i, name in enumerate(names):
        driver.file(server.url(f"/{i}", size=10, seed=i), out / name)
    driver.tell("run", parallel=6)
    assert driver.wait("ran")[-1]["done"] == len(names)
    assert driver.bulk("publish")[-1]["result"] == 0
    for i, name in enumerate(names):
        assert (out / name).read_bytes() == content(i, 10)


# Sources on this machine.

@pytest.mark.parametrize("form", ["{}", "file://{}", "FILE://localhost{}", "file:{}"])
def test_local_files_are_copied(driver, out, tmp_path, form):
    source = tmp_path / "source"
    source.write_bytes(content("s", 9 << 20))
    os.utime(source, (1500000000, 1500000000))
    result = driver.fetch(form.format(source), out / "f")
    assert result.event == "done" and result.size == 9 << 20 and result.modified == 1500000000
    (path,) = temporaries(out)
    assert path.read_bytes() == content("s", 9 << 20)
    assert path.stat().st_mtime == 1500000000


def test_file_urls_are_decoded_and_paths_are_not(driver, out, tmp_path):
    (tmp_path / "a b%41").write_bytes(b"plain")
    (tmp_path / "a bA").write_bytes(b"decoded")
    assert driver.fetch(f"{tmp_path}/a b%41", out / "f").size == 5
    assert driver.fetch(f"file://{tmp_path}/a%20b%41", out / "g").size == 7


def test_an_empty_local_file_is_a_file(driver, out, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    result = driver.fetch(tmp_path / "empty", out / "f")
    assert result.event == "done" and result.size == 0


def test_files_that_only_look_like_files_are_copied_whole(driver, out):
    result = driver.fetch("/proc/self/status", out / "f")
    assert result.event in ("done", "failed")  # its size is 0, its content is not
    assert result.event == "failed" or result.size > 0 or temporaries(out)[0].read_bytes() == b""


@pytest.mark.parametrize("source, code", [
    ("/nowhere/at/all", FILE_NOT_FOUND), ("file://example.org/etc/passwd", 0x80070057),
    ("file:relative", 0x80070057), ("file:///etc/%00passwd", 0x80070057), ("file:///etc/%zz", 0x80070057),
    ("/etc", ACCESS_DENIED), ("/dev/null", 0x80070057)])
def test_sources_that_are_none_are_fatal(driver, out, source, code):
    result = driver.fetch(source, out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", code, True)
    assert result.context == REMOTE_FILE and temporaries(out) == []


def test_a_copy_goes_on_where_it_was_unless_the_source_changed(drivers, out, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(content("s", 200 << 20))
    driver = drivers()
    for attempt in range(30):  # until the stop comes in the middle
        driver.job()
        driver.file(source, out / "f")
        op = driver.start()
        driver.wait("connected", op=op)
        time.sleep(0.002 * attempt)
        driver.tell("stop", op=op)
        first = Result(driver.wait("stopped", "done", op=op))
        if first.event == "stopped" and 0 < first.done < 200 << 20:
            break
        driver.bulk("discard")
    else:
        pytest.skip("this machine copies 200 MiB at once, or nothing")
    again = driver.fetch(source, out / "f", first.kept)
    assert again.event == "done"
    assert all(e["event"] != "meta" or e["done"] == first.done for e in again.events)
    assert temporaries(out)[0].read_bytes() == content("s", 200 << 20)
    source.write_bytes(content("t", 200 << 20))
    assert driver.fetch(source, out / "f", first.kept).event == "done"
    assert temporaries(out)[0].read_bytes() == content("t", 200 << 20)


def test_a_changed_source_is_copied_once_the_queue_knows_where_attributes_are_missing(drivers, out, tmp_path):
    if os.environ["BITSD_SANITIZED"] == "1":
        pytest.skip("the sanitizer wants to be the first library")
    driver = drivers(env={"LD_PRELOAD": os.environ["NO_XATTR"]})
    source = tmp_path / "source"
    source.write_bytes(content("b", 100000))
    driver.tell("hold")
    driver.job()
    driver.file(source, out / "f", size=100000, done=4000, etag='"of-before"')
    op = driver.start()
    meta = driver.wait("meta", "done", op=op)[-1]
    assert (meta["event"], meta["durable"], meta["done"]) == ("meta", True, 0)
    (path,) = temporaries(out)
    assert path.read_bytes() == b""
    driver.tell("stored", op=op)
    assert driver.wait("done", "failed", op=op)[-1]["event"] == "done"
    assert path.read_bytes() == content("b", 100000)
