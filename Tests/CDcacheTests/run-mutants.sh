#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Does the test suite notice when a guard of the core is missing?
#
#	run-mutants.sh [-k] [-b DIR] [PATTERN...]
#
# Each mutants/NAME.patch takes one guard out of a copy of the core. Its head says
#
#	Row:	the hazards or contracts that the guard is for
#	Guard:	what is taken out, and why that is a bug
#	Build:	how to build it: checked, release, asan or tsan
#	Tests:	the tests, by name, one of which must fail then (and all of which pass without it)
#	Tries:	how often to run them before giving up; 1 unless given. More than 1 means that the
#		bug needs a race that no gate can force.
#
# A mutant is killed if one of its tests fails, hangs (10 seconds) or makes a sanitizer speak. The
# script fails if a mutant survives, if a patch does not apply or compile, or if a test fails on the
# core as it is. With PATTERNs only the mutants whose file name holds one of them are tried.
# -k: keep the copies. -b DIR: where to build; /tmp/dcache-mutants.USER unless given.
set -u
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../.. && pwd)
build=${TMPDIR:-/tmp}/dcache-mutants.$(id -u)
keep=no
while getopts kb: option; do
	case $option in
	k) keep=yes ;;
	b) build=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
mkdir -p "$build" || exit 2

export DCACHE_TEST_TIMEOUT=${DCACHE_TEST_TIMEOUT:-10} DCACHE_TEST_PATIENCE=${DCACHE_TEST_PATIENCE:-3}
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1
libs='-lpthread -lurcu-bp -lurcu-common -lutf8proc'

# Older thread sanitizers do not start where addresses are very random.
no_random=$(setarch -R true 2>/dev/null && echo setarch -R)

compiler()
{
	local sanitize='-fno-omit-frame-pointer'

	case $1 in
	checked) sanitize='-DDCACHE_DEBUG' ;;
	release) sanitize='-O2' ;;
	asan) sanitize+=' -DDCACHE_DEBUG -DDCACHE_RCU_OUT_OF_LINE -fsanitize=address,undefined' ;;
	tsan) sanitize+=' -DDCACHE_DEBUG -fsanitize=thread' ;;
	*) return 1 ;;
	esac
	echo "gcc -std=gnu11 -O1 -g -w -pthread -ftls-model=initial-exec $sanitize"
}

# compile MODE CORE OBJECTS SOURCE...: CORE is the directory with Sources/CDcache and include
compile()
{
	local mode=$1 core=$2 objects=$3 source jobs=0

	shift 3
	mkdir -p "$objects"
	for source; do
		$(compiler "$mode") -I"$core/Sources/CDcache" -I"$core/include" -c "$source" \
			-o "$objects/$(basename "$source" .c).o" || touch "$objects/failed" &
		if [ $((++jobs % 2)) = 0 ]; then
			wait
		fi
	done
	wait
	! [ -e "$objects/failed" ]
}

core_sources()
{
	find "$1/Sources/CDcache/" -name '*.c'
}

# The core as it is, and the tests, once a mode.
base()
{
	local mode=$1

	[ -e "$build/$mode/ready" ] && return 0
	rm -rf "${build:?}/$mode"
	compile "$mode" "$root" "$build/$mode/core" $(core_sources "$root") &&
		compile "$mode" "$root" "$build/$mode/tests" "$here"/harness.c "$here"/main.c \
			"$here"/test_[!c]*.c "$here"/test_contracts_*.c &&
		$(compiler "$mode") "$build/$mode"/core/*.o "$build/$mode"/tests/*.o \
			-o "$build/$mode/tests-of-core" $libs &&
		touch "$build/$mode/ready"
}

field()
{
	sed -n "1,/^---/s/^$2:[[:space:]]*//p" "$1"
}

