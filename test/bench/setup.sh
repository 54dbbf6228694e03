#!/bin/sh
# SPDX-License-Identifier: MIT
# Install what the benchmarks compare with and measure by. Safe to run again;
# what cannot be had is named, and its column in the table stays empty.
set -u

PEERS="golang-1.23-go wrk libmimalloc-dev linux-perf"
LIST=/etc/apt/sources.list.d/bookworm-backports.sources

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

installed() {
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

# Is a version of $1 to be had, from whatever sources there are?
available() {
	LC_ALL=C apt-cache policy "$1" | grep -q 'Candidate: [0-9]'
}

# The key that the distribution's own source names: apt refuses two sources of
# one archive that differ in it ("Conflicting values set for option Signed-By").
signed_by() {
	sed -n 's/^Signed-By: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1
}

# Debian 12 has this Go in its backports only.
add_backports() {
	. /etc/os-release # names the Debian release
	[ "${VERSION_CODENAME-}" = bookworm ] || return 0
	grep -qsr bookworm-backports /etc/apt/sources.list /etc/apt/sources.list.d && return 0
	{
		echo "Types: deb"
		echo "URIs: http://deb.debian.org/debian"
		echo "Suites: bookworm-backports"
		echo "Components: main"
		key=$(signed_by)
		[ -z "$key" ] || echo "Signed-By: $key"
	} | as_root tee "$LIST" >/dev/null
	echo "setup-bench: added $LIST"
}

missing=
for p in $PEERS; do installed "$p" || missing="$missing $p"; done
if [ -z "$missing" ]; then
	echo "setup-bench: all here: $PEERS"
	exit 0
fi

available golang-1.23-go || add_backports
as_root apt-get update -qq || echo "setup-bench: apt-get update failed; going on with the lists there are"
for p in $missing; do
	if as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$p" >/dev/null; then
		echo "setup-bench: installed $p"
	else
		echo "setup-bench: cannot install $p; what needs it stays empty" >&2
	fi
done
