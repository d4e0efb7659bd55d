# SPDX-License-Identifier: Apache-2.0
"""The D-Bus wire format and the calls of the private socket, written from the specification and from
nothing of ours, so that both ends are not wrong in the same way. Only the types that occur."""
import os
import socket
import struct
import time
import uuid

PATH = "/org/bitsd/Manager1"
INTERFACE = "org.bitsd.Manager1"
CALLBACK_INTERFACE = "org.bitsd.Callback1"
ERROR_PREFIX = "org.bitsd.Error.HRESULT_"
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY_EXPECTED = 1
FIELD_TYPES = {1: "o", 2: "s", 3: "s", 4: "s", 5: "u", 6: "s", 7: "s", 8: "g", 9: "u"}
TIMEOUT = 30


class CallError(Exception):
    """An error answer; .code is the HRESULT, or None when it is not one of ours."""

    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name, self.text = name, text
        self.code = int(name[len(ERROR_PREFIX):], 16) if name.startswith(ERROR_PREFIX) else None


class Closed(Exception):
    pass


def split_signature(signature):
    """"ayuba(uub)" → ["ay", "u", "b", "a(uub)"]."""
    kinds, i = [], 0
    while i < len(signature):
        n = 2 if signature[i] == "a" else 1
        if signature[i:i + 2] == "a(":
            n = signature.index(")", i) + 1 - i
        kinds.append(signature[i:i + n])
        i += n
    return kinds


def pad(data, align):
    return data + b"\0" * (-len(data) % align)


def marshal(signature, args, data=b""):
    for kind, value in zip(split_signature(signature), args, strict=True):
        if kind in "ub":
            data = pad(data, 4) + struct.pack("<I", int(value) & 0xffffffff)
        elif kind == "t":
            data = pad(data, 8) + struct.pack("<Q", value)
        elif kind in "so":
            raw = value if isinstance(value, bytes) else value.encode()
            data = pad(data, 4) + struct.pack("<I", len(raw)) + raw + b"\0"
        elif kind == "g":
            data += bytes([len(value)]) + value.encode() + b"\0"
        elif kind == "ay":
            data = pad(data, 4) + struct.pack("<I", len(value)) + bytes(value)
        else:
            raise ValueError(kind)
    return data


class Cursor:
    def __init__(self, data, pos=0):
        self.data, self.pos = data, pos

    def align(self, n):
        self.pos += -self.pos % n

    def u32(self):
        self.align(4)
        self.pos += 4
        return struct.unpack_from("<I", self.data, self.pos - 4)[0]

    def take(self, n):
        self.pos += n
        if self.pos > len(self.data):
            raise ValueError("short message")
        return self.data[self.pos - n:self.pos]

    def value(self, kind):
        if kind in "u":
            return self.u32()
        if kind == "b":
            return bool(self.u32())
        if kind == "t":
            self.align(8)
            return struct.unpack("<Q", self.take(8))[0]
        if kind in "so":
            text = self.take(self.u32()).decode()
            self.take(1)
            return text
        if kind == "g":
            text = self.take(self.take(1)[0]).decode()
            self.take(1)
            return text
        if kind == "ay":
            return self.take(self.u32())
        if kind.startswith("a("):
            return self.structs(kind[2:-1])
        raise ValueError(kind)


    def structs(self, kinds):
        length = self.u32()
        self.align(8)
        end, out = self.pos + length, []
        while self.pos < end:
            self.align(8)
            out.append(tuple(self.value(k) for k in kinds))
        return out


class Message:
    def __init__(self, kind, flags, serial, fields, body):
        self.kind, self.flags, self.serial, self.fields = kind, flags, serial, fields
        self.body = body
        cursor = Cursor(body)
        self.args = [cursor.value(k) for k in split_signature(fields.get(8, ""))]


def encode(kind, serial, fields, signature="", args=(), flags=0):
    body = marshal(signature, args)
    if signature:
        fields = {**fields, 8: signature}
    array = b""
    for code, value in sorted(fields.items()):
        t = FIELD_TYPES[code]
        array = pad(array, 8) + bytes([code]) + marshal("g", [t])
        array = marshal(t, [value], array)
    head = struct.pack("<cBBBIII", b"l", kind, flags, 1, len(body), serial, len(array))
    return pad(head + array, 8) + body


