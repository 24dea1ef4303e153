# SPDX-License-Identifier: LGPL-2.1-or-later
#
#	make			both libraries, in build/
#	make run		the command: dcache resolve; DIR= and ARGS= are passed on to it
#	make test		everything below that tests, and the Swift side
#	make check		the C tests alone: checked and release build, symbols, installed tree
#	make asan, make tsan	the C tests under sanitizers; asan-swift, tsan-swift: the Swift tests
#	make model		the C core under the controlled scheduler (Tests/ModelTests)
#	make warnings		-O0 and -O3 -flto, gcc and clang, no warning allowed
#	make mutants		takes guards out of the core, one at a time: does a test notice?
#	make promela		the protocol as a Promela model, checked by spin
#	make benchmarks		the C benchmark programs, in build/benchmarks
#	make format		lay the sources out; format-check: only say whether they are
#	make install, uninstall	DESTDIR= PREFIX=/usr/local LIBDIR= INCLUDEDIR=
#	make deps		what must be installed first; run, test and all checks do it themselves
#	make clean
#
# V=1 shows the commands. WERROR=1 makes warnings errors; everything that tests does so.

VERSION := 0.1.0
SONAME := libdcache.so.$(firstword $(subst ., ,$(VERSION)))

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include

BUILD := build
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
OBJCOPY ?= objcopy
SWIFT ?= swift
CLANG_FORMAT ?= clang-format-14
JOBS ?= $(shell nproc)

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
# initial-exec: a read section reaches liburcu's thread-local state without a call.
OPTIONS := -std=gnu11 -fPIC -fvisibility=hidden -fno-semantic-interposition \
	-ftls-model=initial-exec -pthread $(WARNINGS) -Iinclude -ISources/CDcache
LIBS := -lurcu-bp -lurcu-common -lutf8proc

HEADERS := $(wildcard include/*.h include/dcache/*.h)
CORE := $(wildcard Sources/CDcache/*.c Sources/CDcache/*/*.c)
TESTS := Tests/CDcacheTests/harness.c Tests/CDcacheTests/main.c \
	$(wildcard Tests/CDcacheTests/test_*.c)

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(2)';
endif

# A recipe's $(MAKE) in as many jobs as there are processors, unless the user said how many.
PARALLEL = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: all run test check asan tsan model mutants promela asan-swift tsan-swift warnings format format-check \
	check-symbols check-headers check-install check-casefold check-swift check-swift-consumer \
	check-command benchmarks install uninstall deps clean FORCE

all: $(BUILD)/libdcache.so $(BUILD)/libdcache.a

# ---- what must be there ----

# These goals install what is missing; all others only say so.
INSTALLING := deps run test check asan tsan model warnings asan-swift tsan-swift check-swift \
	check-swift-consumer check-command format format-check
deps:
	@scripts/install-deps $(if $(filter $(INSTALLING),$(MAKECMDGOALS)),,--check) \
		$(if $(filter format%,$(MAKECMDGOALS)),--format)

# ---- one rule set for each way to compile ----

# $(call configuration,NAME,COMPILER,OPTIONS): the core's objects, the test program and
# casefold_filter in build/NAME.
define configuration
$(1)_CORE := $$(CORE:Sources/CDcache/%.c=$(BUILD)/$(1)/core/%.o)
$(1)_TESTS := $$(TESTS:Tests/CDcacheTests/%.c=$(BUILD)/$(1)/tests/%.o)
$(1)_COMMAND := $(2) $(OPTIONS) $(3)

$(BUILD)/$(1)/core/%.o: Sources/CDcache/%.c $(BUILD)/$(1)/command Makefile | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$($(1)_COMMAND) -Wpedantic $$(if $$(WERROR),-Werror) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/tests/%.o: Tests/CDcacheTests/%.c $(BUILD)/$(1)/command Makefile | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$($(1)_COMMAND) $$(if $$(WERROR),-Werror) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/cdcache-tests: $$($(1)_CORE) $$($(1)_TESTS)
	$$(call say,LINK,$$@)
	$$(Q)$$($(1)_COMMAND) $$(if $$(WERROR),-Werror) $$(LDFLAGS) -o $$@ $$^ $(LIBS)

$(BUILD)/$(1)/casefold_filter: $$($(1)_CORE) $(BUILD)/$(1)/tests/casefold_filter.o
	$$(call say,LINK,$$@)
	$$(Q)$$($(1)_COMMAND) $$(if $$(WERROR),-Werror) $$(LDFLAGS) -o $$@ $$^ $(LIBS)

