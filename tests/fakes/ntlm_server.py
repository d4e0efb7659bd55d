# SPDX-License-Identifier: Apache-2.0
"""A server or proxy that wants NTLM, as [MS-NLMP] has it: three messages, NTLMv2, and a connection
that is known from then on. Behind that it is an AuthServer that lets everybody pass.

rules: v2=0: no target information, as old servers;  close=1: the connection is closed in the middle;
also=SCHEME: offered beside it.  requests has (as "ntlm") the number of the message that came, and the
verdict; as "connection" which connection it was."""
import base64
import hashlib
import hmac
import itertools
import os
import struct
import threading

from auth_guard import Verdict
from auth_server import AuthServer
from bad_server import Hangup

SIGNATURE = b"NTLMSSP\0"


def md4(data):
    """RFC 1320; the libraries of today leave it out."""
    def turn(value, bits):
        value &= 0xFFFFFFFF
        return (value << bits | value >> (32 - bits)) & 0xFFFFFFFF

    rounds = [
        (lambda x, y, z: (x & y) | (~x & z), 0, range(16), (3, 7, 11, 19)),
        (lambda x, y, z: (x & y) | (x & z) | (y & z), 0x5A827999,
         [i + 4 * j for i in range(4) for j in range(4)], (3, 5, 9, 13)),
        (lambda x, y, z: x ^ y ^ z, 0x6ED9EBA1,
         [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15], (3, 9, 11, 15))]
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    padded = data + b"\x80" + b"\0" * ((55 - len(data)) % 64) + struct.pack("<Q", len(data) * 8)
    for at in range(0, len(padded), 64):
        words = struct.unpack("<16I", padded[at:at + 64])
        a, b, c, d = state
        for function, constant, order, shifts in rounds:
            for step, k in enumerate(order):
                a, b, c, d = d, turn(a + function(b, c, d) + words[k] + constant, shifts[step % 4]), b, c
        state = [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


assert md4(b"abc").hex() == "a448017aaf21d8525fc10ae87aa6729d"


def challenge_message(challenge, with_info):
    name = "BITS".encode("utf-16-le")
    info = struct.pack("<HH", 2, len(name)) + name + struct.pack("<HH", 1, len(name)) + name + bytes(4)
    info = info if with_info else b""
    flags = 0xA0898205 if with_info else 0x8205  # as Windows sets them
    head = SIGNATURE + struct.pack("<IHHII", 2, len(name), len(name), 48, flags) + challenge + bytes(8)
    return head + struct.pack("<HHI", len(info), len(info), 48 + len(name)) + name + info


def capitals(text):
    """Letter by letter, as Windows has them."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in text)


def field(message, at):
    length, _, offset = struct.unpack_from("<HHI", message, at)
    assert offset + length <= len(message)
    return message[offset:offset + length]


class NtlmServer(AuthServer):
    def __init__(self, accounts=None, **more):
        super().__init__(accounts, auth="none", **more)
        self.numbers = itertools.count()
        self.known = threading.local()  # of the request that passes, for its record
        self.guard.judge = lambda *_: Verdict("ok", "ntlm", **self.known.details)

    def check(self, message, challenge):
        """(user, verdict) of message 3."""
        domain, user = (field(message, at).decode("utf-16-le") for at in (28, 36))
        answer = field(message, 20)
        password = self.guard.accounts.get(user.lower())
        if password is None:
            return user, "unknown-user"
        nt_hash = md4(password.encode("utf-16-le"))
        key = hmac.new(nt_hash, (capitals(user) + domain).encode("utf-16-le"), hashlib.md5).digest()
        right = hmac.new(key, challenge + answer[16:], hashlib.md5).digest()
        return user, "ok" if hmac.compare_digest(right, answer[:16]) else "wrong"

    def judge(self, conn, token):
        """(verdict, message number, token of the answer)"""
        message = base64.b64decode(token)
        assert message.startswith(SIGNATURE)
        number = struct.unpack_from("<I", message, 8)[0]
        if number == 1:
            conn.challenge = os.urandom(8)
            return "half", 1, " " + base64.b64encode(
                challenge_message(conn.challenge, self.rules.get("v2") != "0")).decode()
        challenge, conn.challenge = conn.challenge, None
        conn.user, verdict = self.check(message, challenge)
        if verdict != "ok":
            conn.user = None
        return verdict, number, ""

    def request(self, conn, method, target, headers):
        if not hasattr(conn, "number"):
            conn.number, conn.user, conn.challenge = next(self.numbers), None, None
        text = headers.get(self.guard.answer_field, "")
        verdict, number, token = "missing", 0, ""
        if text.startswith("NTLM "):
            verdict, number, token = self.judge(conn, text[5:])
        elif conn.user:
            verdict = "ok"
        if verdict == "ok":
            self.known.details = {"user": conn.user, "ntlm": number, "connection": conn.number}
            return super().request(conn, method, target, headers)
        if method != "CONNECT":
            conn.read_body(headers)
        with self.lock:
            self.requests.append({"method": method, "target": target, "headers": headers, "ntlm": number,
                                  "verdict": verdict, "connection": conn.number})
        fields = [f"{self.guard.challenge_field}: NTLM{token}"]
        if "also" in self.rules and not token:
            fields.append(f"{self.guard.challenge_field}: {self.rules['also']} realm=\"here\"")
        closes = self.rules.get("close") == "1" and number == 1
        conn.answer(self.guard.status, b"no", fields + ["Connection: close"] * closes)
        if closes:
            raise Hangup
        return None
