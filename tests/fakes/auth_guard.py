# SPDX-License-Identifier: Apache-2.0
"""HTTP authentication as a server or a proxy does it, by RFC 7617 (Basic) and RFC 7616 (Digest):
challenges out, verdicts on what comes back. No sockets here; auth_server.py has them.

Rules are words (a dict of texts):
  auth       schemes offered, in this order: basic, digest, ntlm, negotiate, bearer; none: all may
             pass. Only the first two can ever be satisfied. An entry may name its algorithm:
             digest:SHA-256,digest:MD5
  realm      (here)        charset=0: Basic does not say charset="UTF-8"
  qop        auth (default), auth-int, both, none (RFC 2069 style)
  algorithm  of Digest without one of its own: MD5 (default), MD5-sess, SHA-256, SHA-256-sess
  stale      N: a nonce serves N requests, then is stale. always: every answer is stale, for ever
  silent     1: a stale nonce is refused without saying why
  nextnonce  1: Authentication-Info names the nonce for the next request
  nc         strict: a count that was seen is a replay (stale)
  refuse     1: right answers are refused too
  rotate     schemes, one for each request in turn; nothing is ever right
  merge      1: all challenges in one field    case  upper: scheme names in capitals
"""
import base64
import hashlib
import hmac
import re
import secrets
import threading
import urllib.parse

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
PARAM = re.compile(r'\s*([\w!#$%&\'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*(?:,|$)')


class Verdict:
    """ok; or why not: missing, malformed, unknown-user, wrong, stale, replayed, wrong-uri, scheme."""

    def __init__(self, word, scheme=None, user=None, **details):
        self.word, self.scheme, self.user, self.details = word, scheme, user, details
        self.ok = word == "ok"
        self.fields = []  # of the answer, when ok

    def as_record(self):
        return {"verdict": self.word, "scheme": self.scheme, "user": self.user, **self.details}


