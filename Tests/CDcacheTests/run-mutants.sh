#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Do the tests and the controlled scheduler notice when a guard of the core is missing?
#
#	run-mutants.sh [-k] [-a] [-j JOBS] [-b DIR] [-s N [-S SEED]] [PATTERN...]
#
# Each mutants/NAME.patch takes one guard out of a copy of the core. Its head says
#
#	Row:		the hazards or contracts that the guard is for
#	Guard:		what is taken out, and why that is a bug
#	Witness:	what goes wrong then, as the killers below see it
#	Build:		how to build it for the tests: checked, release, asan or tsan
#	Tests:		the tests, by name, one of which must fail then
#	Dies:		what the failing test says: an extended regular expression
#	Tries:		how often to run them before giving up; 1 unless given. More than 1 means that
#			the bug needs a race that no gate can force.
#	Scenario:	a scenario of Tests/ModelTests that must fail then, and how to search it: the
#			options of model-tests. Not there: the mutant needs no second thread, or the
#			README says why no scenario can show it.
#	Sees:		what the controlled scheduler reports: an extended regular expression
#
# A mutant has Tests, or a Scenario, or both, and is killed if each that it has fails in the way that
# its head says. So a test that fails for another reason (a helper that was too slow, say) kills
# nothing. The same tests and scenarios must pass on the core as it is.
#
# With PATTERNs only the mutants whose file name holds one of them are tried; -s N: N of them, chosen
# by SEED, which is printed, and new each time unless given. -j: how many at once. -k: keep the copies.
# -b DIR: where make builds the core as it is; what is there already is used. The copies are in
# DIR/mutants. -a: try every scenario, in several ways, and say which would do; nothing passes or fails.
set -u
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../.. && pwd)
base=${TMPDIR:-/tmp}/dcache-mutants.$(id -u)
keep=no
all=no
jobs=$(nproc)
sample=0
seed=
while getopts akb:j:s:S: option; do
	case $option in
	a) all=yes keep=yes ;;
	b) base=$OPTARG ;;
	j) jobs=$OPTARG ;;
	k) keep=yes ;;
	s) sample=$OPTARG ;;
	S) seed=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
mkdir -p "$base/mutants" || exit 2
base=$(cd "$base" && pwd)
copies=$base/mutants
. mutants/build.sh

export DCACHE_TEST_TIMEOUT=${DCACHE_TEST_TIMEOUT:-8} DCACHE_TEST_PATIENCE=${DCACHE_TEST_PATIENCE:-3}
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

# ---- what is to be tried ----

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

names=$(for patch in mutants/*.patch; do
	name=$(basename "$patch" .patch)
	! selected "$name" "$@" || echo "$name"
done)
if [ "$sample" != 0 ]; then
	seed=${seed:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
	names=$(for name in $names; do
		echo "$(echo "$seed $name" | sha256sum | cut -c1-16) $name"
	done | sort | head -n "$sample" | cut -d' ' -f2 | sort)
	echo "A sample of $(echo $names | wc -w) mutants, seed $seed. The same again: -s $sample -S $seed"
fi
[ -n "$names" ] || { echo 'No such mutant.'; exit 2; }

# ---- the core as it is ----

modes=$(for name in $names; do
	[ -z "$(field "mutants/$name.patch" Tests)" ] || field "mutants/$name.patch" Build
	[ -z "$(field "mutants/$name.patch" Scenario)" ] || echo model
done | sort -u)
[ $all = no ] || modes=model
build_base $modes || exit 1

# ---- one mutant ----

# Runs the mutant's tests. Says: OK or not, the test that failed, seconds.
kill_by_tests()
{
	local copy=$1 patch=$2 mode tests tries dies began try failed
	mode=$(field "$patch" Build)
	tests=$(field "$patch" Tests)
	tries=$(field "$patch" Tries)
	dies=$(field "$patch" Dies)

	build_copy $mode "$copy" >"$copy/log" 2>&1 || { echo "FAIL does not compile|"; return; }
	began=$(now)
	for try in $(seq "${tries:-1}"); do
		run_tests $mode "$copy/$mode-program" $tests >"$copy/log-tests" 2>&1 && continue
		failed=$(sed -n 's/^FAIL \([a-z0-9_]*\) .*/\1/p' "$copy/log-tests" | head -n 1)
		if [ -z "$failed" ]; then
			echo "FAIL the test program ends|$(since $began)"
		elif [ -n "$dies" ] && grep -Eq -- "$dies" "$copy/log-tests"; then
			echo "OK $failed ($mode)|$(since $began)"
		else
			echo "FAIL $failed ($mode) fails, but not with $dies|$(since $began)"
		fi
		return
	done
	echo "FAIL SURVIVES $tests ($mode)|$(since $began)"
}

