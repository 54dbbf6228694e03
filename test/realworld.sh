#!/bin/bash
# SPDX-License-Identifier: MIT
#
# realworld.sh [PACKAGE...] - programs that nobody wrote for gocrt: sources of Debian's packages, built
# by gocrt-gcc as they are and put to the tests that come with them, on one P and on two. A line for
# each; the last is "N passed, N failed". Everything is kept in build/realworld: sources and their lists,
# which are fetched once and do not touch the system's, and a log of each step.
#
# To add one: fetch_NAME (if its source is called otherwise), build_NAME, and test_NAME, which prints
# how many of its tests passed, and whose status says whether all did.

set -u
cd "$(dirname "$0")/.." || exit 1
here=$PWD/test/realworld
work=$PWD/build/realworld
CC=$PWD/build/bin/gocrt-gcc
export CC DEBIAN_FRONTEND=noninteractive LC_ALL=C TERM=xterm
: "${STEP_SECONDS:=300}"
all=(zlib lua mawk jim redis)
declare -A source=([zlib]=zlib [lua]=lua5.4 [mawk]=mawk [jim]=jimtcl [redis]=redis)
passed=0 failed=0

die() {
	echo "realworld: $*" >&2
	exit 1
}

# ---- sources ----

# apt-get with a list of sources and a state of its own.
apt() {
	apt-get -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" \
		-o APT::Sandbox::User=root "$@"
}

# The places that the system has its packages from, for sources.
list_sources() {
	local key=/usr/share/keyrings/debian-archive-keyring.gpg options=
	[ ! -f $key ] || options="[signed-by=$key]"
	# shellcheck disable=SC2016 # apt's variables
	apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
		awk -F'|' -v options="$options" '$1 == "Debian" && !seen[$2 $3 $4]++ {
			print "deb-src", options, $2, $3, $4 }'
}

fetch_lists() {
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
	list_sources >"$work/sources.list"
	[ -s "$work/sources.list" ] || die "no Debian archive is known here: run apt-get update"
	apt update >"$work/lists.log" 2>&1 || die "no list of sources: see $work/lists.log"
}

# The unpacked source of a package, in $work/NAME.
fetch() {
	local dir=$work/fetch/$1
	if [ ! -f "$dir/done" ]; then
		[ -s "$work/sources.list" ] || fetch_lists
		rm -rf "$dir" && mkdir -p "$dir"
		(cd "$dir" && apt source --download-only "${source[$1]}" && touch done) \
			>"$work/$1.fetch.log" 2>&1 || return
	fi
	rm -rf "${work:?}/$1"
	dpkg-source -x "$dir"/*.dsc "$work/$1" >>"$work/$1.fetch.log" 2>&1
}

# ---- each package ----

build_zlib() {
	CFLAGS=-O2 ./configure --static && make -j2 example minigzip example64 minigzip64
}

# Its own make test, then files through minigzip and back.
test_zlib() {
	make test | tee /dev/stderr | grep -c 'test OK \*\*\*'
	for file in *.c build/* /usr/bin/gcc; do
		[ ! -f "$file" ] || ./minigzip <"$file" | ./minigzip64 -d | cmp - "$file" >&2 || return
	done
	make test | grep -q FAILED && return 1
	cp zlib.3 t && ./minigzip t && gzip -dc t.gz | cmp - zlib.3 >&2
}

# Debian's Makefile builds a shared library by libtool; this is what upstream's comes to.
build_lua() {
	echo '#define DEB_HOST_MULTIARCH "none"' >src/lua5.4-deb-multiarch.h
	mv src/luac.c src/luac.c.not
	"$CC" -std=gnu99 -O2 -DLUA_COMPAT_5_3 -DLUA_USE_LINUX -Wl,-E src/*.c -lm -o lua
}
test_lua() {
	./lua "$here/lua.lua" | sed -n 's/ passed$//p'
	[ "${PIPESTATUS[0]}" = 0 ]
}

build_mawk() {
	CC="$CC" ./configure && make -j2
}
test_mawk() {
	make mawk_test fpe_test >"$work/mawk.out" 2>&1
	local status=$?
	cat "$work/mawk.out" >&2
	grep -cE ' OK$' "$work/mawk.out"
	[ $status = 0 ] && ! grep -qi 'failed' "$work/mawk.out"
}

build_jim() {
	./configure --full --disable-shared --disable-ssl --without-ext=zlib --ipv6 --math --utf8 &&
		make -j2
}
test_jim() {
	make test >"$work/jim.out" 2>&1
	local status=$?
	cat "$work/jim.out" >&2
	sed -n 's/.*Totals:.*Passed *\([0-9]*\).*/\1/p' "$work/jim.out"
	return $status
}

build_redis() {
	make -j2 CC="$CC" MALLOC=libc USE_SYSTEMD=no
}
# What its threads, its children, its timers and its network do; the whole suite takes a quarter
# of an hour. One test of Debian's (in unit/dump) is wrong with any libc.
test_redis() {
	local unit units=()
	for unit in unit/type/string unit/type/hash unit/expire unit/pubsub unit/multi unit/scripting \
		unit/other unit/lazyfree integration/aof integration/rdb integration/replication-2; do
		units+=(--single "$unit")
	done
	./runtest --clients 2 "${units[@]}" 2>&1 | tee /dev/stderr |
		sed 's/\x1b\[[0-9;]*m//g' | grep -c '^\[ok\]'
	[ "${PIPESTATUS[0]}" = 0 ]
}

# ---- all of them ----

# Whether every program in the folder that is linked at all was booted by gocrt.
ours() {
	find . -maxdepth 2 -type f -perm -u+x -exec sh -c \
		'for f; do nm "$f" 2>/dev/null | grep -q " T main$" || continue
		nm "$f" | grep -q " runtime_rt0_go$" || echo "$f"; done' sh {} + | grep . && return 1
	return 0
}

# In a subshell of its own, so that a time limit ends all of it.
step() { # step LOG FUNCTION
	(cd "$work/$name" && timeout --kill-after=5 "$STEP_SECONDS" bash -c "$2" >"$3" 2>"$work/$1.log" </dev/null)
}

run_package() {
	local name=$1 procs status count
	if ! fetch "$name"; then
		echo "$name: not fetched: see $work/$name.fetch.log"
		failed=$((failed + 1))
		return
	fi
	if ! step "$name.build" "build_$name && ours" "$work/$name.build.out"; then
		echo "$name: not built: see $work/$name.build.log"
		failed=$((failed + 1))
		return
	fi
	for procs in 1 2; do
		GOMAXPROCS=$procs step "$name.$procs" "test_$name" "$work/$name.count"
		status=$?
		count=$(cat "$work/$name.count")
		: "${count:=0}"
		passed=$((passed + count))
		printf '%-8s GOMAXPROCS=%s  %5d passed\n' "$name" "$procs" "$count"
		[ $status = 0 ] && [ "$count" -gt 0 ] && continue
		failed=$((failed + 1))
		echo "    failed with status $status: see $work/$name.$procs.log"
	done
}

[ -x "$CC" ] || die "run make first"
tools/setup.sh gcc libc6-dev make musl-tools dpkg-dev tcl gzip >"/dev/null" || exit 1
mkdir -p "$work"
export work here
for name in "${all[@]}"; do export -f "build_$name" "test_$name"; done
export -f ours
[ $# -gt 0 ] || set -- "${all[@]}"
for package; do
	[ -n "${source[$package]-}" ] || die "$package: not one of ${all[*]}"
	run_package "$package"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