# Changes when the command does, so that what was compiled by another one is compiled again.
$(BUILD)/$(1)/command: FORCE
	@mkdir -p $$(@D)
	@echo '$$($(1)_COMMAND)' | cmp -s - $$@ || echo '$$($(1)_COMMAND)' >$$@

-include $$($(1)_CORE:.o=.d) $$($(1)_TESTS:.o=.d) $(BUILD)/$(1)/tests/casefold_filter.d
endef

FORCE:

$(eval $(call configuration,release,$(CC),$(CFLAGS)))
$(eval $(call configuration,checked,$(CC),-O1 -g -DDCACHE_DEBUG))

# ---- the libraries ----

$(BUILD)/$(SONAME): $(release_CORE)
	$(call say,LINK,$@)
	$(Q)$(release_COMMAND) -shared -Wl,-soname,$(SONAME) -Wl,-z,defs -Wl,--as-needed \
		-Wl,-Bsymbolic-functions $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libdcache.so: $(BUILD)/$(SONAME)
	$(Q)ln -sf $(SONAME) $@

# One object, so that what is hidden can be made local: a static link exports no more than the
# shared library does.
$(BUILD)/libdcache.a: $(release_CORE)
	$(call say,AR,$@)
	$(Q)$(LD) -r -o $(BUILD)/release/dcache.o $^
	$(Q)$(OBJCOPY) --localize-hidden $(BUILD)/release/dcache.o
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(BUILD)/release/dcache.o

