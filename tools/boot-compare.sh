#!/bin/sh
# SPDX-License-Identifier: MIT
#
# boot-compare.sh PROGRAM - the boot order of a gocrt program next to that of a Go program, both as
# gdb meets the steps. Fails when they differ. Without a Go toolchain it prints ours alone.

set -eu
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$here/boot-order.sh" "$1" >"$tmp/ours"
PATH=$PATH:$(echo /usr/local/go/bin /usr/lib/go-*/bin | tr ' ' :)
if ! command -v go >/dev/null; then
	cat "$tmp/ours"
	echo "boot-compare: no Go toolchain here to compare with (make setup-bench installs one)" >&2
	exit 0
fi

printf 'package main\n\nfunc main() { println("hello") }\n' >"$tmp/hello.go"
(cd "$tmp" && GOCACHE=$tmp/cache GOFLAGS=-mod=mod GO111MODULE=off go build -o hello hello.go)
"$here/boot-order.sh" --go "$tmp/hello" >"$tmp/go"

# Ours under Go's names, set beside Go's; then our names again.
awk 'NR == FNR { if (!/^#/) name[$1] = $2; next } { print name[$1] }' \
	"$here/boot.txt" "$tmp/ours" >"$tmp/ours.translated"
same=yes
diff --side-by-side --width=80 --expand-tabs "$tmp/ours.translated" "$tmp/go" >"$tmp/both" || same=no

printf '%-28s%s\n\n' gocrt "$(go version | cut -d' ' -f3)"
awk 'NR == FNR { if (!/^#/) name[$2] = $1; next }
	$1 == ">" { printf "%-24s  > %s\n", "", $2; next }
	$2 == "<" { printf "%-24s  <\n", name[$1]; next }
	{ printf "%-24s  %s %s\n", name[$1], NF == 3 ? "|" : " ", $NF }' "$here/boot.txt" "$tmp/both"
if [ $same = yes ]; then
	printf '\n%d steps, the same order\n' "$(wc -l <"$tmp/go")"
else
	printf '\nthe orders differ where marked\n'
	exit 1
fi
