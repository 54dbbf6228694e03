#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-exports.sh OBJECT LIST - the object's global symbols are exactly the list's, and no listed
# symbol can clash with a name of a program's own: each begins with go or an underscore, or replaces
# a member of libc.a.

set -eu
object=$1 list=$2
libc=${MUSL_LIB:-/usr/lib/$(uname -m)-linux-musl}/libc.a
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C

sed 's/#.*//' "$list" | tr -s ' \t' '\n' | sed '/^$/d' | sort >"$tmp/listed"
nm --defined-only --extern-only --format=posix "$object" | cut -d' ' -f1 | sort >"$tmp/exported"
nm --defined-only --extern-only --format=posix "$libc" 2>/dev/null | cut -d' ' -f1 | sort -u >"$tmp/libc"

status=0
complain() { # complain MESSAGE <SYMBOLS
	while read -r sym; do
		echo "$object: $sym: $1" >&2
		status=1
	done
}
uniq -d "$tmp/listed" >"$tmp/twice"
comm -13 "$tmp/listed" "$tmp/exported" >"$tmp/extra"
comm -23 "$tmp/listed" "$tmp/exported" >"$tmp/absent"
grep -vE '^(go$|go_|_)' "$tmp/exported" | comm -23 - "$tmp/libc" >"$tmp/clash"

complain "exported, but not in $list" <"$tmp/extra"
complain "in $list, but not defined" <"$tmp/absent"
complain "listed twice in $list" <"$tmp/twice"
complain "neither go_*, nor reserved, nor a symbol of libc.a" <"$tmp/clash"
[ $status = 0 ] && echo "$object: $(wc -l <"$tmp/exported") symbols exported, all of them listed"
exit $status
