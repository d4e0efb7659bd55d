# SPDX-License-Identifier: Apache-2.0
"""Each documented refusal of a value, with its exact code, from the service itself: a client that does
not check first gets the same answer as one that does, and nothing has changed."""
import os

import pytest

from dbus_wire import CallError, new_id, pack_files

E_INVALIDARG, E_NOTIMPL, E_ACCESSDENIED = 0x80070057, 0x80004001, 0x80070005
PATH_NOT_FOUND = 0x80070003
BG_E_NOT_FOUND, BG_E_INVALID_STATE, BG_E_EMPTY = 0x80200001, 0x80200002, 0x80200003
STRING_TOO_LONG, PROXY_LIST_TOO_LARGE, PROXY_BYPASS_TOO_LARGE = 0x80200021, 0x80200018, 0x80200019
PRECONFIG, NO_PROXY, OVERRIDE, AUTODETECT = range(4)
WIDE = "\U0001F600"  # two UTF-16 units, four bytes


def code_of(client, *args):
    with pytest.raises(CallError) as e:
        client.call(*args)
    return e.value.code


REFUSED_VALUES = [
    ("SetName", "ays", ["n" * 257], STRING_TOO_LONG),
    ("SetName", "ays", [WIDE * 128 + "n"], STRING_TOO_LONG),
    ("SetDescription", "ays", ["d" * 1025], STRING_TOO_LONG),
    ("SetDescription", "ays", [WIDE * 512 + "d"], STRING_TOO_LONG),
    ("SetPriority", "ayu", [4], E_NOTIMPL),
    ("SetPriority", "ayu", [0xFFFFFFFF], E_NOTIMPL),
    ("SetNotifyFlags", "ayu", [0x10], E_NOTIMPL),
    ("SetNotifyFlags", "ayu", [0x40], E_NOTIMPL),
    ("SetNotifyFlags", "ayu", [0x80000001], E_NOTIMPL),
    ("SetProxy", "ayubsbs", [9, False, "", False, ""], E_NOTIMPL),
    ("SetProxy", "ayubsbs", [AUTODETECT, False, "", False, ""], E_NOTIMPL),
    ("SetProxy", "ayubsbs", [OVERRIDE, False, "", False, ""], E_INVALIDARG),
    ("SetProxy", "ayubsbs", [OVERRIDE, False, "", True, "host"], E_INVALIDARG),
    ("SetProxy", "ayubsbs", [NO_PROXY, True, "p", False, ""], E_INVALIDARG),
    ("SetProxy", "ayubsbs", [NO_PROXY, False, "", True, "host"], E_INVALIDARG),
    ("SetProxy", "ayubsbs", [PRECONFIG, True, "p", False, ""], E_INVALIDARG),
    ("SetProxy", "ayubsbs", [OVERRIDE, True, "p" * 32001, False, ""], PROXY_LIST_TOO_LARGE),
    ("SetProxy", "ayubsbs", [OVERRIDE, True, "p", True, "b" * 32001], PROXY_BYPASS_TOO_LARGE),
]


def shown(client, job):
    """All that a refused call must leave alone."""
    return {k: v for k, v in client.read(job).items() if not isinstance(v, float)}


@pytest.mark.parametrize("method, signature, values, code", REFUSED_VALUES,
                         ids=[f"{m}-{i}" for i, (m, *_) in enumerate(REFUSED_VALUES)])
def test_a_value_that_is_refused_changes_nothing(client, method, signature, values, code):
    job = client.create()
    client.call("SetProxy", "ayubsbs", job, OVERRIDE, True, "http://p:3128", True, "localhost")
    before = shown(client, job)
    assert code_of(client, method, signature, job, *values) == code
    assert shown(client, job) == before


def test_the_longest_values_are_taken(client):
    job = client.create()
    client.call("SetName", "ays", job, WIDE * 128)
    client.call("SetDescription", "ays", job, WIDE * 512)
    client.call("SetProxy", "ayubsbs", job, OVERRIDE, True, "p" * 32000, True, "b" * 32000)
    client.call("SetNotifyFlags", "ayu", job, 0x0F)
    client.call("SetPriority", "ayu", job, 3)
    info = client.read(job)
    assert info["name"] == WIDE * 128 and info["description"] == WIDE * 512
    assert info["proxy_list"] == "p" * 32000 and info["proxy_bypass_list"] == "b" * 32000


def test_delays_below_five_seconds_are_five(client):
    """Of the no-progress time-out nothing is raised: 0 means no time at all."""
    job = client.create()
    for given, kept in ((0, 5), (1, 5), (5, 5), (6, 6), (0xFFFFFFFF, 0xFFFFFFFF)):
        client.call("SetRetryDelay", "ayu", job, given)
        client.call("SetNoProgressTimeout", "ayu", job, given)
        info = client.read(job)
        assert (info["minimum_retry_delay"], info["no_progress_timeout"]) == (kept, given)


@pytest.mark.parametrize("name, kind, code", [("n" * 257, 0, E_INVALIDARG), ("job", 3, E_NOTIMPL),
                                              ("job", 0xFFFFFFFF, E_NOTIMPL)])
def test_create_job(client, name, kind, code):
    assert code_of(client, "CreateJob", "su", name, kind) == code
    assert client.list() == []


