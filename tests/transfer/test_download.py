# SPDX-License-Identifier: Apache-2.0
"""One file over HTTP from servers that do it right, wrong, or not at all."""
import os
import signal
import time

import pytest
from bad_server import content
from conftest import temporaries

WINHTTP = 0x80070000
TIMEOUT, NOT_RESOLVED, CANNOT_CONNECT, CONNECTION = (WINHTTP + n for n in (12002, 12007, 12029, 12030))
INVALID_ANSWER, REDIRECT_FAILED = WINHTTP + 12152, WINHTTP + 12156
MISSING_SIZE, INSUFFICIENT_HTTP = 0x80200011, 0x80200012
REMOTE_FILE = 5


def http(status):
    return 0x80190000 + status


def kept_file(directory):
    """The bytes of the one temporary file."""
    (path,) = temporaries(directory)
    return path.read_bytes()


def interrupted(driver, server, out, cut=40000, path="/f", **query):
    """A download that broke off after `cut` bytes, the first time only."""
    url = server.url(path, cut=cut, times=1, **query)
    result = driver.fetch(url, out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", CONNECTION, False)
    return url, result


def assert_whole(result, out, seed="a", size=100000):
    assert result.event == "done", result.last
    assert result.size == result.done == size
    assert kept_file(out) == content(seed, size)


# Answers as they should be.

def test_a_file_arrives_whole_in_a_hidden_private_file(driver, server, out):
    result = driver.fetch(server.url("/f"), out / "f")
    assert_whole(result, out)
    (path,) = temporaries(out)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert result.etag == '"a-100000"' and result.modified == 1600000000
    assert path.stat().st_mtime == 1600000000
    # And progress between, when it takes long.
    assert [k for k in result.kinds if k not in ("meta", "progress")] == ["connected", "done"]
    assert not (out / "f").exists()


def test_the_request_asks_for_plain_bytes_and_says_who_asks(driver, server, out):
    driver.fetch(server.url("/f"), out / "f")
    (request,) = server.requests
    assert request["headers"]["accept-encoding"] == "identity"
    assert request["headers"]["user-agent"].startswith("bitsd/")
    assert "range" not in request["headers"] and "cookie" not in request["headers"]


@pytest.mark.parametrize("length", ["yes", "chunked", "none"])
def test_an_empty_file_is_a_file(driver, server, out, length):
    result = driver.fetch(server.url("/f", size=0, length=length), out / "f")
    if length == "none":
        assert (result.event, result.code) == ("failed", MISSING_SIZE)
    else:
        assert_whole(result, out, size=0)


def test_connections_are_used_again(driver, server, out):
    driver.job()
    for i in range(30):
        driver.file(server.url(f"/f{i}", size=1000), out / f"f{i}")
    driver.tell("run", parallel=3)
    assert driver.wait("ran")[-1]["done"] == 30
    assert len(server.requests) == 30


def test_progress_is_reported_no_more_than_four_times_a_second(driver, server, out):
    began = time.monotonic()
    result = driver.fetch(server.url("/f", rate=100000), out / "f")
    took = time.monotonic() - began
    assert_whole(result, out)
    assert "meta" in result.kinds
    assert 1 <= result.kinds.count("progress") <= took * 4 + 1


def test_an_interim_answer_is_no_answer(driver, server, out):
    assert_whole(driver.fetch(server.url("/f", interim=1), out / "f"), out)


def test_a_large_file_arrives_at_the_right_places(driver, server, out):
    """Past 4 GiB, without moving as much: all but the end is there already, as a hole."""
    size = 5 << 30
    done = size - 300000
    kept = driver.fetch_stopped(server.url("/f", etag="same", gate="g", gate_at=1000), out / "f").kept
    (path,) = temporaries(out)
    with path.open("r+b") as f:
        f.truncate(done)
    kept.size, kept.done, kept.synced = size, done, done
    result = driver.fetch(server.url("/f", size=size, etag="same"), out / "f", kept)
    assert result.event == "done" and result.size == size
    assert server.requests[-1]["headers"]["range"] == f"bytes={done}-"
    with path.open("rb") as f:
        f.seek(done)
        assert f.read() == content("a", size, done)
    assert path.stat().st_blocks * 512 < 10 << 20


# Resuming.

def test_a_broken_download_goes_on_where_it_was(driver, server, out):
    url, first = interrupted(driver, server, out)
    assert first.done == 40000
    assert "meta" in first.kinds and first.kept.etag == '"a-100000"'
    second = driver.fetch(url, out / "f", first.kept)
    assert_whole(second, out)
    headers = server.requests[1]["headers"]
    assert headers["range"] == "bytes=40000-" and headers["if-range"] == '"a-100000"'


def test_an_old_date_is_validator_enough(driver, server, out):
    url, first = interrupted(driver, server, out, etag="none")
    assert_whole(driver.fetch(url, out / "f", first.kept), out)
    assert server.requests[1]["headers"]["if-range"] == "Sun, 13 Sep 2020 12:26:40 GMT"


@pytest.mark.parametrize("validators", [
    {"etag": "none", "lm": "none"}, {"etag": "weak", "lm": "none"}, {"etag": "none", "lm": "recent"},
    {"etag": "none", "date": "0"},
])
def test_without_a_strong_validator_nothing_is_kept(driver, server, out, validators):
    url, first = interrupted(driver, server, out, **validators)
    assert first.done == 0 and temporaries(out) == []
    assert_whole(driver.fetch(url, out / "f", first.kept), out)
    assert "range" not in server.requests[1]["headers"]


def test_a_weak_etag_is_not_sent_but_the_date_is(driver, server, out):
    url, first = interrupted(driver, server, out, etag="weak")
    assert first.kept.etag is None
    assert_whole(driver.fetch(url, out / "f", first.kept), out)
    assert server.requests[1]["headers"]["if-range"].startswith("Sun, 13 Sep")


@pytest.mark.parametrize("more", [
    {},                                              # other etag, other date: 200
    {"if_range": "ignore"},                          # the server sends a part of the new file
    {"if_range": "ignore", "etag": "none"},
    {"if_range": "ignore", "no_validators_206": 1},  # and does not even say so
    {"if_range": "ignore", "swap_keeps": "lm"},
    {"etag": "none", "if_range": "ignore", "lm": "each"},
])
def test_a_file_replaced_by_one_of_equal_size_is_never_spliced(driver, server, out, more):
    url, first = interrupted(driver, server, out, swap_after=1, **more)
    assert first.done == 40000
    second = driver.fetch(url, out / "f", first.kept)
    assert_whole(second, out, seed="b")
    restarts = [e for e in second.events if e["event"] == "meta"]
    assert restarts and restarts[0]["done"] == 0


def test_a_server_that_swings_back_is_not_believed_when_the_queue_forgot(drivers, server, out):
    """The restart with another version was never stored: the old validators meet new bytes."""
    driver = drivers("--stall-timeout-sec", 2)
    url, first = interrupted(driver, server, out, swap_after=1)
    old = first.kept
    second_url = server.url("/f", seed="b", cut=60000, times=1, size=100000)
    second = driver.fetch(second_url, out / "f", old)
    assert second.event == "failed" and second.done == 60000
    result = driver.fetch(server.url("/f"), out / "f", old)
    assert_whole(result, out, seed="a")


@pytest.fixture
def plain_driver(drivers):
    """Its worker finds file systems without extended attributes."""
    if os.environ["BITSD_SANITIZED"] == "1":
        pytest.skip("the sanitizer wants to be the first library")
    return drivers("--stall-timeout-sec", 2, env={"LD_PRELOAD": os.environ["NO_XATTR"]})


def kill_worker(driver):
    os.kill(driver.worker_pid(), signal.SIGKILL)


def test_without_attributes_the_queue_knows_of_a_new_version_before_a_byte_of_it(plain_driver, server, out):
    """The worker dies before the restart is stored, and the server swings back."""
    _, first = interrupted(plain_driver, server, out)
    plain_driver.tell("hold")
    plain_driver.job()
    plain_driver.file(server.url("/f", seed="b"), out / "f", **first.kept.as_words())
    op = plain_driver.start()
    meta = plain_driver.wait("meta", "done", op=op)[-1]
    assert (meta["event"], meta["durable"], meta["done"]) == ("meta", True, 0)
    kill_worker(plain_driver)
    plain_driver.wait("failed", op=op)
    assert kept_file(out) == b""
    assert_whole(plain_driver.fetch(server.url("/f"), out / "f", first.kept), out, seed="a")


def test_without_attributes_a_new_version_comes_once_it_is_stored(plain_driver, server, out):
    _, first = interrupted(plain_driver, server, out)
    result = plain_driver.fetch(server.url("/f", seed="b"), out / "f", first.kept)
    assert_whole(result, out, seed="b")
    assert [e["durable"] for e in result.events if e["event"] == "meta"] == [True, False]
    assert len(server.requests) == 3


def test_without_attributes_a_version_replaced_on_the_way_is_held_as_well(plain_driver, server, out):
    """After parts of the old version that this very operation fetched."""
    _, first = interrupted(plain_driver, server, out)
    result = plain_driver.fetch(server.url("/f", ranges="less", swap_after=3), out / "f", first.kept)
    assert len([r for r in server.requests[1:] if "range" in r["headers"]]) > 2
    assert_whole(result, out, seed="b")
    assert True in [e["durable"] for e in result.events]


def test_without_attributes_bytes_of_one_version_are_gone_on_with(plain_driver, server, out):
    _, first = interrupted(plain_driver, server, out)
    result = plain_driver.fetch(server.url("/f"), out / "f", first.kept)
    assert_whole(result, out)
    assert server.requests[-1]["headers"]["range"] == "bytes=40000-"
    assert True not in [e["durable"] for e in result.events]


def test_a_target_that_is_held_can_be_stopped(plain_driver, server, out):
    _, first = interrupted(plain_driver, server, out)
    plain_driver.tell("hold")
    plain_driver.job()
    plain_driver.file(server.url("/f", seed="b"), out / "f", **first.kept.as_words())
    op = plain_driver.start()
    plain_driver.wait("meta", op=op)
    plain_driver.tell("stop", op=op)
    assert plain_driver.wait("stopped", op=op)[-1]["done"] == 0
    assert temporaries(out) == []


def test_synced_bytes_of_the_same_version_are_given_up_durably(driver, server, out):
    """After a power loss the new ones may be holes where the old ones were."""
    _, first = interrupted(driver, server, out)
    first.kept.synced = 40000
    result = driver.fetch(server.url("/f", ranges="ignore"), out / "f", first.kept)
    assert_whole(result, out)
    assert [e["durable"] for e in result.events if e["event"] == "meta"] == [True, False]


@pytest.mark.parametrize("ranges", ["ignore", "wrong-start", "wrong-total", "wrong-length", "no-header",
                                    "bad-header", "multipart", "star", "416", "412"])
def test_a_useless_part_makes_the_file_start_again(driver, server, out, ranges):
    url, first = interrupted(driver, server, out, ranges=ranges)
    # `times` lifts the fault of the ranges as well, so ask for it anew.
    url = server.url("/f", ranges=ranges)
    assert_whole(driver.fetch(url, out / "f", first.kept), out)
    ranged = ["range" in r["headers"] for r in server.requests]
    assert ranged == ([False, True] if ranges == "ignore" else [False, True, False])


def test_a_shorter_part_than_asked_is_gone_on_with(driver, server, out):
    _, first = interrupted(driver, server, out)
    assert_whole(driver.fetch(server.url("/f", ranges="less"), out / "f", first.kept), out)
    assert len(server.requests) > 3


def test_a_part_that_nobody_asked_for_is_refused(driver, server, out):
    result = driver.fetch(server.url("/f", ranges="unasked"), out / "f")
    assert (result.event, result.code, result.done) == ("failed", INVALID_ANSWER, 0)


def test_a_file_that_was_whole_but_not_reported_is_checked_with_one_byte(driver, server, out):
    url, first = interrupted(driver, server, out, cut=99999)
    (path,) = temporaries(out)
    path.write_bytes(content("a", 100000))
    first.kept.done = 100000
    assert_whole(driver.fetch(url, out / "f", first.kept), out)
    assert server.requests[1]["headers"]["range"] == "bytes=99999-"


def test_a_file_that_shrank_on_the_server_starts_again(driver, server, out):
    url, first = interrupted(driver, server, out, swap_after=1, size2=30000, if_range="ignore")
    assert_whole(driver.fetch(url, out / "f", first.kept), out, seed="b", size=30000)


def test_a_temporary_file_that_lost_bytes_starts_again(driver, server, out):
    url, first = interrupted(driver, server, out)
    (path,) = temporaries(out)
    with path.open("r+b") as f:
        f.truncate(100)
    assert_whole(driver.fetch(url, out / "f", first.kept), out)
    assert "range" not in server.requests[1]["headers"]


def test_a_temporary_file_with_bytes_that_nobody_vouches_for_is_cut(driver, server, out):
    url, first = interrupted(driver, server, out)
    first.kept.done = 30000
    (path,) = temporaries(out)
    with path.open("r+b") as f:
        f.seek(30000)
        f.write(b"?" * 100000)
    assert_whole(driver.fetch(url, out / "f", first.kept), out)


def test_bytes_kept_outlive_an_answer_that_is_no_file(driver, server, out):
    _, first = interrupted(driver, server, out)
    failed = driver.fetch(server.url("/f", status=503), out / "f", first.kept)
    assert (failed.event, failed.code, failed.done) == ("failed", http(503), 40000)
    assert_whole(driver.fetch(server.url("/f"), out / "f", first.kept), out)
    assert server.requests[-1]["headers"]["range"] == "bytes=40000-"


def test_stopping_keeps_what_came(driver, server, out):
    result = driver.fetch_stopped(server.url("/f", gate="g", gate_at=50000), out / "f")
    assert result.done == 50000
    server.gate("g").set()
    assert_whole(driver.fetch(server.url("/f"), out / "f", result.kept), out)
    assert server.requests[-1]["headers"]["range"] == "bytes=50000-"


# Bodies.

def test_a_short_body_is_no_file(driver, server, out):
    result = driver.fetch(server.url("/f", length="lies-long"), out / "f")
    assert (result.event, result.code, result.fatal, result.done) == ("failed", CONNECTION, False, 100000)


def test_a_body_longer_than_announced_is_cut_off(driver, server, out):
    result = driver.fetch(server.url("/f", length="lies-short"), out / "f")
    assert result.event == "done" and result.size == 99000
    assert kept_file(out) == content("a", 100000)[:99000]


def test_chunks_need_no_length(driver, server, out):
    assert_whole(driver.fetch(server.url("/f", length="chunked"), out / "f"), out)


def test_chunks_count_more_than_a_length_beside_them(driver, server, out):
    assert_whole(driver.fetch(server.url("/f", length="both"), out / "f"), out)


def test_chunks_that_break_off_are_no_file(driver, server, out):
    result = driver.fetch(server.url("/f", length="chunked-cut"), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", CONNECTION, False)
    assert_whole(driver.fetch(server.url("/f"), out / "f", result.kept), out)


def test_a_body_without_any_end_is_refused(driver, server, out):
    result = driver.fetch(server.url("/f", length="none"), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", MISSING_SIZE, True)
    assert temporaries(out) == []


@pytest.mark.parametrize("length", ["conflict", "garbage"])
def test_a_length_that_contradicts_itself_is_refused(driver, server, out, length):
    result = driver.fetch(server.url("/f", length=length), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", INVALID_ANSWER, False)


def test_an_endless_body_stops_at_the_length_announced(driver, server, out):
    result = driver.fetch(server.url("/f", endless="body"), out / "f")
    assert result.event == "done" and result.size == 100000


def test_an_endless_part_stops_where_the_file_ends(driver, server, out):
    _, first = interrupted(driver, server, out)
    result = driver.fetch(server.url("/f", endless="body", length="chunked"), out / "f", first.kept)
    assert (result.event, result.code) == ("failed", INVALID_ANSWER)
    assert result.done <= 100000


@pytest.mark.parametrize("coding", [{"encoding": "gzip"}, {"encoding": "br"}, {"transfer": "gzip"}])
def test_an_encoded_body_is_never_stored(driver, server, out, coding):
    result = driver.fetch(server.url("/f", **coding), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", INSUFFICIENT_HTTP, True)
    assert temporaries(out) == []


def test_identity_is_no_encoding(driver, server, out):
    assert_whole(driver.fetch(server.url("/f", encoding="identity"), out / "f"), out)


def test_silence_in_the_body_ends_the_attempt(driver, server, out):
    result = driver.fetch(server.url("/f", stall=5000), out / "f")
    assert (result.event, result.code, result.fatal, result.done) == ("failed", TIMEOUT, False, 5000)


def test_silence_before_the_head_ends_the_attempt(driver, server, out):
    result = driver.fetch(server.url("/f", stall="head"), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", TIMEOUT, False)


def test_a_slow_drip_is_no_silence(drivers, server, out):
    """It lasts longer than silence may, and each pause is a small part of that."""
    driver = drivers("--stall-timeout-sec", 4)
    result = driver.fetch(server.url("/f", size=12, drip="1,0.5"), out / "f")
    assert_whole(result, out, size=12)


@pytest.mark.parametrize("phase", ["request", "head", "body"])
def test_a_reset_is_transient_at_every_phase(driver, server, out, phase):
    result = driver.fetch(server.url("/f", reset=phase, cut=30000, times=1), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", CONNECTION, False)
    assert result.done <= 30000
    assert_whole(driver.fetch(server.url("/f"), out / "f", result.kept), out)


# Statuses.

@pytest.mark.parametrize("status, fatal", [
    (300, True), (304, True), (305, True), (306, False), (400, True), (401, True), (403, True), (404, True),
    (407, True), (408, False), (409, False), (410, True), (416, True), (429, False), (500, False),
    (501, True), (502, False), (503, False), (504, False), (505, True), (204, False), (201, False)])
def test_a_status_is_an_error_and_never_data(driver, server, out, status, fatal):
    body = 0 if status in (204, 304) else 20
    result = driver.fetch(server.url("/f", status=status, body=body), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", http(status), fatal)
    assert result.status == status and result.context == (6 if status == 407 else REMOTE_FILE)
    assert result.host == "127.0.0.1"
    assert temporaries(out) == []


def test_retry_after_is_understood_in_both_forms(driver, server, out):
    result = driver.fetch(server.url("/f", status=503, retry_after="120"), out / "f")
    assert result.retry_after == 120
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 300))
    result = driver.fetch(server.url("/f", status=429, retry_after=later), out / "f")
    assert 290 <= result.retry_after <= 300
    assert driver.fetch(server.url("/f", status=503, retry_after="soon"), out / "f").retry_after == 0


@pytest.mark.parametrize("length", ["yes", "chunked"])
def test_an_endless_error_text_is_not_read(driver, server, out, length):
    result = driver.fetch(server.url("/f", status=404, endless="error", length=length), out / "f")
    assert (result.event, result.code) == ("failed", http(404))
    assert server.swallowed < 32 << 20


def test_an_endless_head_is_refused(driver, server, out):
    result = driver.fetch(server.url("/f", endless="head"), out / "f")
    assert (result.event, result.fatal) == ("failed", False)
    assert result.code in (INVALID_ANSWER, CONNECTION)


def test_what_is_no_http_is_refused(driver, server, out):
    result = driver.fetch(server.url("/f", garbage=1), out / "f")
    assert result.event == "failed" and not result.fatal and temporaries(out) == []


def test_http_1_0_with_a_length_will_do(driver, server, out):
    assert_whole(driver.fetch(server.url("/f", http="1.0", keep=0), out / "f"), out)


# Redirects.

@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed(driver, server, out, code):
    result = driver.fetch(server.url("/redirect", code=code, n=4, to="/f"), out / "f")
    assert_whole(result, out)
    assert len(server.requests) == 5


def test_a_redirect_is_followed_with_the_range(driver, server, out):
    url = server.url("/redirect", to="/f?cut=40000&times=1")
    first = driver.fetch(url, out / "f")
    assert first.done == 40000
    assert_whole(driver.fetch(url, out / "f", first.kept), out)
    assert server.requests[-1]["headers"]["range"] == "bytes=40000-"


def test_redirects_end_at_the_limit(drivers, server, out):
    driver = drivers("--redirects-max", 3)
    assert_whole(driver.fetch(server.url("/redirect", n=3, to="/f"), out / "f"), out)
    result = driver.fetch(server.url("/redirect", n=4, to="/f"), out / "g")
    assert (result.event, result.code, result.fatal) == ("failed", REDIRECT_FAILED, True)
    result = driver.fetch(server.url("/redirect", n="loop"), out / "g")
    assert (result.event, result.code, result.fatal) == ("failed", REDIRECT_FAILED, True)


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "http://",
                                "dict://127.0.0.1:1/x"])
def test_redirects_never_leave_http(driver, server, out, to):
    result = driver.fetch(server.url("/redirect", to=to), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", REDIRECT_FAILED, True)
    assert temporaries(out) == []


def test_the_body_of_a_redirect_is_not_read_for_ever(driver, server, out):
    assert_whole(driver.fetch(server.url("/redirect", endless="redirect", to="/f"), out / "f"), out)
    assert server.swallowed < 32 << 20


# The network.

def test_a_refused_connection_is_transient(driver, out):
    result = driver.fetch("http://127.0.0.1:1/f", out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", CANNOT_CONNECT, False)
    assert temporaries(out) == []


def test_a_name_that_is_none_is_transient(driver, out):
    result = driver.fetch("http://does-not-exist.invalid/f", out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", NOT_RESOLVED, False)
    assert result.host == "does-not-exist.invalid"


@pytest.mark.parametrize("url", ["http://", "http://a b/", "ftp://127.0.0.1/f", "gopher://x/", "nonsense"])
def test_a_url_that_is_none_is_fatal(driver, out, url):
    result = driver.fetch(url, out / "f")
    assert result.event == "failed" and result.fatal


def test_credentials_of_a_url_are_used_and_never_told(driver, server, out):
    url = server.url("/f", status=401).replace("http://", "http://user:secret@")
    result = driver.fetch(url, out / "f")
    assert server.requests[0]["headers"]["authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert "secret" not in str(result.last) and "user" not in result.host


def test_credentials_of_one_url_never_reach_another(driver, server, out):
    """Neither the next download nor another host that a redirect names."""
    secret = server.url("/f").replace("http://", "http://user:secret@")
    driver.fetch(secret, out / "f")
    driver.fetch(server.url("/g"), out / "g")
    assert "authorization" not in server.requests[1]["headers"]
    away = server.url("/redirect", to=server.url("/h").replace("127.0.0.1", "localhost"))
    driver.fetch(away.replace("http://", "http://user:secret@"), out / "h")
    assert "authorization" in server.requests[2]["headers"]
    assert "authorization" not in server.requests[3]["headers"]
    back = server.url("/redirect", to="/i").replace("http://", "http://user:secret@")
    driver.fetch(back, out / "i")
    assert "authorization" in server.requests[5]["headers"]


def test_a_size_beyond_all_disks_is_fatal(driver, server, out):
    for size in (1 << 62, (1 << 63) - 1):
        result = driver.fetch(server.url("/f", extra=f"Content-Length: {size}", length="unsaid"), out / "f")
        assert result.event == "failed" and temporaries(out) == []


def test_waiting_for_a_connection_is_neither_silence_nor_a_time_out(drivers, server, out):
    driver = drivers("--connections-per-host", 1, "--connect-timeout-sec", 1, "--stall-timeout-sec", 2)
    driver.job()
    driver.file(server.url("/slow", size=50, drip="10,0.7"), out / "slow")
    driver.file(server.url("/next", size=50), out / "next")
    ops = [driver.start(0), driver.start(1)]
    ends = {e["op"]: e["event"] for e in driver.wait("done", "failed", op=ops[1])}
    assert ends[ops[0]] == "done" and ends[ops[1]] == "done"


def test_names_with_blanks_and_letters_of_all_kinds_arrive(driver, server, out):
    name = "Größe und\nZeile ☃ %41"
    url = f"http://127.0.0.1:{server.port}/Straße und mehr?size=1000"
    assert_whole(driver.fetch(url, out / name), out, size=1000)
    assert server.requests[0]["target"] == "/Stra%c3%9fe%20und%20mehr?size=1000" or \
        server.requests[0]["target"] == "/Stra%C3%9Fe%20und%20mehr?size=1000"


# What the tests above rely on.

def test_every_temporary_file_has_a_name_of_its_own(driver, server, out):
    driver.job()
    for i in range(3):
        driver.file(server.url(f"/{i}", size=10), out / f"{i}")
    driver.tell("run", parallel=3)
    driver.wait("ran")
    names = [p.name for p in temporaries(out)]
    assert len(set(names)) == 3
    job = driver.job_id.replace("-", "")[:20]
    assert names == [f".BIT{job}{i:08x}.tmp" for i in range(3)]
