# SPDX-License-Identifier: LGPL-2.1-or-later
#
#	make			both libraries, in build/
#	make run		the command: dcache resolve; DIR= and ARGS= are passed on to it
#	make test		everything below that tests, and the Swift side
#	make check		the C tests alone: checked and release build, symbols, installed tree
#	make asan, make tsan	the C tests under sanitizers; asan-swift, tsan-swift: the Swift tests
#	make model		the C core under the controlled scheduler (Tests/ModelTests)
#	make histories		ten million random concurrent operations, checked for linearizability
#	make verify		the long versions of what proves something (docs/verification.md)
#	make warnings		-O0 and -O3 -flto, gcc and clang, no warning allowed
#	make analyze		gcc's, clang's and cppcheck's static analysers over the core
#	make mutants		takes guards out of the core, one at a time: does a test notice?
#	make mutants-sample	some of them, chosen anew each time
#	make broken-checkers	breaks the checkers: does a run go red, or a mutant slip through?
#	make check-hot-paths	instructions and allocations of hits, against committed figures
#	make fuzz		two million inputs of the fuzzers (Tests/FuzzTests); make test: half of them
#	make promela		the protocol as a Promela model, checked by spin
#	make coverage		lines and branches of the core that the C tests reach
#	make benchmarks		the C benchmark programs, in build/benchmarks
#	make bench		this library beside its peers (Benchmarks/suite, then the programs beside it),
#				tables, targets and plots, in build/bench: about half an hour. BENCH='--row
#				hit --entries 1000000 ..' chooses, of the suite alone; BENCH_PROGRAMS='walk
#				batch' of the programs. BENCH_LARGE=1: ten million entries, too; BENCH_SWIFT=1:
#				what bench-swift measures, too; BENCH_HUGE=1 does all again with huge pages
#	make check-bench	are the suite's subjects tables, and their answers in each row right?
#	make bench-swift	what Swift programs pay, beside the C calls and Swift's own tables; ARGS=
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
HISTORIES := $(wildcard Tests/HistoryTests/*.c)

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(2)';
endif

# A recipe's $(MAKE) in as many jobs as there are processors, unless the user said how many.
PARALLEL = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
# The same for what may run beside each other: each target's output is shown when it is done, in one
# piece. What fails lets the others end, and then all of it fails.
TOGETHER = $(PARALLEL) --output-sync=target

.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: all run test verify check asan tsan model histories coverage analyze mutants mutants-sample \
	broken-checkers promela fuzz fuzzers asan-swift tsan-swift warnings format format-check \
	check-release check-checked check-symbols check-probes check-headers check-install check-casefold \
	check-hazards check-swift check-swift-consumer check-command check-hot-paths benchmarks bench \
	check-bench bench-swift install uninstall deps clean FORCE

all: $(BUILD)/libdcache.so $(BUILD)/libdcache.a

# ---- what must be there ----

# These goals install what is missing; all others only say so.
INSTALLING := deps run test verify check check-release check-checked asan tsan model analyze \
	mutants mutants-sample broken-checkers promela fuzz fuzzers histories coverage warnings asan-swift tsan-swift \
	check-swift check-swift-consumer check-command check-hot-paths format format-check bench check-bench \
	bench-swift
deps:
	@scripts/install-deps $(if $(filter $(INSTALLING),$(MAKECMDGOALS)),,--check) \
		$(if $(filter format%,$(MAKECMDGOALS)),--format) \
		$(if $(filter bench check-bench,$(MAKECMDGOALS)),--bench) \
		$(if $(filter fuzz% test verify,$(MAKECMDGOALS)),--fuzz) \
		$(if $(filter test verify analyze promela mutants% broken-checkers check-hot-paths,\
			$(MAKECMDGOALS)),--prove)

# ---- one rule set for each way to compile ----

# $(call configuration,NAME,COMPILER,OPTIONS): the core's objects, the test program and
# casefold_filter in build/NAME.
define configuration
$(1)_CORE := $$(CORE:Sources/CDcache/%.c=$(BUILD)/$(1)/core/%.o)
$(1)_TESTS := $$(TESTS:Tests/CDcacheTests/%.c=$(BUILD)/$(1)/tests/%.o)
$(1)_HISTORIES := $$(HISTORIES:Tests/HistoryTests/%.c=$(BUILD)/$(1)/histories/%.o)
$(1)_COMMAND := $(2) $(OPTIONS) $(3)

$(BUILD)/$(1)/core/%.o: Sources/CDcache/%.c $(BUILD)/$(1)/command Makefile | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$($(1)_COMMAND) -Wpedantic $$(if $$(WERROR),-Werror) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/tests/%.o: Tests/CDcacheTests/%.c $(BUILD)/$(1)/command Makefile | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$($(1)_COMMAND) $$(if $$(WERROR),-Werror) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/histories/%.o: Tests/HistoryTests/%.c $(BUILD)/$(1)/command Makefile | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$($(1)_COMMAND) $$(if $$(WERROR),-Werror) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/history-tests: $$($(1)_CORE) $$($(1)_HISTORIES)
	$$(call say,LINK,$$@)
	$$(Q)$$($(1)_COMMAND) $$(if $$(WERROR),-Werror) $$(LDFLAGS) -o $$@ $$^ $(LIBS)

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

-include $$($(1)_CORE:.o=.d) $$($(1)_TESTS:.o=.d) $$($(1)_HISTORIES:.o=.d) \
	$(BUILD)/$(1)/tests/casefold_filter.d
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
# shared library does. What the objects' tracepoints have in common is in it for good: left as a group, it would
# be thrown away for another object's, such as one with tracepoints of its own, whose name it has not.
$(BUILD)/libdcache.a: $(release_CORE)
	$(call say,AR,$@)
	$(Q)$(LD) -r --force-group-allocation -o $(BUILD)/release/dcache.o $^
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
	$(Q)$(release_COMMAND) $(if $(WERROR),-Werror) $(LDFLAGS) -o $@ $< $(BUILD)/libdcache.a \
		-Wl,--as-needed -lurcu-cds $(LIBS)

# The suite: this library's C interface and its peers, each behind Benchmarks/suite/table.h. The peers are
# installed for these goals alone.
SUITE := $(BUILD)/bench/suite
SUITE_HEADERS := $(HEADERS) Benchmarks/report.h $(wildcard Benchmarks/suite/*.h Benchmarks/suite/*.hh)
SUITE_OBJECTS := $(patsubst Benchmarks/suite/%,$(BUILD)/bench/%.o,$(wildcard Benchmarks/suite/*.c \
	Benchmarks/suite/*.cc))
SUITE_LIBS = -lurcu-cds -lck $(shell pkg-config --libs tbb absl_flat_hash_map absl_synchronization) -lm

SUITE_CC = $(CC) -std=gnu11 $(CFLAGS) -pthread $(WARNINGS) -Iinclude
SUITE_CXX = $(CXX) -std=c++20 $(CFLAGS) -pthread -Wall -Wextra -Wshadow -Iinclude

$(BUILD)/bench/%.c.o: Benchmarks/suite/%.c $(BUILD)/bench/command Makefile $(SUITE_HEADERS) | deps
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(SUITE_CC) $(if $(WERROR),-Werror) -c -o $@ $<

$(BUILD)/bench/%.cc.o: Benchmarks/suite/%.cc $(BUILD)/bench/command Makefile $(SUITE_HEADERS) | deps
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(SUITE_CXX) $(if $(WERROR),-Werror) -c -o $@ $<

$(BUILD)/bench/command: FORCE
	@mkdir -p $(@D)
	@echo '$(SUITE_CC) $(SUITE_CXX)' | cmp -s - $@ || echo '$(SUITE_CC) $(SUITE_CXX)' >$@

# What gcc makes of the library and of its part of the suite together, in which nothing but that part's table
# has a name that others see: it stands beside the library as it is built, in the same program.
SUITE_LTO := $(BUILD)/bench/table_dcache_lto.o
$(eval $(call configuration,lto,$(if $(findstring clang,$(CC)),gcc,$(CC)),$(CFLAGS) -flto=$(JOBS)))

$(BUILD)/bench/table_dcache_lto.c.o: Benchmarks/suite/table_dcache.c $(BUILD)/lto/command Makefile \
		$(SUITE_HEADERS) | deps
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(lto_COMMAND) $(if $(WERROR),-Werror) -DSUITE_LTO -c -o $@ $<

$(SUITE_LTO): $(BUILD)/bench/table_dcache_lto.c.o $(lto_CORE)
	$(call say,LINK,$@)
	$(Q)$(lto_COMMAND) -r -flinker-output=nolto-rel -Wl,--force-group-allocation -o $@ $^
	$(Q)$(OBJCOPY) --keep-global-symbol=table_dcache_lto $@

$(SUITE): $(SUITE_OBJECTS) $(SUITE_LTO) $(BUILD)/libdcache.a
	$(call say,LINK,$@)
	$(Q)$(CXX) $(CFLAGS) -pthread $(LDFLAGS) -o $@ $^ $(SUITE_LIBS) $(LIBS)

# Names of a real tree.
BENCH_TREE ?= /usr
$(BUILD)/bench/names:
	@mkdir -p $(@D)
	$(Q)find '$(BENCH_TREE)' -xdev >$@ || test -s $@

# Five rounds, unless the user says otherwise; BENCH comes last, so it decides.
BENCH ?=
BENCH_HUGE ?=
BENCH_LARGE ?=
BENCH_SWIFT ?=
# Programs of build/benchmarks that are run after the suite and report as it does, with BENCH_ARGS_NAME; none
# if rows of the suite were asked for.
BENCH_PROGRAMS ?= $(if $(BENCH),,batch walk reference insert memory errors grow cold cold_name)
# Of ten million entries: the suite, in which one subject after the other is in memory, then these.
BENCH_LARGE_SUITE ?= --entries 10000000 --threads 1,2 --rounds 3
BENCH_LARGE_PROGRAMS := insert memory grow walk storm
BENCH_LARGE_ARGS_insert := -n 10000000 -r 3 -R insert-all,remove-all,rename,shrink,teardown
BENCH_LARGE_ARGS_memory := -n 10000000
BENCH_LARGE_ARGS_grow := 10000000 3
BENCH_LARGE_ARGS_walk := -n 262144

# The Python that has what draws them.
PLOTTING_PYTHON = $(firstword $(foreach python,python3 /usr/bin/python3,\
	$(shell $(python) -c 'import matplotlib' 2>/dev/null && echo $(python))))

# $(call bench_programs,ENVIRONMENT,PROGRAMS,ARGUMENTS): each with what the variable ARGUMENTS_NAME says.
bench_programs = set -e; $(foreach program,$(2),echo '--- $(program) $($(3)_$(program))'; \
	$(1) $(BUILD)/benchmarks/$(program) $($(3)_$(program));) :

# $(call bench,NAME,ENVIRONMENT): the suite, then the programs, and what they say in tables and plots.
define bench
	@rm -rf $(BUILD)/bench/$(1).json $(BUILD)/bench/$(1)
	$(call bench_run,BENCH_JSON=$(CURDIR)/$(BUILD)/bench/$(1).json $(2))
	$(Q)Benchmarks/suite/table.py $(BUILD)/bench/$(1).json
	$(Q)$(PLOTTING_PYTHON) Benchmarks/suite/plots.py $(BUILD)/bench/$(1).json $(BUILD)/bench/$(1)
endef

define bench_run
	$(Q)$(1) $(SUITE) --names $(BUILD)/bench/names --rounds 5 $(BENCH)
	$(Q)$(call bench_programs,$(1),$(BENCH_PROGRAMS),BENCH_ARGS)
	$(if $(BENCH_LARGE),$(Q)$(1) $(SUITE) --names $(BUILD)/bench/names $(BENCH_LARGE_SUITE))
	$(if $(BENCH_LARGE),$(Q)$(call bench_programs,$(1),$(BENCH_LARGE_PROGRAMS),BENCH_LARGE_ARGS))
	$(if $(BENCH_SWIFT),$(Q)$(1) $(MAKE) --no-print-directory bench-swift)
endef

bench: $(SUITE) $(BUILD)/bench/names $(addprefix $(BUILD)/benchmarks/,$(BENCH_PROGRAMS) \
		$(if $(BENCH_LARGE),$(BENCH_LARGE_PROGRAMS)))
	$(call bench,results,)
	$(if $(BENCH_HUGE),$(call bench,results-huge,GLIBC_TUNABLES=glibc.malloc.hugetlb=1))

# Subjects beside a model; then each row once, for its answers, not for its time.
check-bench: $(SUITE) $(BUILD)/bench/names
	$(Q)$< --check
	$(Q)$< --names $(BUILD)/bench/names --entries 1000 --threads 1,8 --rounds 1 --ms 2 >/dev/null

# ---- tests ----

check check-release check-checked asan tsan warnings benchmarks histories bench check-bench: WERROR := 1

check: check-casefold check-symbols check-probes check-headers check-install \
	check-release check-checked

# Two targets, so that two jobs run both at once: the tests wait more than they compute.
check-release: $(BUILD)/release/cdcache-tests
	@echo "--- C tests, release build"
	$(Q)$<

check-checked: $(BUILD)/checked/cdcache-tests
	@echo "--- C tests, checked build"
	$(Q)$<

check-casefold: $(BUILD)/checked/casefold_filter
	$(Q)python3 Tests/CDcacheTests/casefold_tables_check.py $<

check-symbols: all
	$(Q)CC='$(CC)' scripts/check-symbols $(BUILD)/libdcache.so $(BUILD)/libdcache.a

check-probes: all
	$(Q)CC='$(CC)' scripts/check-probes $(BUILD)/libdcache.so $(BUILD)/libdcache.a

# Each public header: its comments, and whether it compiles alone, in strict C and in C++.
check-headers: | deps
	$(Q)scripts/check-headers
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

# What the C tests reach of the core; scripts/coverage builds these two, runs them and reports.
COVERAGE := -O0 -g --coverage -fprofile-update=atomic -fkeep-inline-functions -DDCACHE_COVERAGE
$(eval $(call configuration,coverage/release,gcc,$(COVERAGE)))
$(eval $(call configuration,coverage/checked,gcc,$(COVERAGE) -DDCACHE_DEBUG))

coverage: | deps
	$(Q)MAKE='$(MAKE)' scripts/coverage -o $(abspath $(BUILD))

# Ten million operations in the release build; some more in the checked one, whose threads give way to
# each other within calls.
histories: $(BUILD)/release/history-tests $(BUILD)/checked/history-tests
	@echo "--- histories, release build"
	$(Q)$(BUILD)/release/history-tests
	@echo "--- histories, checked build"
	$(Q)$(BUILD)/checked/history-tests -n 4000000 -u 2000

# The controlled scheduler: the core's own sources, instrumented for the thread sanitizer, on a
# runtime of ours.
MODEL_CORE := $(filter-out Sources/CDcache/casefold.c Sources/CDcache/sync/reclaim.c Sources/CDcache/sync/slab.c \
	Sources/CDcache/sync/monitor.c Sources/CDcache/sync/hooks.c Sources/CDcache/sync/number.c,$(CORE)) \
	Tests/ModelTests/world.c \
	$(wildcard Tests/ModelTests/scenarios_*.c) \
	$(addprefix Tests/HistoryTests/,operations.c store.c outside.c)
MODEL_RUNTIME := $(addprefix Tests/ModelTests/,runtime.c memory.c floor.c explore.c \
	trace.c tsan.c main.c) \
	Tests/HistoryTests/checker.c Tests/HistoryTests/spec.c
MODEL_OPTIONS := -std=gnu11 -g $(WARNINGS) -Werror -DDCACHE_MODEL -DDCACHE_DEBUG -DLRU_SHARDS=2u \
	-DTABLE_SHARDS=1u -DTABLE_STEP=1u -DTABLE_FILL=1u -DBUCKET_SLOTS=1u -DCOUNTER_SHARDS=1u -DDC_THREAD_NUMBERS=2u \
	-Dpthread_detach=model_pthread_detach \
	-Iinclude -ISources/CDcache -ITests/ModelTests -ITests/HistoryTests
MODEL_OBJECTS := $(MODEL_CORE:%.c=$(BUILD)/model/%.o) $(MODEL_RUNTIME:%.c=$(BUILD)/model/%.o)

$(MODEL_CORE:%.c=$(BUILD)/model/%.o): MODEL_OPTIONS += -O1 -fsanitize=thread \
	-include string_calls.h
$(MODEL_RUNTIME:%.c=$(BUILD)/model/%.o): MODEL_OPTIONS += -O2 -flto=auto

$(BUILD)/model/%.o: %.c Makefile $(HEADERS) $(wildcard Sources/CDcache/*.h Sources/CDcache/*/*.h \
		Tests/ModelTests/*.h Tests/HistoryTests/*.h) | deps
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MODEL_OPTIONS) -c -o $@ $<

$(BUILD)/model/model-tests: $(MODEL_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) -O2 -flto=auto -o $@ $^ -ldl

# Every interleaving with at most one preemption; with two, or with one and one older value, or one
# spurious wakeup and one late callback, as many as the time for each scenario allows, and the same
# without a bound for some (make verify lets them all end). Then 800 000 random ones with all of that,
# from a fresh seed. Last, each allocation failing in turn.
MODEL := $(BUILD)/model/model-tests -j $(JOBS)
MODEL_SECONDS := 0.5
model: $(BUILD)/model/model-tests
	@echo "--- controlled scheduler"
	$(Q)$(MODEL) -b 1
	$(Q)$(MODEL) -b 2 -t $(MODEL_SECONDS)
	$(Q)$(MODEL) -b 1 -s 1 -t 0.3
	$(Q)$(MODEL) -b 1 -w 1 -g 1 -t 0.3
	$(Q)$(MODEL) -b -1 -u 1 -t 1
	$(Q)$(MODEL) -r 1500 -s 3 -w 1 -g 2
	$(Q)$(MODEL) -p 400 -s 3 -w 1 -g 2 -d 3
	$(Q)$(MODEL) -p 400 -s 3 -w 1 -g 2 -d 5
	$(Q)$(MODEL) -F -b 1 oom
	$(Q)$(MODEL) -F -r 500 -s 2 oom

# Other levels of optimisation see other warnings; a linker that sees all files at once, others yet.
# clang's needs the linker that goes with clang.
CLANG := $(shell command -v clang || command -v clang-14)
CLANG_LTO := $(if $(CLANG),$(shell command -v "$$($(CLANG) -print-prog-name=ld.lld)" >/dev/null && \
	echo -flto))
$(eval $(call configuration,warnings/gcc-checked,gcc,-O0 -DDCACHE_DEBUG))
# Inlined across files, gcc takes what a callee fills in for what may be uninitialised.
$(eval $(call configuration,warnings/gcc-release,gcc,-O3 -flto=auto -Wno-maybe-uninitialized))
$(eval $(call configuration,warnings/clang-checked,$(CLANG),-O0 -DDCACHE_DEBUG))
$(eval $(call configuration,warnings/clang-release,$(CLANG),-O3 $(CLANG_LTO)))

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
check-swift asan-swift tsan-swift check-swift-consumer check-command bench-swift: \
	export DCACHE_WERROR := 1

check-swift: | deps
	$(need_swift)
	$(SWIFT) build --build-tests
	SWIFT='$(SWIFT)' scripts/compile-fail-tests
	$(SWIFT) format lint --strict $(SWIFT_SOURCES)
	$(SWIFT) test --skip-build --disable-xctest

# Not the C tests, which asan and tsan run.
asan-swift: | deps
	$(need_swift)
	$(ASAN) LSAN_OPTIONS=suppressions=$(CURDIR)/scripts/lsan-suppressions:print_suppressions=0 \
		$(SWIFT) test --disable-xctest --sanitize=address --scratch-path .build-asan \
		-Xswiftc -use-ld=lld --skip CTests

tsan-swift: | deps
	$(need_swift)
	$(TSAN) $(NO_RANDOM_ADDRESSES) \
		$(SWIFT) test --disable-xctest --sanitize=thread --scratch-path .build-tsan --skip CTests

# A package that depends on this one.
check-swift-consumer: | deps
	$(need_swift)
	$(SWIFT) run --package-path Tests/install/SwiftConsumer SwiftConsumer
	scripts/readme-examples swift - | \
		diff - Tests/install/SwiftConsumer/Sources/ReadmeExample/main.swift
	test "$$($(SWIFT) run -q --package-path Tests/install/SwiftConsumer ReadmeExample)" = \
		'apple: 42 bytes'
	scripts/readme-examples swift:tasks - | \
		diff - Tests/install/SwiftConsumer/Sources/ReadmeTasks/main.swift
	test "$$($(SWIFT) run -q --package-path Tests/install/SwiftConsumer ReadmeTasks)" = \
		'index: ["5 letters"] asked: 1'

# The command as make run builds it, on a small tree.
check-command: | deps
	$(need_swift)
	$(SWIFT) run -c release dcache resolve include
	echo dcache/qstr.h | $(SWIFT) run -c release dcache walk include

# A package of its own, too (Benchmarks/swift/Sources/DcacheBenchmarks/Main.swift); results also as JSON,
# appended to the file that BENCH_JSON names.
bench-swift: | deps
	$(need_swift)
	$(SWIFT) run -c release --package-path Benchmarks/swift dcache-benchmarks $(ARGS)

# Fuzzers: libFuzzer's, so clang's. What libFuzzer is to watch is the core; the rest is compiled
# without its instrumentation.
FUZZ_CLANG := clang-14
FUZZ_COMMAND = $(FUZZ_CLANG) -std=gnu11 -g -fno-omit-frame-pointer -pthread -ftls-model=initial-exec \
	$(WARNINGS) -Werror -Iinclude -ISources/CDcache -ITests/FuzzTests -I$(BUILD)/fuzz
FUZZ_SANITIZE := -fsanitize=address$(,)undefined -fno-sanitize-recover=undefined
FUZZ_WATCH := -O1 $(FUZZ_SANITIZE) -fsanitize-coverage=inline-8bit-counters$(,)pc-table
FUZZ_HEADERS := $(HEADERS) $(wildcard Sources/CDcache/*.h Sources/CDcache/*/*.h Tests/FuzzTests/*.h)

# $(call fuzzer,NAME,CORE,OWN,OPTIONS,LIBRARIES): build/fuzz/fuzz_NAME of the core's and its own files.
define fuzzer
$(BUILD)/fuzz/$(1)/Sources/%.o: Sources/%.c Makefile $$(FUZZ_HEADERS) | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(FUZZ_COMMAND) $$(FUZZ_WATCH) $(4) -c -o $$@ $$<

$(BUILD)/fuzz/$(1)/Tests/%.o: Tests/%.c Makefile $$(FUZZ_HEADERS) $(BUILD)/fuzz/unicode_tables.h | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(FUZZ_COMMAND) -O2 $(4) -c -o $$@ $$<

$(BUILD)/fuzz/fuzz_$(1): $(patsubst %.c,$(BUILD)/fuzz/$(1)/%.o,$(2) $(3))
	$$(call say,LINK,$$@)
	$$(Q)$$(FUZZ_COMMAND) $$(FUZZ_SANITIZE) -fsanitize=fuzzer -o $$@ $$^ $(5)
endef

FUZZ_PROGRAM_CORE := $(filter-out Sources/CDcache/casefold.c Sources/CDcache/sync/reclaim.c Sources/CDcache/sync/slab.c \
	Sources/CDcache/sync/monitor.c Sources/CDcache/sync/hooks.c Sources/CDcache/sync/number.c,$(CORE))
FUZZ_PROGRAM := $(addprefix Tests/FuzzTests/,fuzz_program.c program_input.c program_calls.c \
	program_tree.c program_walk.c program_waits.c program_async.c oracle.c floor.c)
FUZZ_NAMES := $(addprefix Tests/FuzzTests/,fuzz_names.c names_tables.c)
# The instance's thread is the floor's affair.
FUZZ_FLOOR := -DDCACHE_MODEL -Dpthread_detach=floor_pthread_detach
$(eval $(call fuzzer,program,$(FUZZ_PROGRAM_CORE),$(FUZZ_PROGRAM),$(FUZZ_FLOOR) -DDCACHE_DEBUG))
$(eval $(call fuzzer,program_release,$(FUZZ_PROGRAM_CORE),$(FUZZ_PROGRAM),$(FUZZ_FLOOR)))
$(eval $(call fuzzer,names,$(CORE),$(FUZZ_NAMES),-DDCACHE_DEBUG -DDCACHE_RCU_OUT_OF_LINE,$(LIBS)))

$(BUILD)/fuzz/unicode_tables.h: Tests/FuzzTests/unicode_tables.py Tests/CDcacheTests/casefold_tables_check.py | deps
	@mkdir -p $(@D)
	$(Q)python3 $< >$@

# The very objects of model-tests, with other strategies; of clang, libFuzzer's archive alone.
$(BUILD)/fuzz/schedule/%.o: %.c Makefile $(FUZZ_HEADERS) $(wildcard Tests/ModelTests/*.h) | deps
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MODEL_OPTIONS) -O2 -flto=auto -c -o $@ $<

$(BUILD)/fuzz/fuzz_schedule: $(BUILD)/fuzz/schedule/Tests/FuzzTests/fuzz_schedule.o \
		$(filter-out %/explore.o %/trace.o %/main.o,$(MODEL_OBJECTS))
	$(call say,LINK,$@)
	$(Q)$(CXX) -O2 -flto=auto -o $@ $^ \
		"$$($(FUZZ_CLANG) -print-file-name=libclang_rt.fuzzer-x86_64.a)" -pthread -ldl -lm

fuzzers: $(addprefix $(BUILD)/fuzz/fuzz_,program program_release names schedule)

FUZZ_INPUTS := 2000000
fuzz: fuzzers
	$(Q)Tests/FuzzTests/run -b $(BUILD)/fuzz -n $(FUZZ_INPUTS)

# The protocol of one parallel lookup, on paper.
promela: | deps
	Tests/PromelaTests/run

# Reports that are wrong are listed in scripts/analyze-exceptions.
analyze: | deps
	scripts/analyze -j $(JOBS)

# Takes the core's guards out one by one: does a test notice? What the targets above have compiled
# is not compiled again.
MUTANTS_SAMPLE := 16
mutants: | deps
	Tests/CDcacheTests/run-mutants.sh -b $(abspath $(BUILD)) -j $(JOBS)

mutants-sample: | deps
	Tests/CDcacheTests/run-mutants.sh -b $(abspath $(BUILD)) -j $(JOBS) -s $(MUTANTS_SAMPLE)

broken-checkers: | deps
	scripts/broken-checkers -b $(abspath $(BUILD)) -j $(JOBS)

# What a hit costs, in a unit that does not depend on what else the machine does. The script builds.
check-hot-paths: | deps
	$(need_swift)
	$(Q)MAKE='$(MAKE)' SWIFT='$(SWIFT)' scripts/check-hot-paths -o '$(BUILD)'

$(BUILD)/hot-paths/hot_path: $(wildcard Tests/HotPathTests/*.c Tests/HotPathTests/marks/*.c \
		Tests/HotPathTests/marks/include/*.h) $(BUILD)/libdcache.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(release_COMMAND) $(if $(WERROR),-Werror) -ITests/HotPathTests/marks/include $(LDFLAGS) \
		-o $@ $(filter %.c %.a,$^) $(LIBS)

# docs/verification.md's table, made from the tests themselves.
check-hazards:
	scripts/hazard-table --check docs/verification.md

# What cannot make use of all processors runs beside others of its kind. The depth-first search is cut off
# earlier than in model (it begins with the same schedules each time), the fuzzers get half the inputs, and
# fewer mutants are tried; these targets alone, and verify, take the time.
test: | deps
	$(need_swift)
	$(TOGETHER) warnings check asan tsan
	$(PARALLEL) model MODEL_SECONDS=0.25
	$(PARALLEL) histories
	$(PARALLEL) fuzz FUZZ_INPUTS=1000000
	$(MAKE) --no-print-directory coverage
	$(MAKE) --no-print-directory analyze
	$(MAKE) --no-print-directory promela
	$(MAKE) --no-print-directory mutants-sample MUTANTS_SAMPLE=10
	$(MAKE) --no-print-directory broken-checkers
	$(MAKE) --no-print-directory check-hazards
	$(TOGETHER) check-command check-hot-paths check-swift-consumer
	$(MAKE) --no-print-directory asan-swift
	$(MAKE) --no-print-directory tsan-swift
	$(MAKE) --no-print-directory check-swift

# The long versions of what proves something; hours on two processors. Ten million entries take memory,
# too.
LONG := DCACHE_TEST_TIMEOUT=3000 DCACHE_TEST_PATIENCE=1000
verify: | deps
	$(PARALLEL) model
	$(MODEL) -b 2
	$(MODEL) -b 1 -s 1
	$(MODEL) -b 1 -w 1 -g 1
	$(MODEL) -b -1 -u 2 -t 900
	$(MODEL) -b 3 -t 60
	$(MODEL) -b 2 -s 1 -t 60
	$(MODEL) -b 2 -w 1 -g 1 -t 60
	$(MODEL) -r 120000 -s 3 -w 1 -g 2
	$(MODEL) -p 50000 -s 3 -w 1 -g 2 -d 3
	$(MODEL) -p 50000 -s 3 -w 1 -g 2 -d 5
	$(MODEL) -F -r 20000 -s 2 -g 1 oom
	$(PARALLEL) $(BUILD)/release/cdcache-tests
	$(LONG) DCACHE_STRESS_SECONDS=300 $(BUILD)/release/cdcache-tests stress
	$(LONG) DCACHE_STORM_SECONDS=300 $(BUILD)/release/cdcache-tests a_rename_storm_and_walks
	$(LONG) DCACHE_RENAME_ROUNDS=250000000 $(BUILD)/release/cdcache-tests \
		a_storm_of_moves_hides_no_still_name
	$(LONG) DCACHE_RENAME_ROUNDS=10000000 $(BUILD)/release/cdcache-tests a_replace_loop
	$(LONG) DCACHE_TEST_ENTRIES=10000000 $(BUILD)/release/cdcache-tests test_hazards_tree
	$(LONG) DCACHE_TEST_CHAIN=1000000 $(BUILD)/release/cdcache-tests chain
	$(PARALLEL) histories
	$(BUILD)/release/history-tests -s 300
	$(PARALLEL) fuzzers
	Tests/FuzzTests/run -b $(BUILD)/fuzz -t 600
	Tests/PromelaTests/run -l
	$(MAKE) --no-print-directory mutants
	$(MAKE) --no-print-directory broken-checkers

# ---- layout ----

C_SOURCES = $(HEADERS) $(shell find Sources Tests Benchmarks -name '.build*' -prune -o \
	'(' -name '*.[ch]' -o -name '*.cc' -o -name '*.hh' ')' -type f -print)
SWIFT_SOURCES = Package.swift $(shell find Sources Tests Benchmarks -name '.build*' -prune -o \
	-name '*.swift' -print | grep -v Tests/CompileFail/)

format: | deps
	$(CLANG_FORMAT) -i $(C_SOURCES)
	$(SWIFT) format format --in-place $(SWIFT_SOURCES)

format-check: | deps
	$(need_swift)
	$(CLANG_FORMAT) --dry-run --Werror $(C_SOURCES)
	$(SWIFT) format lint --strict $(SWIFT_SOURCES)

clean:
	rm -rf $(BUILD) .build .build-asan .build-tsan .build-hot-paths Tests/install/SwiftConsumer/.build \
		Benchmarks/swift/.build
