#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh DIRECTORY - run the examples built there: what the boot found, then words counted in real
# files by a goroutine each, with the result of the serial run beside it.

set -eu
bin=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

echo "== boot: an ordinary C program, started as a Go binary is =="
echo
"$bin/boot"

# The project's own sources, then the system's headers: a few hundred files.
shift
for file in Makefile README.md rt0/* runtime/* sched/* examples/* test/*.c tools/* /usr/include/*.h \
	/usr/include/linux/*.h /usr/include/*-linux-musl/*.h; do
	[ ! -f "$file" ] || set -- "$@" "$file"
done
echo
echo "== wordcount: the commonest words of $# files, $(cat "$@" | wc -l) lines =="
echo
"$bin/wordcount" "$@" >"$tmp/concurrent" 2>"$tmp/ran"
"$bin/wordcount" -s "$@" >"$tmp/serial" 2>"$tmp/ran-serial"
cat "$tmp/concurrent"
echo
echo "concurrent: $(cat "$tmp/ran")"
echo "serial:     $(cat "$tmp/ran-serial")"
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