# The same by its scenario.
kill_by_scenario()
{
	local copy=$1 patch=$2 scenario sees began
	scenario=$(field "$patch" Scenario)
	sees=$(field "$patch" Sees)

	build_copy model "$copy" >"$copy/log" 2>&1 || { echo "FAIL does not compile|"; return; }
	began=$(now)
	if run_scenario "$copy/model-program" $scenario >"$copy/log-model" 2>&1; then
		echo "FAIL SURVIVES $scenario|$(since $began)"
	elif [ -n "$sees" ] && grep -E '^FAIL ' "$copy/log-model" | grep -Eq -- "$sees"; then
		echo "OK $scenario|$(since $began)"
	else
		echo "FAIL $scenario fails, but not with $sees|$(since $began)"
	fi
}

# Writes one line of the table to COPY.result; the first word is OK or FAIL.
mutant()
{
	local name=$1 patch=$here/mutants/$1.patch copy=$copies/$1 by_test='OK |' by_scenario='OK |'

	copy_sources "$copy"
	if ! apply "$copy" "$patch" >"$copy/log" 2>&1; then
		echo "FAIL|$name|$(field "$patch" Row)|the patch does not apply|||" >"$copy.result"
		return
	fi
	[ -z "$(field "$patch" Tests)" ] || by_test=$(kill_by_tests "$copy" "$patch")
	[ -z "$(field "$patch" Scenario)" ] || by_scenario=$(kill_by_scenario "$copy" "$patch")
	if [ -z "$(field "$patch" Tests)$(field "$patch" Scenario)" ]; then
		by_test='FAIL nothing is to kill it|'
	elif [ -z "$(field "$patch" Witness)" ]; then
		by_test='FAIL no witness|'
	fi
	case $by_test$by_scenario in
	*FAIL*) echo -n 'FAIL|' ;;
	*) echo -n 'OK|' ;;
	esac >"$copy.result"
	echo "$name|$(field "$patch" Row)|${by_test#* }|${by_scenario#* }" >>"$copy.result"
	[ $keep = yes ] || rm -rf "$copy"
}

# Which scenarios would kill it, searched in which way, and with what report?
try_all()
{
	local name=$1 patch=$here/mutants/$1.patch copy=$copies/$1 way

	copy_sources "$copy"
	if ! apply "$copy" "$patch" >"$copy/log" 2>&1 || ! build_copy model "$copy" >"$copy/log" 2>&1; then
		echo "$name|does not apply or compile" >"$copy.result"
		return
	fi
	for way in '-b 1' '-b 1 -s 1' '-b 2' '-r 5000 -s 3' '-p 5000 -s 3' '-F -b 1 oom'; do
		timeout 300 "$copy/model-program" -t 4 $way | sed -n 's/^FAIL //p' >"$copy/ways"
		sed "s/^/$name|$way|/" "$copy/ways"
		[ ! -s "$copy/ways" ] || break
	done >"$copy.result"
	[ -s "$copy.result" ] || echo "$name|none" >"$copy.result"
	rm -rf "$copy"
}

if [ $all = yes ]; then
	for name in $names; do
		in_turn try_all $name
	done
	wait
	for name in $names; do
		cat "$copies/$name.result"
	done
	exit 0
fi

# ---- the tests and scenarios pass on the core as it is ----

passed=0
failed=0

# A long search is cut off: that the core holds in all of it is for make model to say.
unchanged_scenario()
{
	timeout 60 "$base/model/model-tests" -t 8 "${@:2}" "$1" >"$copies/log-$(echo "$@" | tr ' ' _)" \
		2>&1 || echo "$@" >>"$copies/unchanged"
}

unchanged_tests()
{
	local mode=$1

	shift
	# These are to pass, however long it takes.
	DCACHE_TEST_TIMEOUT=120 DCACHE_TEST_PATIENCE=20 \
		run_tests $mode "$base/$mode/cdcache-tests" "$@" >"$copies/log-$mode" 2>&1 ||
		grep '^FAIL' "$copies/log-$mode" | sed "s/\$/ ($mode)/" >>"$copies/unchanged"
}

rm -f "$copies/unchanged" "$copies"/log-*
for mode in $modes; do
	if [ $mode = model ]; then
		while read -r scenario; do
			in_turn unchanged_scenario $scenario
		done < <(for name in $names; do
			field "mutants/$name.patch" Scenario
		done | sort -u)
		continue
	fi
	in_turn unchanged_tests $mode $(for name in $names; do
		[ "$(field "mutants/$name.patch" Build)" != $mode ] || field "mutants/$name.patch" Tests
	done | tr ' ' '\n' | sort -u)
done
wait
if [ -e "$copies/unchanged" ]; then
	sed 's/^/fails on the core as it is: /' "$copies/unchanged"
	failed=$(wc -l <"$copies/unchanged")
fi

for name in $names; do
	rm -f "$copies/$name.result"
	in_turn mutant $name
done
wait

# ---- the table ----

{
	echo 'mutant|rows|killed by test (build)|s|killed by scenario|s'
	for name in $names; do
		[ -e "$copies/$name.result" ] || echo "FAIL|$name|||||" >"$copies/$name.result"
		sed 's/^[A-Z]*|//' "$copies/$name.result"
	done
} | column -t -s '|' -o ' | '
for name in $names; do
	case $(<"$copies/$name.result") in
	OK*) passed=$((passed + 1)) ;;
	*)
		echo "NOT KILLED: $name"
		failed=$((failed + 1))
		;;
	esac
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
