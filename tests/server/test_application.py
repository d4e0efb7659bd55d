# SPDX-License-Identifier: Apache-2.0
"""Applications that are told about uploads, and their replies: S24 and S25 of the checklist."""
import hashlib
import json
import os
import re
import ssl
import stat
import subprocess
import threading

import pytest

from conftest import free_port, wait_until
from wire import E_INVALIDARG, REMOTE_APPLICATION, TIMED_OUT

SITE = """
[site /]
Directory = ROOT
BITSUploadEnabled = 1
BITSServerNotificationType = {}
BITSServerNotificationURL = {}
"""
BY_REFERENCE, BY_VALUE = 1, 2


def begin(server, kind, application, more="", **kwargs):
    url = application if isinstance(application, str) else application.url
    return server.start(config=SITE.format(kind, url) + more, **kwargs).wire()


def send(wire, data=b"data", target="/f"):
    """An upload up to its last fragment's Ack; (session, Ack)."""
    session = wire.open(target)
    return session, wire.fragment(target, session, 0, data, len(data))


def failed(answer, status, error):
    assert answer.status == status and answer.error == error, answer
    assert answer.context == REMOTE_APPLICATION, answer


def test_s24_by_value_with_a_reply(server, application):
    app = application(lambda call: (200, {}, call.body.upper()))
    wire = begin(server, BY_VALUE, app)
    session = wire.open("/orders.xml?site=7&x=%20")
    ack = wire.fragment("/orders.xml?site=7&x=%20", session, 0, b"some data", 9,
                        [("Content-Name", "local.xml")])
    assert ack.status == 200 and ack.received == 9
    call, = app.calls
    assert call.target == "/handle?site=7&x=%20" and call.body == b"some data"
    assert call["BITS-Original-Request-URL"] == "http://localhost/orders.xml?site=7&x=%20"
    assert call["Idempotency-Key"] == call["BITS-Session-Id"] == session
    assert call["Content-Type"] == "application/octet-stream"
    assert call["BITS-Content-Name"] == "local.xml"
    assert call["BITS-Request-DataFile-Name"] is None and call["Expect"] is None
    assert wire.get(ack["BITS-Reply-URL"]).body == b"SOME DATA"
    assert server.files() == []


def test_s24_by_reference_with_a_reply_file(server, application):
    def answer(call):
        with open(call["BITS-Request-DataFile-Name"], "rb") as data:
            text = data.read()
        with open(call["BITS-Response-DataFile-Name"], "r+b") as reply:
            reply.write(text[::-1])
        return 200, {}, b"the body does not count"

    app = application(answer)
    wire = begin(server, BY_REFERENCE, app)
    _, ack = send(wire, b"abc")
    call, = app.calls
    assert call.body == b"" and call["Content-Length"] == "0"
    assert wire.get(ack["BITS-Reply-URL"]).body == b"cba"


def test_s24_by_reference_with_a_reply_in_the_body(server, application):
    wire = begin(server, BY_REFERENCE, application(lambda call: (200, {}, b"body")))
    assert wire.get(send(wire)[1]["BITS-Reply-URL"]).body == b"body"


@pytest.mark.parametrize("kind", [BY_REFERENCE, BY_VALUE])
def test_s24_no_reply_is_an_empty_reply(server, application, kind):
    wire = begin(server, kind, application())
    reply = wire.get(send(wire)[1]["BITS-Reply-URL"])
    assert reply.status == 200 and reply.body == b""


def test_s24_a_reply_file_that_was_made_a_link_is_not_followed(server, application):
    secret = server.directory / "secret"
    secret.write_text("secret")

    def answer(call):
        path = call["BITS-Response-DataFile-Name"]
        os.unlink(path)
        os.symlink(secret, path)
        return 200, {}, b""

    wire = begin(server, BY_REFERENCE, application(answer))
    _, ack = send(wire)
    assert ack.status == 500
    assert not any(b"secret" in p.read_bytes() for p in server.root.rglob("*"))


