#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh DIRECTORY - run the examples built there: what the boot found, then words counted in real
# files by a goroutine each, with the result of the serial run beside it.

set -eu
bin=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

now() { date +%s%N; }

echo "== boot: an ordinary C program, started as a Go binary is =="
echo
"$bin/boot"

# The project's own sources, then the system's headers: a few hundred files.
for file in Makefile README.md rt0/* runtime/* sched/* examples/* test/*.c tools/* /usr/include/*.h \
	/usr/include/linux/*.h /usr/include/*-linux-musl/*.h; do
	[ ! -f "$file" ] || set -- "$@" "$file"
done
shift
echo
echo "== wordcount: the commonest words of $# files, $(cat "$@" | wc -l) lines =="
echo
t0=$(now)
"$bin/wordcount" "$@" >"$tmp/concurrent" 2>"$tmp/ran"
t1=$(now)
"$bin/wordcount" -s "$@" >"$tmp/serial" 2>"$tmp/ran-serial"
t2=$(now)
cat "$tmp/concurrent"
echo
printf 'concurrent   %s, %d ms\n' "$(cat "$tmp/ran")" $(((t1 - t0) / 1000000))
printf 'serial       %s, %d ms\n' "$(cat "$tmp/ran-serial")" $(((t2 - t1) / 1000000))
if cmp -s "$tmp/concurrent" "$tmp/serial"; then
	echo "both counted the same words"
else
	echo "the serial run counted otherwise:" >&2
	diff "$tmp/concurrent" "$tmp/serial" >&2
fi
echo
echo "== parallel: fork and join over all cores =="
echo
"$bin/parallel"
