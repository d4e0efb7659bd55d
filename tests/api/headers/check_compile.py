#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each public header compiles alone, in each language and with each compiler that is installed;
ported sources compile unchanged; what must be refused is refused."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

INCLUDE = Path(sys.argv[1])
HEADERS = INCLUDE / "bits"
COMPAT = INCLUDE / "bits-compat"
SAMPLES = Path(__file__).parent / "samples"

STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wundef", "-Wshadow", "-Wwrite-strings"]
C_ONLY = ["-Wstrict-prototypes", "-Wmissing-prototypes"]
CXX_ONLY = ["-Wnon-virtual-dtor", "-Woverloaded-virtual", "-Wold-style-cast"]
COMPILERS = {
    "c": [c for c in ("gcc", "clang") if shutil.which(c)],
    "c++": [c for c in ("g++", "clang++") if shutil.which(c)],
}
STANDARDS = {"c": ["c89", "gnu89", "c17", "gnu17"], "c++": ["c++17", "gnu++17", "c++11"]}
VARIANTS = [[], ["-DCOBJMACROS"], ["-DINITGUID"], ["-DCINTERFACE", "-DCOBJMACROS"],
            ["-DBITS_NO_COM_NAMES"]]

failures = []
runs = 0


def compile_text(compiler, language, flags, text, name):
    """Returns what the compiler says about text, "" when it is content."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / name
        source.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [compiler, "-x", language, "-fsyntax-only", *flags, f"-I{HEADERS}", str(source)],
            capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def expect(what, complaint, wanted=None):
    """Notes a failure: a complaint where none is wanted, or not the wanted one."""
    global runs
    runs += 1
    if wanted is None and complaint:
        failures.append(f"{what}:\n{complaint}")
    elif wanted is not None and not re.search(wanted, complaint):
        failures.append(f"{what}: not refused with /{wanted}/, but:\n{complaint}")


def languages():
    for language, compilers in COMPILERS.items():
        extra = C_ONLY if language == "c" else CXX_ONLY
        for compiler in compilers:
            for standard in STANDARDS[language]:
                yield language, compiler, [f"-std={standard}", *STRICT, *extra]


def each_header_alone(pool):
    headers = [(h, []) for h in sorted(HEADERS.glob("*.h"))]
    headers += [(h, [f"-I{COMPAT}"]) for h in sorted(COMPAT.glob("*.h"))]
    jobs = []
    for header, include in headers:
        for language, compiler, flags in languages():
            for variant in VARIANTS if header.name.startswith("bits") else [[]]:
                # Twice, and with a use after it, so that guards and unused names count too.
                text = f'#include "{header.name}"\n#include "{header.name}"\nextern int used;\n'
                what = " ".join([compiler, *flags[:1], *variant, header.name])
                jobs.append((what, pool.submit(compile_text, compiler, language,
                                               flags + variant + include, text, "alone.c")))
    for what, job in jobs:
        expect(what, job.result())


def every_header_is_installed():
    meson = (HEADERS / "meson.build").read_text(encoding="utf-8")
    for header in [*HEADERS.glob("*.h"), *COMPAT.glob("*.h")]:
        listed = f"'../bits-compat/{header.name}'" if header.parent == COMPAT else f"'{header.name}'"
        expect(f"{header.name} is in include/bits/meson.build", "" if listed in meson else "no")


def short_wchar_is_refused():
    for language, compilers in COMPILERS.items():
        for compiler in compilers:
            complaint = compile_text(compiler, language, ["-fshort-wchar"],
                                     '#include "bits.h"\n', "short.c")
            expect(f"{compiler} -fshort-wchar", complaint, "-fshort-wchar")


OTHER_SHIM = """
#include <stdint.h>
typedef int32_t HRESULT; typedef uint32_t ULONG; typedef uint32_t DWORD; typedef wchar_t WCHAR;
#define GUID_DEFINED
typedef struct _GUID { uint32_t Data1; uint16_t Data2, Data3; uint8_t Data4[8]; } GUID;
#define __IID_DEFINED__
typedef GUID IID; typedef GUID CLSID;
#define REFIID const IID &
#define _REFIID_DEFINED
#define S_OK ((HRESULT) 0L)
#define S_FALSE ((HRESULT) 1L)
#define FAILED(hr) (((HRESULT) (hr)) < 0)
#define __IUnknown_INTERFACE_DEFINED__
struct IUnknown {
        virtual HRESULT QueryInterface(REFIID riid, void **object) = 0;
        virtual ULONG AddRef() = 0;
        virtual ULONG Release() = 0;
};
extern "C" HRESULT CoCreateInstance(int, double); /* a shim's own, with its own ideas */
static inline HRESULT other(void) { return CoCreateInstance(1, 2.0); }
#include "bits.h"
HRESULT use(IBackgroundCopyJob *job, IUnknown *unknown);
HRESULT use(IBackgroundCopyJob *job, IUnknown *unknown)
{
        return job == unknown ? other() : job->Resume();
}
"""


def other_shims_may_be_there():
    for compiler in COMPILERS["c++"]:
        text = "#include <wchar.h>\n" + OTHER_SHIM
        expect(f"{compiler} after another shim",
               compile_text(compiler, "c++", ["-std=c++17", "-Wall", "-Werror"], text, "shim.cc"))


def samples_compile_unchanged():
    for sample in sorted(SAMPLES.iterdir()):
        language = "c" if sample.suffix == ".c" else "c++"
        text = sample.read_text(encoding="utf-8")
        for compiler in COMPILERS[language]:
            standard = "gnu89" if language == "c" else "c++17"
            flags = [f"-std={standard}", "-Wall", "-Wextra", "-Werror", f"-I{COMPAT}"]
            expect(f"{compiler} {sample.name}",
                   compile_text(compiler, language, flags, text, sample.name))


def samples_are_windows_sources():
    """The same text must please a Windows compiler, or it would prove nothing."""
    for sample in sorted(SAMPLES.iterdir()):
        compiler = "x86_64-w64-mingw32-" + ("gcc" if sample.suffix == ".c" else "g++")
        if not shutil.which(compiler):
            print(f"not installed: {compiler}")
            continue
        done = subprocess.run([compiler, "-fsyntax-only", "-Wall", str(sample)],
                              capture_output=True, text=True, check=False)
        expect(f"{compiler} {sample.name}", done.stderr if done.returncode else "")


def main():
    if not COMPILERS["c"]:
        sys.exit(77)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        each_header_alone(pool)
    every_header_is_installed()
    short_wchar_is_refused()
    other_shims_may_be_there()
    samples_compile_unchanged()
    samples_are_windows_sources()
    for failure in failures:
        print("FAILED", failure)
    print(f"{runs} checks, {len(failures)} failed")
    sys.exit(1 if failures or not runs else 0)


main()