def test_s24_a_static_reply(server, application):
    url = "http://cdn.example.net/pkg/42.bin"
    wire = begin(server, BY_VALUE,
                 application(lambda call: (200, {"BITS-Static-Response-URL": url}, b"ignored")))
    session, ack = send(wire)
    assert ack["BITS-Reply-URL"] == url
    # A repeat gets the same, without another call.
    assert wire.fragment("/f", session, 0, b"data", 4)["BITS-Reply-URL"] == url


@pytest.mark.parametrize("url", ["/relative", "ftp://h/x", "javascript:alert(1)",
                                 "http://h/" + "x" * 2200],
                         ids=["relative", "ftp", "script", "long"])
def test_s24_a_static_reply_that_is_none(server, application, url):
    wire = begin(server, BY_VALUE,
                 application(lambda call: (200, {"BITS-Static-Response-URL": url}, b"")))
    ack = send(wire)[1]
    assert ack.status == 400 and ack.error == E_INVALIDARG


def test_s24_copied_to_the_destination_when_asked(server, application):
    wire = begin(server, BY_VALUE, application(
        lambda call: (200, {"BITS-Copy-File-To-Destination": ""}, b"reply")))
    session, ack = send(wire)
    assert (server.root / "f").read_bytes() == b"data"
    assert wire.get(ack["BITS-Reply-URL"]).body == b"reply"
    assert wire.close_session("/f", session).status == 200
    assert (server.root / "f").read_bytes() == b"data"


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500, 501, 503])
def test_s24_an_error_is_passed_on_and_a_repeat_asks_again(server, application, status):
    codes = [status, status, 200]
    app = application(lambda call: (codes[len(app.calls) - 1], {}, b"reply"))
    wire = begin(server, BY_VALUE, app)
    session, ack = send(wire)
    failed(ack, status, hex(0x80190000 + status))
    failed(wire.fragment("/f", session, 3, b"a", 4), status, hex(0x80190000 + status))
    ack = wire.fragment("/f", session, 0, b"data", 4)
    assert ack.status == 200 and wire.get(ack["BITS-Reply-URL"]).body == b"reply"
    assert [call.body for call in app.calls] == [b"data"] * 3
    assert len({call["Idempotency-Key"] for call in app.calls}) == 1


@pytest.mark.parametrize("status", [201, 204, 302])
def test_s24_only_200_is_200(server, application, status):
    app = application(lambda call: (status, {"Location": "http://127.0.0.1:1/"}, b""))
    wire = begin(server, BY_VALUE, app)
    assert send(wire)[1].status >= 300
    assert len(app.calls) == 1


def test_s24_a_403_is_final_also_after_a_restart(server, application):
    app = application(lambda call: (403, {}, b""))
    wire = begin(server, BY_VALUE, app)
    session, ack = send(wire)
    failed(ack, 403, "0x80190193")
    failed(wire.fragment("/f", session, 0, b"data", 4), 403, "0x80190193")
    server.kill()
    server.again()
    failed(server.wire().fragment("/f", session, 0, b"data", 4), 403, "0x80190193")
    assert len(app.calls) == 1


def test_s24_an_application_that_does_not_answer(server, application):
    app = application()
    app.allowed.clear()
    wire = begin(server, BY_VALUE, app, "NotificationTimeout = 1\n")
    session, ack = send(wire)
    failed(ack, 408, TIMED_OUT)
    app.allowed.set()
    wait_until(lambda: wire.fragment("/f", session, 0, b"data", 4).status == 200, "an answer within a second")


def test_s24_an_application_that_is_not_there(server):
    wire = begin(server, BY_VALUE, f"http://127.0.0.1:{free_port()}/")
    assert send(wire)[1].status == 502
    assert server.files() == []
    log = server.log.read_text()
    assert re.search(r"the application at http://127\.0\.0\.1:\d+/ cannot be called: .*BITSServerNotificationURL", log)
    assert re.search(r"session \{\w{8}… for /f: the application of \[site /\] did not take it", log)


