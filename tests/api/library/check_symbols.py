#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What libbits.so exports is what libbits.sym lists, under its version, and what the public headers
declare; every function has its place in the manual page.  check_symbols.py LIBRARY SOURCE-ROOT"""
import pathlib
import re
import subprocess
import sys

VERSION_NODE = "LIBBITS_1.0"


def listed(root):
    text = re.sub(r"/\*.*?\*/", "", (root / "src/lib/libbits.sym").read_text(), flags=re.S)
    match = re.fullmatch(r"\s*(\w[\w.]*)\s*\{\s*global:\s*(.*?)\s*local:\s*\*;\s*\};\s*", text, re.S)
    assert match and match.group(1) == VERSION_NODE, "libbits.sym has another form than expected"
    names = [name.strip() for name in match.group(2).split(";") if name.strip()]
    assert len(names) == len(set(names)), "a name is listed twice"
    return set(names)


def exported(library):
    out = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True,
                         check=True).stdout
    names, problems = set(), []
    for line in out.splitlines():
        kind, symbol = line.split()[1:3]
        if kind == "A":  # the version node itself
            continue
        name, _, version = symbol.partition("@@")
        if version != VERSION_NODE:
            problems.append(f"{symbol}: not under {VERSION_NODE}")
        names.add(name)
    return names, problems


def declared(root):
    headers = "".join((root / "include/bits" / name).read_text() for name in
                      ("bits_native.h", "bits_com.h", "bits.h", "bits1_5.h", "wintypes.h"))
    headers = re.sub(r"/\*.*?\*/", "", headers, flags=re.S)
    functions = set(re.findall(r"^(?:EXTERN_C BITS_API )?[\w* ]+?\b(bits_\w+)\([^;{}]*\);", headers,
                               re.S | re.M))
    guids = set(re.findall(r"^DEFINE_GUID\((\w+),", headers, re.M))
    guids = {"bits_" + g if g == "IID_IUnknown" else g for g in guids}
    return functions, guids


def main():
    library, root = sys.argv[1], pathlib.Path(sys.argv[2])
    problems = []
    symbols, more = exported(library)
    problems += more
    wanted = listed(root)
    functions, guids = declared(root)
    problems += [f"{n}: exported, not listed" for n in sorted(symbols - wanted)]
    problems += [f"{n}: listed, not exported" for n in sorted(wanted - symbols)]
    problems += [f"{n}: declared, not listed" for n in sorted((functions | guids) - wanted)]
    problems += [f"{n}: listed, not declared" for n in sorted(wanted - functions - guids)]
    manual = (root / "docs/man/libbits.3").read_text().replace("\\-", "-")
    problems += [f"{n}: not in docs/man/libbits.3" for n in sorted(functions) if n not in manual]
    print("\n".join(problems) or f"symbols: {len(wanted)} names, all in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
