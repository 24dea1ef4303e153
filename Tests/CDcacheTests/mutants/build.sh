# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For bash scripts that build the test programs from a changed copy of some sources (run-mutants.sh,
# scripts/broken-checkers): what is unchanged is not compiled again. They set
#
#	root	the checkout
#	base	an absolute path where make builds what is unchanged
#	copies	a directory in it for the copies
#	jobs	how many processes at once
#
# A mode is a way to build: checked, release, asan, tsan (the C tests), or model (the scheduler).

make()
{
	command make --no-print-directory -C "$root" BUILD="$base" "$@"
}

program()
{
	[ $1 = model ] && echo model/model-tests || echo $1/cdcache-tests
}

# A variable of the Makefile.
make_variable()
{
	make -s --eval="show: ; @echo \$($1)" show
}

# object MODE SOURCE: where make puts the object of a source
object()
{
	local source=${2%.c}.o

	case $1-$2 in
	model-*) echo "model/$source" ;;
	*-Sources/CDcache/*) echo "$1/core/${source#Sources/CDcache/}" ;;
	*) echo "$1/tests/${source#Tests/CDcacheTests/}" ;;
	esac
}

# The command with which make would compile a source, without -o and what follows.
how_made()
{
	make -n -W "$2" V=1 "$base/$(object $1 "$2")" 2>/dev/null |
		sed -n 's/^[[:space:]]*//; /-o .*\.o /p' | grep -F -- "$2" | tail -n 1 |
		sed 's| -Werror | |; s| -c -o .*| -w|; s|-MMD -MP||'
}

# build_base MODE...: what is unchanged, and what has to be known to build what is not
build_base()
{
	local mode

	mkdir -p "$copies"
	make -j"$jobs" $(for mode; do echo "$base/$(program $mode)"; done) >"$copies/log" 2>&1 || {
		tail -n 20 "$copies/log"
		echo 'What is unchanged does not compile.'
		return 1
	}
	for mode; do
		how_made $mode Sources/CDcache/lru.c >"$copies/$mode-compile"
		if [ $mode = model ]; then
			how_made $mode Tests/ModelTests/explore.c >"$copies/runtime-compile"
			make_variable MODEL_CORE | tr ' ' '\n' >"$copies/model-sources"
			make_variable MODEL_RUNTIME | tr ' ' '\n' >"$copies/runtime-sources"
			# Most changes leave the scheduler as it is: optimise it once.
			gcc -O2 -flto=auto -r -flinker-output=nolto-rel -o "$copies/runtime.o" \
				$(sed "s|^|$base/model/|; s|c\$|o|" "$copies/runtime-sources") || return 1
		else
			make_variable 'CORE) $(TESTS' | tr ' ' '\n' >"$copies/$mode-sources"
		fi
		if ! [ -s "$copies/$mode-compile" ] || ! [ -s "$copies/$mode-sources" ]; then
			echo "How make builds $mode cannot be found out."
			return 1
		fi
	done
}

# copy_sources COPY: what patches change, and all that is included beside it
copy_sources()
{
	rm -rf "$1"
	mkdir -p "$1/Sources" "$1/Tests"
	cp -r "$root/Sources/CDcache" "$1/Sources/CDcache"
	rm -f "$1/Sources/CDcache/include"
	cp -r "$root/include" "$1/include"
	cp -r "$root"/Tests/{ModelTests,CDcacheTests,HistoryTests} "$1/Tests/"
}

# affected MODE COPY: of a program's sources, those that see one of the files that COPY/changed names
affected()
{
	local mode=$1 copy=$2 file source

	while read -r file; do
		case $file in
		*.c) grep -Fx -- "$file" "$copies/$mode-sources" "$copies/runtime-sources" 2>/dev/null ;;
		Tests/ModelTests/*.h) cat "$copies/model-sources" "$copies/runtime-sources" ;;
		*.h)
			if [ $mode = model ]; then
				# Make keeps no list of what includes what here.
				cat "$copies/model-sources"
				continue
			fi
			while read -r source; do
				! grep -qF -- "$file" \
					"$base/$(object $mode "$source" | sed 's/o$/d/')" ||
					echo "$source"
			done <"$copies/$mode-sources"
			;;
		esac
	done <"$copy/changed" | sed 's/^[^:]*://' | sort -u
}

# build_copy MODE COPY: COPY/MODE-program
build_copy()
{
	local mode=$1 copy=$2 source made objects= runtime=$copies/runtime.o

	mkdir -p "$copy/$mode"
	for source in $(affected $mode "$copy"); do
		local how=$mode-compile

		if [ $mode = model ] && grep -qFx -- "$source" "$copies/runtime-sources"; then
			how=runtime-compile
			runtime=
		elif ! grep -qFx -- "$source" "$copies/$mode-sources"; then
			continue
		fi
		(cd "$copy" && $(<"$copies/$how") -c -o "$mode/$(echo "$source" | tr / _).o" "$source") ||
			return 1
	done
	for source in $(cat "$copies/$mode-sources"
		[ $mode != model ] || [ -n "$runtime" ] || cat "$copies/runtime-sources"); do
		made=$copy/$mode/$(echo "$source" | tr / _).o
		[ -e "$made" ] || made=$base/$(object $mode "$source")
		objects+=" $made"
	done
	if [ $mode = model ]; then
		gcc -O2 -flto=auto -o "$copy/$mode-program" $objects $runtime -ldl
	else
		$(<"$copies/$mode-compile") -o "$copy/$mode-program" $objects \
			-lurcu-bp -lurcu-common -lutf8proc
	fi
}

# apply COPY PATCH...: COPY/changed names the files
apply()
{
	local copy=$1 patch

	shift
	for patch; do
		patch -s -p1 -d "$copy" <"$patch" || return 1
		sed -n 's|^+++ b/||p' "$patch" | sed 's/[[:space:]].*//' >>"$copy/changed"
	done
}

# Older thread sanitizers do not start where addresses are very random.
no_random=$(setarch -R true 2>/dev/null && echo setarch -R)

run_tests()
{
	local mode=$1 program=$2 prefix=

	shift 2
	[ $mode = tsan ] && prefix=$no_random
	$prefix "$program" "$@"
}

# run_scenario PROGRAM NAME OPTION...: none that is used takes more than a fraction of this time
run_scenario()
{
	local program=$1 name=$2

	shift 2
	timeout 300 "$program" -t 240 "$@" "$name"
}

# in_turn COMMAND...: in the background, when fewer than $jobs are there
in_turn()
{
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	"$@" &
}

# A line of a patch's head.
field()
{
	sed -n "1,/^---/s/^$2:[[:space:]]*//p" "$1"
}

now()
{
	date +%s.%N
}

since()
{
	echo "$1 $(now)" | awk '{ printf "%.1f", $2 - $1 }'
}