def test_s24_others_go_on_while_an_application_thinks(server, application):
    app = application(lambda call: (200, {}, b"x"))
    app.allowed.clear()
    wire = begin(server, BY_VALUE, app)
    acks = []
    thread = threading.Thread(target=lambda: acks.append(send(wire)[1]))
    thread.start()
    wait_until(lambda: app.calls, "a call")
    assert server.wire().ping("/f").status == 200
    with server.wire() as other:
        assert other.fragment("/g", other.open("/g"), 0, b"ab", 3).received == 2
    app.allowed.set()
    thread.join()
    assert acks[0].status == 200


def test_s24_a_repeat_that_comes_while_the_application_thinks_gets_its_outcome(server, application):
    app = application(lambda call: (200, {}, b"reply"))
    app.allowed.clear()
    wire = begin(server, BY_VALUE, app)
    session = wire.open("/f")
    thread = threading.Thread(target=lambda: wire.fragment("/f", session, 0, b"data", 4))
    thread.start()
    wait_until(lambda: app.calls, "a call")
    acks = []
    again = threading.Thread(
        target=lambda: acks.append(server.wire().fragment("/f", session, 0, b"data", 4)))
    again.start()
    wait_until(lambda: len(server.wires) == 2, "a second connection")
    app.allowed.set()
    thread.join()
    again.join()
    assert acks[0].status == 200 and acks[0]["BITS-Reply-URL"] and len(app.calls) == 1


def test_s24_a_relative_notification_url_is_beside_the_destination(server, application):
    app = application(lambda call: (200, {}, b""))
    origin = app.url[:-len("/handle")]
    (server.root / "a").mkdir()
    server.start(config=f"[server]\nPublicURL = {origin}\n"
                        + SITE.format(BY_VALUE, "my.asp?k=v"))
    assert send(server.wire(), target="/a/f?site=7")[1].status == 200
    assert app.calls[0].target == "/a/my.asp?k=v&site=7"


def test_s24_over_a_unix_socket(server, application):
    path = server.directory / "app.sock"
    app = application(lambda call: (200, {}, call.body * 2), path=path)
    wire = begin(server, BY_VALUE, app)
    assert wire.get(send(wire)[1]["BITS-Reply-URL"]).body == b"datadata"
    assert app.calls[0].target == "/handle"


def test_s24_over_https_with_a_certificate_that_is_checked(server, application, certificate):
    chain, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    app = application(lambda call: (200, {}, b"safe"), tls=context)
    wire = begin(server, BY_VALUE, app, f"NotificationCAFile = {chain}\n")
    assert wire.get(send(wire)[1]["BITS-Reply-URL"]).body == b"safe"
    server.stop()
    wire = begin(server, BY_VALUE, app)  # the system's certificates know nothing of it
    assert send(wire, target="/g")[1].status == 502
    assert len(app.calls) == 1


def test_s24_a_large_upload_by_value_arrives_whole(server, application):
    app = application(lambda call: (200, {}, call.body))
    wire = begin(server, BY_VALUE, app)
    data = os.urandom(3_000_001)
    session = wire.open("/f")
    wire.fragment("/f", session, 0, data[:2_000_000], len(data))
    ack = wire.fragment("/f", session, 2_000_000, data[2_000_000:], len(data))
    assert app.calls[0].body == data
    assert wire.get(ack["BITS-Reply-URL"]).body == data


def test_s24_a_reply_over_the_limit(server, application):
    wire = begin(server, BY_VALUE, application(lambda call: (200, {}, b"x" * 5000)),
                 "MaximumReplySize = 4K\n")
    assert send(wire)[1].status == 502
    assert "is larger than MaximumReplySize (4096 bytes)" in server.log.read_text()


def test_s24_an_empty_upload_is_told_at_close(server, application):
    app = application(lambda call: (200, {"BITS-Copy-File-To-Destination": "1"}, b""))
    wire = begin(server, BY_VALUE, app)
    assert wire.close_session("/f", wire.open("/f")).status == 200
    assert app.calls[0].body == b"" and (server.root / "f").read_bytes() == b""