class Connection:
    """One connection. Signals and calls of the service are kept in .events."""

    def __init__(self, path, auth=True, timeout=TIMEOUT):
        self.sock = socket.socket(socket.AF_UNIX)
        self.timeout = timeout
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        self.buffer = b""
        self.serial = 0
        self.events = []
        self.replies = {}
        if auth:
            self.authenticate()

    def authenticate(self):
        uid = str(os.geteuid()).encode().hex().encode()
        self.sock.sendall(b"\0AUTH EXTERNAL " + uid + b"\r\n")
        line = self.read_line()
        assert line.startswith(b"OK "), line
        self.sock.sendall(b"BEGIN\r\n")

    def read_line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def fill(self):
        try:
            data = self.sock.recv(1 << 20)
        except ConnectionError as e:
            raise Closed from e
        if not data:
            raise Closed
        self.buffer += data

    def need(self, n):
        while len(self.buffer) < n:
            self.fill()

    def read_message(self):
        self.need(16)
        endian, kind, flags, _, body_len, serial, array_len = struct.unpack("<cBBBIII", self.buffer[:16])
        assert endian == b"l"
        body_at = (16 + array_len + 7) & ~7
        self.need(body_at + body_len)
        raw, self.buffer = self.buffer[:body_at + body_len], self.buffer[body_at + body_len:]
        cursor, fields = Cursor(raw[:16 + array_len], 16), {}
        while cursor.pos < 16 + array_len:
            cursor.align(8)
            code = cursor.take(1)[0]
            fields[code] = cursor.value(cursor.value("g"))
        return Message(kind, flags, serial, fields, raw[body_at:])

    def send(self, member, signature="", *args, path=PATH, interface=INTERFACE, flags=0):
        self.serial += 1
        self.sock.sendall(encode(CALL, self.serial, {1: path, 2: interface, 3: member}, signature,
                                 args, flags))
        return self.serial

    def wait_reply(self, serial):
        while serial not in self.replies:
            self.take(self.read_message())
        m = self.replies.pop(serial)
        if m.kind == ERROR:
            raise CallError(m.fields[4], m.args[0] if m.args else "")
        return m.args[0] if len(m.args) == 1 else m.args

    def take(self, m):
        if m.kind in (RETURN, ERROR):
            self.replies[m.fields[5]] = m
        else:
            self.events.append(m)

    def call(self, member, signature="", *args, **kwargs):
        return self.wait_reply(self.send(member, signature, *args, **kwargs))

    def next_event(self, timeout=TIMEOUT):
        """The next signal or call of the service; None when there is none in time."""
        deadline = time.monotonic() + timeout
        while not self.events:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.sock.settimeout(left)
            try:
                self.take(self.read_message())
            except TimeoutError:
                return None
            finally:
                self.sock.settimeout(self.timeout)
        return self.events.pop(0)

    def answer(self, m, signature="", *args):
        self.serial += 1
        self.sock.sendall(encode(RETURN, self.serial, {5: m.serial}, signature, args))

    def answer_error(self, m, name):
        self.serial += 1
        self.sock.sendall(encode(ERROR, self.serial, {5: m.serial, 4: name}, "s", ["no"]))

    def close(self):
        self.sock.close()

    # ---- the calls that most tests make ----

    def create(self, name="job", kind=0):
        return self.call("CreateJob", "su", name, kind)

    def add(self, job, *files):
        return self.call("AddFiles", "ayay", job, pack_files(files))

    def read(self, job):
        return Record(self.call("ReadJob", "ay", job)).job()

    def list(self, flags=0):
        data = self.call("ListJobs", "u", flags)
        return unpack_list(data, Record.job)

    def files(self, job):
        return unpack_list(self.call("ListFiles", "ay", job), Record.file)

    def status(self):
        return Record(self.call("Status")).status()

    def is_closed(self, timeout=TIMEOUT):
        """Reads on until the other side closes; False when it does not within the time."""
        self.sock.settimeout(timeout)
        try:
            while True:
                self.fill()
                self.buffer = b""
        except Closed:
            return True
        except TimeoutError:
            return False


