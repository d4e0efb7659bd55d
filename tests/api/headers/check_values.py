#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Numbers of our headers against the mingw-w64 headers where those are installed: codes,
enumerators, flags, identifiers and the order of methods. Only numbers and names are compared."""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

OURS = Path(sys.argv[1]) / "bits"
THEIRS = Path("/usr/share/mingw-w64/include")
BITS_HEADERS = ["bits.h", "bits1_5.h", "bitsmsg.h"]
# Where the numbers around the API come from: generic codes, COM and RPC constants.
OTHER_HEADERS = ["winerror.h", "winhttp.h", "rpcdce.h", "objbase.h", "objidlbase.h",
                 "wtypesbase.h", "minwindef.h", "winnt.h"]
WINHTTP_BASE = 12000


def read(folder, names):
    text = "\n".join((folder / n).read_text(encoding="utf-8", errors="replace") for n in names)
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def number(text):
    return int(text, 0) & 0xFFFFFFFF


def their_defines(text):
    """name → number for plain numeric macros: 5, 5L, 0x5, __MSABI_LONG(5), _HRESULT_TYPEDEF_(5)."""
    found = {}
    pattern = r"^\s*#\s*define\s+(\w+)\s+\(?(?:\w+\()?\(?(?:\w+\)\s*)?(0x[0-9a-fA-F]+|\d+)[uUlL]*\)*\s*$"
    for name, value in re.findall(pattern, text, re.M):
        found.setdefault(name, number(value))
    for name, value in re.findall(r"define\s+(\w+)\s+\(?WINHTTP_ERROR_BASE \+ (\d+)\)?", text):
        found[name] = WINHTTP_BASE + int(value)
    return found


def their_enumerators(text):
    found = {}
    for body in re.findall(r"enum\s+\w*\s*\{([^}]*)\}", text):
        following = 0
        for item in filter(None, (i.strip() for i in body.split(","))):
            name, _, value = (p.strip() for p in item.partition("="))
            if value and not re.fullmatch(r"0x[0-9a-fA-F]+|\d+", value):
                break  # an expression; what follows it is not known either
            if value:
                following = number(value)
            found[name] = following
            following += 1
    return found


def guids(text):
    found = {}
    for name, fields in re.findall(r"DEFINE_GUID\(\s*(\w+)\s*,([^)]*)\)", text):
        found[name] = [number(f.strip()) for f in fields.split(",")]
    return found


def methods(text):
    """interface → its table's methods in order."""
    found = {}
    for name, body in re.findall(r"struct (I\w+)Vtbl \{(.*?)\}", text, re.S):
        found[name] = re.findall(r"\(\s*(?:STDMETHODCALLTYPE\s*)?\*\s*(\w+)\s*\)", body)
    return found


def our_numbers(names):
    """What a program compiled against our headers says each name is."""
    lines = "".join(f'        printf("{n} %u\\n", (unsigned) ({n}));\n' for n in names)
    with tempfile.TemporaryDirectory() as scratch:
        source, program = Path(scratch) / "values.c", Path(scratch) / "values"
        source.write_text('#include <stdio.h>\n#include "bits.h"\nint main(void)\n{\n' + lines
                          + "        return 0;\n}\n", encoding="utf-8")
        subprocess.run(["cc", "-w", f"-I{OURS}", "-o", str(program), str(source)], check=True)
        output = subprocess.run([str(program)], capture_output=True, text=True,
                                check=True).stdout
    return {name: int(value) for name, value in (line.split() for line in output.splitlines())}


def compare(what, ours, theirs, at_least):
    common = sorted(set(ours) & set(theirs))
    wrong = [n for n in common if ours[n] != theirs[n]]
    for name in wrong:
        print(f"FAILED {what} {name}: {ours[name]} here, {theirs[name]} there")
    print(f"{what}: {len(common)} compared, {len(wrong)} differ")
    if len(common) < at_least:
        print(f"FAILED {what}: only {len(common)} in common, the comparison lost its sense")
        return False
    return not wrong


def main():
    if not all((THEIRS / n).exists() for n in [*BITS_HEADERS, *OTHER_HEADERS]):
        print("the mingw-w64 headers are not installed")
        sys.exit(77)
    our_text = read(OURS, [h.name for h in sorted(OURS.glob("*.h"))])
    their_text = read(THEIRS, BITS_HEADERS)
    their_bits = {**their_defines(their_text), **their_enumerators(their_text)}
    other_text = read(THEIRS, OTHER_HEADERS)
    wanted = {**their_defines(other_text), **their_enumerators(other_text), **their_bits}
    our_names = set(re.findall(r"^\s*#\s*define\s+(\w+) \S", our_text, re.M))
    our_names |= set(their_enumerators(our_text))
    ours = our_numbers(sorted(our_names & set(wanted)))

    missing = sorted(n for n in their_bits
                     if n.startswith(("BG_", "BITS_")) and n not in our_names)
    for name in missing:
        print(f"FAILED {name} is not in our headers")
    good = [
        compare("number", ours, wanted, 300),
        compare("identifier", guids(our_text), guids(their_text), 11),
        compare("table", methods(our_text), methods(their_text), 8),
        not missing,
    ]
    sys.exit(0 if all(good) else 1)


main()