LONG_SEGMENT = "http://h/" + "s" * 261
REFUSED_FILES = [
    ("http://h/f", "relative", E_INVALIDARG), ("http://h/f", "", E_INVALIDARG), ("http://h/f", "/", E_INVALIDARG),
    ("http://h/f", "{}/a*", E_INVALIDARG), ("http://h/f", "{}/a?", E_INVALIDARG),
    ("http://h/f", "{}/..", E_INVALIDARG), ("http://h/f", "{}/" + "n" * 256, E_INVALIDARG),
    ("http://h/f", "/" + "d/" * 2047 + "f", E_INVALIDARG),
    ("http://h/f", "{}/a\nb", E_INVALIDARG), ("http://h/a\nb", "{}/f", E_INVALIDARG),
    ("ftp://h/f", "{}/f", E_INVALIDARG), ("sftp://h/f", "{}/f", E_INVALIDARG), ("smb://h/f", "{}/f", E_INVALIDARG),
    ("\\\\server\\share\\f", "{}/f", E_INVALIDARG), ("", "{}/f", E_INVALIDARG), ("http://", "{}/f", E_INVALIDARG),
    ("http://h/" + "u/" * 1096, "{}/f", E_INVALIDARG), (LONG_SEGMENT, "{}/f", E_INVALIDARG),
    ("http://h/f", "{}/nowhere/f", PATH_NOT_FOUND), ("http://h/f", "/etc/passwd/f", PATH_NOT_FOUND),
]


@pytest.mark.parametrize("remote, local, code", REFUSED_FILES, ids=range(len(REFUSED_FILES)))
def test_a_bad_file_spoils_its_whole_set(client, tmp_path, remote, local, code):
    job = client.create()
    files = pack_files([("http://h/good", f"{tmp_path}/good"), (remote, local.replace("{}", str(tmp_path)))])
    assert code_of(client, "AddFiles", "ayay", job, files) == code
    assert client.files(job) == [] and client.read(job)["files_total"] == 0


def test_one_local_name_is_for_one_file(client, tmp_path):
    job = client.create()
    client.add(job, ("http://h/a", f"{tmp_path}/f"))
    files = pack_files([("http://h/b", f"{tmp_path}/./f")])
    with pytest.raises(CallError):
        client.call("AddFiles", "ayay", job, files)
    assert len(client.files(job)) == 1


@pytest.mark.parametrize("end", ["Cancel", "Complete"])
def test_an_ended_job_takes_nothing_more(client, end, tmp_path):
    job = client.create()
    client.call(end, "ay", job)
    final = client.read(job)
    for method, signature, *values in [
            ("AddFiles", "ayay", pack_files([("http://h/f", f"{tmp_path}/f")])), ("Suspend", "ay"), ("Resume", "ay"),
            ("Cancel", "ay"), ("Complete", "ay"), ("SetName", "ays", "n"), ("SetDescription", "ays", "d"),
            ("SetPriority", "ayu", 0), ("SetNotifyFlags", "ayu", 1), ("SetRetryDelay", "ayu", 60),
            ("SetNoProgressTimeout", "ayu", 60), ("SetProxy", "ayubsbs", PRECONFIG, False, "", False, ""),
            *([("TakeOwnership", "ay")] if os.geteuid() == 0 else []), ("SetAutoComplete", "ayb", True), ("SetFilesInFlight", "ayu", 1)]:
        assert code_of(client, method, signature, job, *values) == BG_E_INVALID_STATE, method
    assert client.read(job) == final  # and it can still be read
    assert code_of(client, "OpenJob", "ay", job) == BG_E_NOT_FOUND
    assert client.list() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root is an administrator")
def test_taking_a_job_and_seeing_those_of_all_is_for_administrators(client):
    job = client.create()
    assert code_of(client, "TakeOwnership", "ay", job) == E_ACCESSDENIED
    assert code_of(client, "ListJobs", "u", 1) == E_ACCESSDENIED


def test_a_job_that_never_was(client):
    assert code_of(client, "OpenJob", "ay", new_id()) == BG_E_NOT_FOUND
    assert code_of(client, "ReadJob", "ay", new_id()) == BG_E_NOT_FOUND


def test_an_empty_job_cannot_run(client):
    job = client.create()
    assert code_of(client, "Resume", "ay", job) == BG_E_EMPTY
    assert client.read(job)["state"] == 3


@pytest.mark.parametrize("method, signature, values, words", [
    ("SetName", "ays", ["n" * 257], "a name has 256 characters at most"),
    ("SetDescription", "ays", ["d" * 1025], "a description has 1024 characters at most"),
    ("SetNotifyCmdLine", "aybsbs", [True, "/" + "p" * 260, False, ""], "a program has 260 characters at most"),
    ("SetCredentials", "ayuubsbs", [1, 1, True, "u", False, ""], "give both or neither"),
])
def test_a_refusal_says_what_of_which_job_and_what_helps(client, method, signature, values, words):
    job = client.create()
    with pytest.raises(CallError) as e:
        client.call(method, signature, job, *values)
    assert words in e.value.text
    assert job.hex()[:8] in e.value.text


def test_a_name_that_is_too_long_for_a_new_job_is_said_to_be(client):
    with pytest.raises(CallError) as e:
        client.call("CreateJob", "su", "n" * 257, 0)
    assert e.value.code == E_INVALIDARG and "at most 256 characters" in e.value.text