def parse_params(text):
    """name=value, name="quoted \\" value" …; None when it is anything else."""
    params, at = {}, 0
    while at < len(text):
        match = PARAM.match(text, at)
        if not match:
            return None
        name, quoted, plain = match.groups()
        if name.lower() in params:
            return None
        params[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        at = match.end()
    return params


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def same(a, b):
    return hmac.compare_digest(a.encode(), b.encode())


def split_basic(text):
    """(user, password, encoding) or None."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    for encoding in ("utf-8", "latin-1"):
        try:
            user, colon, password = raw.decode(encoding).partition(":")
            return (user, password, encoding) if colon else None
        except UnicodeDecodeError:
            continue
    return None


class Guard:
    def __init__(self, accounts, proxy=False):
        self.accounts, self.proxy = dict(accounts), proxy
        self.status = 407 if proxy else 401
        self.challenge_field = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        self.answer_field = "proxy-authorization" if proxy else "authorization"
        self.info_field = "Proxy-Authentication-Info" if proxy else "Authentication-Info"
        self.lock = threading.Lock()
        self.nonces = {}  # nonce: [requests it has served, counts seen]
        self.turn = 0

    # Challenges.

    def new_nonce(self):
        nonce = secrets.token_hex(16)
        self.nonces[nonce] = [0, set()]
        return nonce

    def offers(self, rules):
        if "rotate" in rules:
            schemes = rules["rotate"].split(",")
            self.turn += 1
            return [schemes[(self.turn - 1) % len(schemes)]]
        return [s for s in rules.get("auth", "basic").split(",") if s not in ("", "none")]

    def challenge(self, offer, rules, stale):
        scheme, _, algorithm = offer.partition(":")
        realm = quote(rules.get("realm", "here"))
        name = {"ntlm": "NTLM", "bearer": "Bearer"}.get(scheme, scheme.capitalize())
        name = name.upper() if rules.get("case") == "upper" else name
        if scheme in ("ntlm", "negotiate"):
            return name
        words = [f"realm={realm}"]
        if scheme == "basic" and rules.get("charset") != "0":
            words.append('charset="UTF-8"')
        if scheme == "digest":
            words += [f'nonce="{self.new_nonce()}"', 'opaque="0p4que, \\"really\\""',
                      f"algorithm={algorithm or rules.get('algorithm', 'MD5')}"]
            qop = {"both": "auth,auth-int"}.get(rules.get("qop", "auth"), rules.get("qop", "auth"))
            if qop != "none":
                words.append(f'qop="{qop}"')
            if stale and rules.get("silent") != "1":
                words.append("stale=true")
        return f"{name} " + ", ".join(words)

    def challenges(self, rules, verdict):
        """The fields of a refusal."""
        stale = verdict.word in ("stale", "replayed") or rules.get("stale") == "always"
        with self.lock:
            texts = [self.challenge(offer, rules, stale) for offer in self.offers(rules)]
        if rules.get("merge") == "1":
            texts = [", ".join(texts)]
        return [f"{self.challenge_field}: {text}" for text in texts]

    # Verdicts.

    def judge(self, method, target, headers, rules, body=b""):
        """`target` as it stands in the request line."""
        offered = {o.partition(":")[0] for o in rules.get("auth", "basic").split(",")}
        if "none" in offered and "rotate" not in rules:
            return Verdict("ok")
        text = headers.get(self.answer_field)
        if text is None:
            return Verdict("missing")
        scheme, _, rest = text.partition(" ")
        scheme = scheme.lower()
        if "rotate" in rules or scheme not in offered or scheme not in ("basic", "digest"):
            return Verdict("scheme", scheme)
        if scheme == "basic":
            verdict = self.judge_basic(rest.strip())
        else:
            with self.lock:
                verdict = self.judge_digest(method, target, rest, rules, body)
        if verdict.ok and rules.get("refuse") == "1":
            return Verdict("wrong", scheme, verdict.user)
        return verdict

    def judge_basic(self, text):
        parts = split_basic(text)
        if not parts:
            return Verdict("malformed", "basic")
        user, password, encoding = parts
        if user not in self.accounts:
            return Verdict("unknown-user", "basic", user)
        if not same(self.accounts[user], password):
            return Verdict("wrong", "basic", user)
        return Verdict("ok", "basic", user, encoding=encoding)

    def judge_digest(self, method, target, text, rules, body):
        try:
            text = text.encode("latin-1").decode()  # heads come as Latin-1; names may be UTF-8
        except UnicodeDecodeError:
            pass
        p = parse_params(text)
        if p is None or not {"username", "realm", "nonce", "uri", "response"} <= p.keys():
            return Verdict("malformed", "digest")
        user, nonce, qop = p["username"], p["nonce"], p.get("qop")
        algorithm = p.get("algorithm", "MD5")
        allowed = {"auth": {"auth"}, "auth-int": {"auth-int"}, "both": {"auth", "auth-int"},
                   "none": {None}}[rules.get("qop", "auth")]
        algorithms = {o.partition(":")[2] or rules.get("algorithm", "MD5")
                      for o in rules.get("auth", "").split(",") if o.startswith("digest")}
        details = {"algorithm": algorithm, "qop": qop, "nonce": nonce, "nc": p.get("nc")}
        if (p["realm"] != rules.get("realm", "here") or qop not in allowed
                or algorithm not in algorithms or p.get("opaque") != '0p4que, "really"'
                or (qop and not (re.fullmatch("[0-9a-f]{8}", p.get("nc", "")) and p.get("cnonce")))):
            return Verdict("malformed", "digest", user, **details)
        if not self.is_same_target(p["uri"], target):
            return Verdict("wrong-uri", "digest", user, **details)
        if user not in self.accounts:
            return Verdict("unknown-user", "digest", user, **details)
        if not same(p["response"].lower(), digest_response(p, self.accounts[user], method, body)):
            return Verdict("wrong", "digest", user, **details)
        return self.judge_nonce(p, user, rules, details)

    def is_same_target(self, uri, target):
        """curl names only the path to a proxy too, though the request line has the whole URL."""
        if not self.proxy or uri == target:
            return uri == target
        parts = urllib.parse.urlsplit(target)
        return bool(parts.scheme) and uri == parts._replace(scheme="", netloc="").geturl()

    def judge_nonce(self, p, user, rules, details):
        """Only once the answer is right otherwise, as RFC 7616 wants stale=true to mean."""
        known = self.nonces.get(p["nonce"])
        limit = rules.get("stale")
        if known is None or limit == "always" or (limit and known[0] >= int(limit)):
            return Verdict("stale", "digest", user, **details)
        if rules.get("nc") == "strict" and p.get("nc") in known[1]:
            return Verdict("replayed", "digest", user, **details)
        known[0] += 1
        known[1].add(p.get("nc"))
        verdict = Verdict("ok", "digest", user, **details)
        if rules.get("nextnonce") == "1":
            verdict.fields.append(f'{self.info_field}: nextnonce="{self.new_nonce()}"')
        return verdict

    def forget_nonces(self):
        """As after a restart of the server."""
        with self.lock:
            self.nonces.clear()


def digest_response(p, password, method, body=b""):
    """What the right answer to these parameters would be."""
    algorithm = p.get("algorithm", "MD5")
    hash_of = HASHES[algorithm.removesuffix("-sess")]

    def h(data):
        return hash_of(data if isinstance(data, bytes) else data.encode()).hexdigest()

    a1 = h(f"{p['username']}:{p['realm']}:{password}")
    if algorithm.endswith("-sess"):
        a1 = h(f"{a1}:{p['nonce']}:{p.get('cnonce', '')}")
    a2 = f"{method}:{p['uri']}"
    if p.get("qop") == "auth-int":
        a2 += ":" + h(body)
    if p.get("qop"):
        return h(f"{a1}:{p['nonce']}:{p['nc']}:{p['cnonce']}:{p['qop']}:{h(a2)}")
    return h(f"{a1}:{p['nonce']}:{h(a2)}")
