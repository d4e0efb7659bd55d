#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes one CODE(symbol) line for each result code that bitsmsg.h defines."""
import re
import sys

with open(sys.argv[1], encoding="utf-8") as header:
    symbols = re.findall(r"^#define (B\w+) \(\(HRESULT\)", header.read(), re.M)
if len(symbols) < 150:
    sys.exit(f"only {len(symbols)} codes found in {sys.argv[1]}")
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.writelines(f"CODE({symbol})\n" for symbol in symbols)
