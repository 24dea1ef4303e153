#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Do the Swift tests notice when a guard of the calls for tasks is missing?
#
#	run-mutants.sh [PATTERN...]
#
# Each mutants/NAME.patch takes one guard out of a copy of the sources. Its head says where the guard is
# argued, what is taken out, and in which tests (the pattern of swift test --filter) that must be noticed: a
# test fails, the program stops, or the tests do not come to an end. With PATTERNs only the mutants whose name
# holds one of them are tried. The tests must pass without a mutant. The copy, and what was built in it, stays
# in $TMPDIR for the next time.
set -u
cd "$(dirname "$0")/../.."
copy=${TMPDIR:-/tmp}/dcache-swift-mutants.$(id -u)
mkdir -p "$copy"

run() { # what to test, where to say what came of it
	(cd "$copy" && DCACHE_WERROR= timeout 1200 ${SWIFT:-swift} build --build-tests >"$2" 2>&1) || return 2
	(cd "$copy" && timeout 90 ${SWIFT:-swift} test --skip-build --disable-xctest --filter "$1" >>"$2" 2>&1)
}

restore() {
	for file in $(git ls-files Package.swift Sources include Tests); do
		# A link to a directory does not change.
		[ -d "$copy/$file" ] && continue
		cmp -s "$file" "$copy/$file" && continue
		mkdir -p "$copy/$(dirname "$file")"
		cp -P "$file" "$copy/$file"
	done
}

survivors=0
restore
run 'Async|ResolveTests' "$copy/log" || { echo "the tests fail without a mutant: $copy/log"; exit 1; }
for patch in Tests/DcacheTests/mutants/*.patch; do
	name=$(basename "$patch" .patch)
	if [ $# -gt 0 ]; then
		wanted=no
		for pattern; do [[ $name == *$pattern* ]] && wanted=yes; done
		[ $wanted = yes ] || continue
	fi
	restore
	if ! patch -s -p1 -d "$copy" <"$patch"; then
		echo "$name: does not apply"
		survivors=$((survivors + 1))
		continue
	fi
	run "$(sed -n 's/^Tests:\t//p' "$patch")" "$copy/log"
	case $? in
	0 | 2)
		echo "$name: not noticed, or not built: $copy/log.$name"
		cp "$copy/log" "$copy/log.$name"
		survivors=$((survivors + 1))
		;;
	124) echo "$name: does not come to an end" ;;
	*) echo "$name: $(grep -c 'recorded an issue' "$copy/log") issues" ;;
	esac
done
restore
exit $((survivors > 0))