def test_s24_killed_while_the_application_thinks_it_is_asked_again(server, application):
    app = application(lambda call: (200, {}, b"reply"))
    app.allowed.clear()
    wire = begin(server, BY_VALUE, app)
    session = wire.open("/f")
    wire.request("BITS_POST", "/f", [("BITS-Packet-Type", "Fragment"),
                                     ("BITS-Session-Id", session),
                                     ("Content-Range", "bytes 0-3/4")], b"data")
    wait_until(lambda: app.calls, "a call")
    server.kill()
    app.allowed.set()
    server.again()
    ack = server.wire().fragment("/f", session, 0, b"data", 4)
    assert ack.status == 200 and len(app.calls) == 2
    assert app.calls[0]["Idempotency-Key"] == app.calls[1]["Idempotency-Key"]


def test_s25_a_reply_by_ranges_and_head_and_gone_after_close(server, application):
    wire = begin(server, BY_VALUE, application(lambda call: (200, {}, b"0123456789")))
    session, ack = send(wire)
    url = ack["BITS-Reply-URL"]
    part = wire.get(url, [("Range", "bytes=2-4")])
    assert part.status == 206 and part.body == b"234"
    assert part["Content-Range"] == "bytes 2-4/10" and part["ETag"] and part["Last-Modified"]
    assert part["X-Content-Type-Options"] == "nosniff"
    assert part["Content-Disposition"] == "attachment"
    whole = wire.get(url, method="HEAD")
    assert whole.status == 200 and whole["Content-Length"] == "10"
    server.kill()
    server.again()
    wire = server.wire()
    assert wire.get(url).body == b"0123456789"
    assert wire.close_session("/f", session).status == 200
    assert wire.get(url).status == 404
    assert not [p for p in server.sessions.iterdir() if p.suffix in (".reply", ".data", ".body")]


def test_s25_reply_urls_cannot_be_guessed_or_written(server, application):
    wire = begin(server, BY_VALUE, application(lambda call: (200, {}, b"x")))
    url = send(wire)[1]["BITS-Reply-URL"]
    other = send(wire, target="/g")[1]["BITS-Reply-URL"]
    name = url.rsplit("/", 1)[1]
    assert len(name) >= 26 and url != other
    assert wire.get(url[:-1]).status == 404 and wire.get(url + "/").status == 404
    assert wire.create(url).status == 403


def test_s25_a_reply_url_is_absolute_under_a_host_id(server, application):
    wire = begin(server, BY_VALUE, application(), "BITSHostId = node3.example.net\n")
    url = send(wire)[1]["BITS-Reply-URL"]
    assert url.startswith("http://node3.example.net/.bits/replies/")


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files to a group needs root")
def test_s24_files_for_an_application_of_another_group(server, application):
    modes = []

    def answer(call):
        for name in ("BITS-Request-DataFile-Name", "BITS-Response-DataFile-Name"):
            info = os.stat(call[name])
            modes.append((stat.S_IMODE(info.st_mode), info.st_gid))
        return 200, {}, b""

    wire = begin(server, BY_REFERENCE, application(answer), "ApplicationGroup = nogroup\n")
    assert send(wire)[1].status == 200
    gid = os.stat(server.sessions).st_gid
    assert modes == [(0o640, gid), (0o660, gid)] and gid != 0
    assert stat.S_IMODE(os.stat(server.sessions).st_mode) == 0o710


@pytest.mark.parametrize("kind", [BY_REFERENCE, BY_VALUE])
def test_the_example_that_is_shipped(server, kind):
    path = server.directory / "app.sock"
    program = [os.environ["SOURCE_ROOT"] + "/examples/reply_app.py", "--listen", f"unix:{path}",
               "--copy"]
    with subprocess.Popen(["/usr/bin/python3", *program], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as app:
        assert app.stdout.readline() == f"listening on unix:{path}\n"
        wire = begin(server, kind, f"http://unix:{path}:/")
        session, ack = send(wire, b"two\nlines\n")
        reply = json.loads(wire.get(ack["BITS-Reply-URL"]).body)
        assert reply == {"url": "http://localhost/f", "bytes": 10, "lines": 2,
                         "sha256": hashlib.sha256(b"two\nlines\n").hexdigest()}
        assert (server.root / "f").read_bytes() == b"two\nlines\n"
        assert wire.close_session("/f", session).status == 200
        app.terminate()
