#!/bin/sh
# SPDX-License-Identifier: MIT
#
# boot-order.sh [--bt] [--go] PROGRAM - the steps of tools/boot.txt, one a line, in the order in
# which the program first reaches them. --bt: each with its callers. --go: a Go program.

set -eu
column=1 backtraces=False
while :; do
	case ${1-} in
	--bt) backtraces=True ;;
	--go) column=2 ;;
	*) break ;;
	esac
	shift
done
[ $# = 1 ] || { echo "usage: boot-order.sh [--bt] [--go] PROGRAM" >&2; exit 2; }

here=$(dirname "$0")
steps=$(awk -v column=$column '!/^#/ && NF { printf "\"%s\",", $column }' "$here/boot.txt")
# What gdb itself says goes nowhere; the steps come out by descriptor 3.
exec gdb -batch -nx -iex 'set auto-load off' -ex "py steps, backtraces = [$steps], $backtraces" \
	-x "$here/boot.py" "$1" 3>&1 >/dev/null
