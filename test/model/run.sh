#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh BUILDDIR MODEL.pml...: check each model as its head says, one line a run.
#   check: FLAGS   must hold
#   long: FLAGS    must hold too, and takes minutes: only with LONG set
#   break: FLAGS   is broken on purpose, and must be found out
#   known: FLAGS   shows a fault that the code has (README.md)
#   gcc: -O0       how the checker is compiled, where that takes longer than it runs
here=$(cd "$(dirname "$0")" && pwd)
build=$1 bad=0
shift

# $1 model, $2 flags. Sets result (holds, fails, or what went wrong), states and why.
verify()
{
	name=$(basename "$1" .pml)
	dir=$build/$name$(echo "$2" | tr -d ' ' | tr -c 'A-Za-z0-9_=\n-' _)
	mkdir -p "$dir" && cd "$dir" || exit 2
	rm -f pan pan.* ./*.trail out
	states=0 why=
	# spin exits 0 on some errors of syntax: pan.c tells. $2 is a list of words.
	if ! spin $2 -a "$1" >out 2>&1 || [ ! -f pan.c ] || grep -q '^spin: .*[Ee]rror' out; then
		result="spin: $(head -n 1 out)"
	elif ! gcc $opt -DSAFETY -DVECTORSZ=2048 -DCOLLAPSE -o pan pan.c >out 2>&1; then
		result="gcc: $(head -n 1 out)"
	else
		./pan -m2000000 >out 2>&1
		states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out | awk '{ printf "%d", $1 }')
		why=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' out)
		if grep -q 'max search depth too small\|out of memory\|reached -DMEMLIM\|VECTORSZ' out; then
			result="not searched to the end"
		elif grep -q 'errors: 0' out; then
			result=holds
		elif [ "$why" ]; then
			result=fails
		else
			result="pan: $(head -n 1 out)"
		fi
	fi
	cd - >/dev/null || exit 2
}

for model in "$@"; do
	name=$(basename "$model" .pml)
	sed -nE 's,^ \* (check|long|break|known):,\1,p' "$model" >"$build/$name.runs"
	opt=$(sed -n 's,^ \* gcc: ,,p' "$model")
	: "${opt:=-O2}"
	if ! grep -q ^break "$build/$name.runs"; then
		echo "$name: says not how it can fail"
		bad=1
	fi
	while read -r kind flags; do
		if [ $kind = long ]; then
			[ "${LONG-}" ] || continue
			kind=check
		fi
		verify "$here/$name.pml" "$flags"
		case $kind-$result in
		check-holds) say="holds" ;;
		break-fails) say="broken, and found out: $why" ;;
		known-fails) say="KNOWN FAULT of the code: $why" ;;
		known-holds) say="no fault any more: make it a check" bad=1 ;;
		*) say="FAILED: $kind, but $result${why:+: $why} (out and trail in $dir)" bad=1 ;;
		esac
		printf '%-7s %-26s %9d states  %s\n' "$name" "$flags" "$states" "$say"
	done <"$build/$name.runs"
done
exit $bad
