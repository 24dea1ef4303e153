#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Do the tests of DcacheFileSystem notice when one of its guards is missing?
#
#	run-mutants.sh [PATTERN...]
#
# Each mutants/NAME.patch takes one guard out of a copy of the sources. Its head says which rule of
# ChangeFeed.swift it is for, what is taken out, and in which tests (the pattern of swift test --filter)
# that must be noticed. With PATTERNs only the mutants whose name holds one of them are tried. The tests
# must pass without a mutant. The copy, and what was built in it, stays in $TMPDIR for the next time.
set -u
cd "$(dirname "$0")/../.."
copy=${TMPDIR:-/tmp}/dcache-fs-mutants.$(id -u)
mkdir -p "$copy"

run() { # what to test, where to say what came of it
	(cd "$copy" && unset DCACHE_WERROR && timeout 1200 ${SWIFT:-swift} build --build-tests >"$2" 2>&1) || return 2
	(cd "$copy" && timeout 600 ${SWIFT:-swift} test --skip-build --disable-xctest --filter "$1" >>"$2" 2>&1)
}

for file in $(git ls-files Package.swift Package.resolved Sources include Tests); do
	[ -e "$copy/$file" ] && { [ -L "$file" ] || cmp -s "$file" "$copy/$file"; } && continue
	mkdir -p "$copy/$(dirname "$file")"
	cp -P "$file" "$copy/$file"
done

survivors=0
run DcacheFileSystemTests "$copy/log" || { echo "the tests fail without a mutant: $copy/log"; exit 1; }
for patch in Tests/DcacheFileSystemTests/mutants/*.patch; do
	name=$(basename "$patch" .patch)
	if [ $# -gt 0 ]; then
		wanted=no
		for pattern; do [[ $name == *$pattern* ]] && wanted=yes; done
		[ $wanted = yes ] || continue
	fi
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
	*) echo "$name: $(grep -c 'recorded an issue' "$copy/log") issues" ;;
	esac
	patch -s -R -p1 -d "$copy" <"$patch"
done
exit $((survivors > 0))