install: all
	install -d '$(DESTDIR)$(INCLUDEDIR)/dcache' '$(DESTDIR)$(LIBDIR)/pkgconfig'
	install -m 644 include/dcache.h '$(DESTDIR)$(INCLUDEDIR)'
	install -m 644 include/dcache/*.h '$(DESTDIR)$(INCLUDEDIR)/dcache'
	install -m 644 $(BUILD)/libdcache.a '$(DESTDIR)$(LIBDIR)'
	install -m 755 $(BUILD)/$(SONAME) '$(DESTDIR)$(LIBDIR)/libdcache.so.$(VERSION)'
	ln -sf libdcache.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/libdcache.so'
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR:$(PREFIX)/%=$${prefix}/%)|' \
		dcache.pc.in >'$(DESTDIR)$(LIBDIR)/pkgconfig/dcache.pc'
	$(if $(DESTDIR),,@if [ "$$(id -u)" = 0 ]; then ldconfig; fi)

uninstall:
	rm -f '$(DESTDIR)$(INCLUDEDIR)/dcache.h' $(HEADERS:include/%='$(DESTDIR)$(INCLUDEDIR)/%')
	rm -f '$(DESTDIR)$(LIBDIR)/libdcache.a' '$(DESTDIR)$(LIBDIR)/libdcache.so' \
		'$(DESTDIR)$(LIBDIR)/$(SONAME)' \
		'$(DESTDIR)$(LIBDIR)/libdcache.so.$(VERSION)' \
		'$(DESTDIR)$(LIBDIR)/pkgconfig/dcache.pc'
	-rmdir '$(DESTDIR)$(INCLUDEDIR)/dcache'

benchmarks: $(patsubst Benchmarks/%.c,$(BUILD)/benchmarks/%,$(wildcard Benchmarks/*.c))

$(BUILD)/benchmarks/%: Benchmarks/%.c $(BUILD)/libdcache.a $(wildcard Benchmarks/*.h)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(release_COMMAND) $(if $(WERROR),-Werror) $(LDFLAGS) -o $@ $< $(BUILD)/libdcache.a $(LIBS)

# ---- tests ----

check asan tsan warnings benchmarks: WERROR := 1

check: $(BUILD)/checked/cdcache-tests $(BUILD)/release/cdcache-tests check-casefold \
		check-symbols check-headers check-install
	@echo "--- C tests, release build"
	$(Q)$(BUILD)/release/cdcache-tests
	@echo "--- C tests, checked build"
	$(Q)$(BUILD)/checked/cdcache-tests

check-casefold: $(BUILD)/checked/casefold_filter
	$(Q)python3 Tests/CDcacheTests/casefold_tables_check.py $<

check-symbols: all
	$(Q)CC='$(CC)' scripts/check-symbols $(BUILD)/libdcache.so $(BUILD)/libdcache.a

# Each public header alone, in strict C and in C++.
check-headers: | deps
	$(Q)for header in $(HEADERS:include/%=%); do \
		echo "#include <$$header>" | \
		$(CC) -std=c11 $(WARNINGS) -Wpedantic -Werror -Iinclude -fsyntax-only -x c - && \
		echo "#include <$$header>" | \
		$(CXX) -std=c++11 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c++ - || \
		exit 1; \
	done

check-install: all
	$(Q)CC='$(CC)' MAKE='$(MAKE) --no-print-directory' scripts/check-install $(BUILD)/stage

# Every report ends the program that it is about. Each test runs in a process of its own, so all of
# them are run, and any of the reports is a failure.
, := ,
$(eval $(call configuration,asan,$(CC),-O1 -g -fno-omit-frame-pointer -DDCACHE_DEBUG \
	-fsanitize=address$(,)undefined -fno-sanitize-recover=undefined -DDCACHE_RCU_OUT_OF_LINE))
$(eval $(call configuration,tsan,$(CC),-O1 -g -fno-omit-frame-pointer -DDCACHE_DEBUG \
	-fsanitize=thread))
ASAN := ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=1:strict_string_checks=1 \
	UBSAN_OPTIONS=print_stacktrace=1
TSAN := TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
# The thread sanitizer of older compilers does not start where addresses are very random.
NO_RANDOM_ADDRESSES := $$(setarch -R true 2>/dev/null && echo setarch -R)

asan: $(BUILD)/asan/cdcache-tests
	@echo "--- C tests, address and undefined-behaviour sanitizer"
	$(Q)$(ASAN) $<

tsan: $(BUILD)/tsan/cdcache-tests
	@echo "--- C tests, thread sanitizer"
	$(Q)$(TSAN) $(NO_RANDOM_ADDRESSES) $<

# The controlled scheduler: the core's own sources, instrumented for the thread sanitizer, on a
# runtime of ours.
MODEL_CORE := $(filter-out Sources/CDcache/casefold.c Sources/CDcache/sync/reclaim.c \
	Sources/CDcache/sync/hooks.c,$(CORE)) Tests/ModelTests/world.c \
	$(wildcard Tests/ModelTests/scenarios_*.c)
MODEL_RUNTIME := $(addprefix Tests/ModelTests/,runtime.c memory.c floor.c explore.c \
	trace.c tsan.c main.c)
MODEL_OPTIONS := -std=gnu11 -g $(WARNINGS) -Werror -DDCACHE_MODEL -DDCACHE_DEBUG -Iinclude -ISources/CDcache -ITests/ModelTests
MODEL_OBJECTS := $(MODEL_CORE:%.c=$(BUILD)/model/%.o) $(MODEL_RUNTIME:%.c=$(BUILD)/model/%.o)

$(MODEL_CORE:%.c=$(BUILD)/model/%.o): MODEL_OPTIONS += -O1 -fsanitize=thread
$(MODEL_RUNTIME:%.c=$(BUILD)/model/%.o): MODEL_OPTIONS += -O2 -flto=auto

$(BUILD)/model/%.o: %.c Makefile $(HEADERS) $(wildcard Sources/CDcache/*.h Sources/CDcache/*/*.h \
		Tests/ModelTests/*.h) | deps
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MODEL_OPTIONS) -c -o $@ $<

$(BUILD)/model/model-tests: $(MODEL_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) -O2 -flto=auto -o $@ $^ -ldl

# Every interleaving with at most two preemptions; every one with at most one, and one older value, or
# one spurious wakeup and one late callback; some without a bound. Then a million random ones with all
# of that, from a fresh seed. Last, each allocation failing in turn.
MODEL := $(BUILD)/model/model-tests -j $(JOBS)
model: $(BUILD)/model/model-tests
	@echo "--- controlled scheduler"
	$(Q)$(MODEL) -b 2
	$(Q)$(MODEL) -b 1 -s 1
	$(Q)$(MODEL) -b 1 -w 1 -g 1
	$(Q)$(MODEL) -b -1 -u 1
	$(Q)$(MODEL) -r 13000 -s 3 -w 1 -g 2
	$(Q)$(MODEL) -p 7000 -s 3 -w 1 -g 2 -d 3
	$(Q)$(MODEL) -p 7000 -s 3 -w 1 -g 2 -d 5
	$(Q)$(MODEL) -F -b 1 oom
	$(Q)$(MODEL) -F -r 1000 -s 2 oom

# Other levels of optimisation see other warnings; a linker that sees all files at once, others yet.
# clang's needs the linker that goes with clang.
CLANG := $(shell command -v clang)
CLANG_LTO := $(if $(CLANG),$(shell command -v "$$(clang -print-prog-name=ld.lld)" >/dev/null && \
	echo -flto))
$(eval $(call configuration,warnings/gcc-checked,gcc,-O0 -DDCACHE_DEBUG))
# Inlined across files, gcc takes what a callee fills in for what may be uninitialised.
$(eval $(call configuration,warnings/gcc-release,gcc,-O3 -flto=auto -Wno-maybe-uninitialized))
$(eval $(call configuration,warnings/clang-checked,clang,-O0 -DDCACHE_DEBUG))
$(eval $(call configuration,warnings/clang-release,clang,-O3 $(CLANG_LTO)))

$(BUILD)/warnings/clang-release/%: LDFLAGS += $(if $(CLANG_LTO),-fuse-ld=lld)

warnings: benchmarks $(foreach compiler,gcc $(if $(CLANG),clang),$(foreach build,checked release,\
	$(BUILD)/warnings/$(compiler)-$(build)/cdcache-tests \
	$(BUILD)/warnings/$(compiler)-$(build)/casefold_filter))

# ---- the Swift side ----

# Given on to the command.
DIR ?=
ARGS ?=

need_swift = @command -v $(SWIFT) >/dev/null || \
	{ echo 'The Swift toolchain, 6.2 or later, must be installed first: see swift.org.' >&2; exit 1; }

run: | deps
	$(need_swift)
	$(SWIFT) run -c release dcache resolve $(if $(DIR),'$(DIR)') $(ARGS)

# Package.swift makes warnings errors then.
check-swift asan-swift tsan-swift check-swift-consumer check-command: export DCACHE_WERROR := 1

check-swift: | deps
	$(need_swift)
	$(SWIFT) build --build-tests
	SWIFT='$(SWIFT)' scripts/compile-fail-tests
	$(SWIFT) format lint --strict $(SWIFT_SOURCES)
	$(SWIFT) test --skip-build --disable-xctest

asan-swift: | deps
	$(need_swift)
	$(ASAN) $(SWIFT) test --disable-xctest --sanitize=address --scratch-path .build-asan \
		-Xswiftc -use-ld=lld

tsan-swift: | deps
	$(need_swift)
	$(TSAN) $(NO_RANDOM_ADDRESSES) \
		$(SWIFT) test --disable-xctest --sanitize=thread --scratch-path .build-tsan

# A package that depends on this one.
check-swift-consumer: | deps
	$(need_swift)
	$(SWIFT) run --package-path Tests/install/SwiftConsumer SwiftConsumer
	scripts/readme-examples swift - | \
		diff - Tests/install/SwiftConsumer/Sources/ReadmeExample/main.swift
	test "$$($(SWIFT) run -q --package-path Tests/install/SwiftConsumer ReadmeExample)" = \
		'apple: 42 bytes'

# The command as make run builds it, on a small tree.
check-command: | deps
	$(need_swift)
	$(SWIFT) run -c release dcache resolve include

test: | deps
	$(need_swift)
	$(PARALLEL) warnings
	$(PARALLEL) check
	$(PARALLEL) asan
	$(PARALLEL) tsan
	$(PARALLEL) model
	$(MAKE) --no-print-directory check-command
	$(MAKE) --no-print-directory check-swift-consumer
	$(MAKE) --no-print-directory asan-swift
	$(MAKE) --no-print-directory tsan-swift
	$(MAKE) --no-print-directory check-swift

# ---- layout ----

C_SOURCES = $(HEADERS) $(shell find Sources Tests Benchmarks -name '.build*' -prune -o \
	-name '*.[ch]' -type f -print)
SWIFT_SOURCES = Package.swift $(shell find Sources Tests -name '.build*' -prune -o \
	-name '*.swift' -print | grep -v Tests/CompileFail/)

format: | deps
	$(CLANG_FORMAT) -i $(C_SOURCES)
	$(SWIFT) format format --in-place $(SWIFT_SOURCES)

format-check: | deps
	$(need_swift)
	$(CLANG_FORMAT) --dry-run --Werror $(C_SOURCES)
	$(SWIFT) format lint --strict $(SWIFT_SOURCES)

# The protocol of one parallel lookup, on paper; needs spin, and says so.
promela:
	Tests/PromelaTests/run

# Takes the core's guards out one by one: does a test notice?
mutants: | deps
	Tests/CDcacheTests/run-mutants.sh -b $(abspath $(BUILD))/mutants

clean:
	rm -rf $(BUILD) .build .build-asan .build-tsan Tests/install/SwiftConsumer/.build
