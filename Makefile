# SPDX-License-Identifier: Apache-2.0
# The door to the Meson build. On a fresh Debian 12 with git, make and root or sudo:
#
#   make demo     install what is missing, build, and show the whole story
#   make check    install what is missing, build (also with sanitizers), and run every test
#
# Also: make (build), deps, bench, install [PREFIX=/usr/local] [DESTDIR=], format, clean. The long proofs: fuzz [SECONDS=60]
# [TARGET=NAME], fault, crash [KILLS=1000] [SEED=N], soak [SEEDS=1000] [FIRST=1], coverage.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
# What users get: optimised, and not refused for a warning of a newer compiler.
RELEASE = --buildtype=release -Doptimization=2 -Dwerror=false

.PHONY: all deps build demo check bench fuzz fault crash soak coverage install format clean
all: build

deps:
	@tools/install-deps build test bench

build:
	@tools/install-deps build
	@[ -f $(BUILD)/build.ninja ] || { echo "building: a minute or two, the first time"; \
		meson setup $(BUILD) >/dev/null; }
	@ninja -C $(BUILD) --quiet

demo:
	@tools/install-deps build test
	@$(MAKE) --no-print-directory build
	@tools/demo $(BUILD)

check:
	@tools/install-deps build test bench
	@tools/check

bench:
	@tools/install-deps build test bench
	@[ -f build-release/build.ninja ] || meson setup build-release $(RELEASE) >/dev/null
	@ninja -C build-release --quiet
	@bench/run build-release

# With clang: libFuzzer is part of it.
SECONDS ?= 60
fuzz:
	@tools/install-deps build test fuzz
	@[ -f build-fuzz/build.ninja ] || CC=clang CXX=clang++ meson setup build-fuzz -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false >/dev/null
	@ninja -C build-fuzz --quiet fuzz-targets
	@tools/fuzz --seconds $(SECONDS) build-fuzz $(TARGET)

# The simulations through many seeds, on all cores.
SEEDS ?= 1000
FIRST ?= 1
soak:
	@tools/install-deps build test
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) >/dev/null
	@ninja -C $(BUILD) --quiet tests/sim/engine-sim tests/sim/upload-sim tests/unit/proto/test-proto-bup-simulation
	@tools/soak --seeds $(SEEDS) --first $(FIRST) $(BUILD)

# Lines and branches of engine, proto and store; what nothing reached is in build-cov/coverage.txt.
coverage:
	@tools/install-deps build test
	@tools/coverage build-cov

# Every call of the real programs that may fail does, once; power cuts.
fault:
	@tools/install-deps build test
	@$(MAKE) --no-print-directory build
	@tools/fault $(BUILD)

# Programs killed at random moments.
KILLS ?= 1000
crash:
	@tools/install-deps build test
	@$(MAKE) --no-print-directory build
	@tools/crash --kills $(KILLS) $(if $(SEED),--seed $(SEED)) $(BUILD)

install:
	@tools/install-deps build
	@meson setup build-install $(RELEASE) --prefix=$(PREFIX) \
		$$([ ! -f build-install/build.ninja ] || echo --reconfigure) >/dev/null
	@ninja -C build-install --quiet
	@DESTDIR=$(DESTDIR) meson install -C build-install --no-rebuild --quiet
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || /sbin/ldconfig

format:
	@tools/check-format --fix

clean:
	rm -rf build build-asan build-release build-install build-fuzz build-cov