# ---- records: u32 length, then fields in the order of bits_native.h ----

def pack_str(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<I", len(raw)) + raw


def pack_files(files):
    return struct.pack("<I", len(files)) + b"".join(pack_str(r) + pack_str(l) for r, l in files)


class Record:
    def __init__(self, data):
        self.length = struct.unpack_from("<I", data)[0]
        self.data, self.pos = data[4:4 + self.length], 0
        assert len(self.data) == self.length

    def get(self, fmt):
        value = struct.unpack_from("<" + fmt, self.data, self.pos)[0]
        self.pos += struct.calcsize("<" + fmt)
        return value

    def str(self):
        n = self.get("I")
        if n == 0xffffffff:
            return None
        self.pos += n
        return self.data[self.pos - n:self.pos].decode()

    def job(self):
        out = {"id": self.data[:16]}
        self.pos = 16
        for key in ("type", "state", "priority", "owner_uid"):
            out[key] = self.get("I")
        out["name"], out["description"] = self.str(), self.str()
        for key in ("bytes_total", "bytes_transferred"):
            out[key] = self.get("Q")
        for key in ("files_total", "files_transferred"):
            out[key] = self.get("I")
        for key in ("creation_time", "modification_time", "transfer_completion_time"):
            out[key] = self.get("Q")
        for key in ("notify_flags", "minimum_retry_delay", "no_progress_timeout", "error_count",
                    "proxy_usage"):
            out[key] = self.get("I")
        out["proxy_list"], out["proxy_bypass_list"] = self.str(), self.str()
        out["files_in_flight"] = self.get("I")
        out["auto_complete"], out["has_callback"] = bool(self.get("B")), bool(self.get("B"))
        out["rate_bps"], out["why"], out["retry_time"] = self.get("Q"), self.get("I"), self.get("Q")
        out["behind"] = self.str()
        out["error_code"], out["error_context"] = self.get("I"), self.get("I")
        out["error_file"], out["error_http_status"] = self.get("i"), self.get("i")
        out["error_text"], out["end_result"] = self.str(), self.get("I")
        out["reply_name"] = self.str()
        out["reply_bytes_total"], out["reply_bytes_transferred"] = self.get("Q"), self.get("Q")
        out["reply_optional"] = bool(self.get("B"))
        out["notify_program"], out["notify_parameters"] = self.str(), self.str()
        out["program_result"], out["program_time"] = self.get("i"), self.get("Q")
        out["program_runs"], out["has_credentials"] = self.get("I"), bool(self.get("B"))
        out["limit_bps"] = self.get("Q")
        return out

    def file(self):
        return {"index": self.get("I"), "remote": self.str(), "local": self.str(),
                "bytes_total": self.get("Q"), "bytes_transferred": self.get("Q"),
                "completed": bool(self.get("B"))}

    def status(self):
        out = {"version": self.str(), "pid": self.get("I"), "uptime_sec": self.get("Q")}
        for key in ("jobs", "jobs_active", "max_jobs_per_machine", "max_jobs_per_user",
                    "max_files_per_job"):
            out[key] = self.get("I")
        out["network_up"], out["rate_bps"] = bool(self.get("B")), self.get("Q")
        out["state_dir"], out["store_note"] = self.str(), self.str()
        out["metered"], out["on_battery"] = bool(self.get("B")), bool(self.get("B"))
        out["limit_bps"] = [self.get("Q") for _ in range(4)]
        out["limits_until"] = self.get("Q")
        return out


def unpack_list(data, kind):
    count, pos, out = struct.unpack_from("<I", data)[0], 4, []
    for _ in range(count):
        r = Record(data[pos:])
        out.append(kind(r))
        pos += 4 + r.length
    assert pos == len(data)
    return out


def new_id():
    return uuid.uuid4().bytes