run_tests()
{
	local program=$1 prefix=

	shift
	case $program in
	*/tsan/*) prefix=$no_random ;;
	esac
	$prefix "$program" "$@"
}

# How the tests failed, in a word, from their output.
how()
{
	if grep -q 'Sanitizer: [A-Za-z]' "$1"; then
		grep -o 'Sanitizer: [A-Za-z][A-Za-z-]*\( race\)\?' "$1" | head -1 | cut -d' ' -f2-
	elif grep -q 'runtime error' "$1"; then
		echo 'undefined behaviour'
	elif grep -q 'broken rule' "$1"; then
		grep -o 'broken rule: [^(]*' "$1" | head -1
	elif grep -q 'did not end in time' "$1"; then
		echo 'hang'
	elif grep -q '\.c:[0-9]*: ' "$1"; then
		echo 'failed check'
	else
		echo 'crash'
	fi
}

mutant()
{
	local patch=$1 name mode tests tries copy log object sources touched try
	name=$(basename "$patch" .patch)
	mode=$(field "$patch" Build)
	tests=$(field "$patch" Tests)
	tries=$(field "$patch" Tries)
	copy=$build/$mode/$name
	log=$copy/log

	base "$mode" || { echo "$name: the core does not compile"; return 1; }
	if [ ! -e "$build/$mode/passed-${tests//[^a-z0-9]/_}" ]; then
		run_tests "$build/$mode/tests-of-core" $tests >"$build/$mode/log" 2>&1 || {
			echo "$name: fails on the core as it is: $tests"
			return 1
		}
		touch "$build/$mode/passed-${tests//[^a-z0-9]/_}" 2>/dev/null
	fi

	rm -rf "$copy"
	mkdir -p "$copy/Sources"
	cp -r "$root/Sources/CDcache" "$copy/Sources/CDcache"
	rm -f "$copy/Sources/CDcache/include"
	cp -r "$root/include" "$copy/include"
	if ! patch -s -p1 -d "$copy" <"$patch" >"$log" 2>&1; then
		echo "$name: the patch does not apply"
		return 1
	fi
	# A patched header may be inlined anywhere.
	touched=$(sed -n 's|^+++ b/||p' "$patch" | sed 's/[[:space:]].*//')
	if echo "$touched" | grep -q '\.h$'; then
		sources=$(core_sources "$copy")
	else
		sources=$(for object in $touched; do echo "$copy/$object"; done)
	fi
	if ! compile "$mode" "$copy" "$copy/objects" $sources; then
		echo "$name: does not compile"
		return 1
	fi
	for object in "$build/$mode"/core/*.o; do
		[ -e "$copy/objects/$(basename "$object")" ] || ln -s "$object" "$copy/objects/"
	done
	mkdir -p "$copy/bin"
	$(compiler "$mode") "$copy"/objects/*.o "$build/$mode"/tests/*.o -o "$copy/bin/tests" $libs || {
		echo "$name: does not link"
		return 1
	}

	for try in $(seq "${tries:-1}"); do
		if ! run_tests "$copy/bin/tests" $tests >"$log" 2>&1; then
			printf '%-44s %-8s %-8s %s: %s\n' "$name" "$(field "$patch" Row)" "$mode" \
				"$(grep -o 'FAIL [a-z0-9_]*' "$log" | head -1 | cut -c6-)" "$(how "$log")"
			[ $keep = yes ] || rm -rf "$copy"
			return 0
		fi
	done
	printf '%-44s %-8s %-8s SURVIVED\n' "$name" "$(field "$patch" Row)" "$mode"
	[ $keep = yes ] || rm -rf "$copy"
	return 1
}

selected()
{
	local name=$1 pattern

	shift
	[ $# = 0 ] && return 0
	for pattern; do
		case $name in
		*"$pattern"*) return 0 ;;
		esac
	done
	return 1
}

# What was built before is of no use if the core or a test is newer.
for mode in checked release asan tsan; do
	if [ -e "$build/$mode/ready" ] &&
		[ -n "$(find "$root/Sources/CDcache/" "$root/include" "$here" -maxdepth 2 -name '*.[ch]' \
			-newer "$build/$mode/ready" -print -quit)" ]; then
		rm -rf "${build:?}/$mode"
	fi
done

killed=0
failed=0
for patch in "$here"/mutants/*.patch; do
	selected "$(basename "$patch")" "$@" || continue
	if mutant "$patch"; then
		killed=$((killed + 1))
	else
		failed=$((failed + 1))
	fi
done
echo "$killed killed, $failed not"
[ $failed = 0 ] && [ $killed -gt 0 ]
