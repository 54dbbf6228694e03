#!/bin/bash
# SPDX-License-Identifier: MIT
#
# stress.sh SUITE... - run the suites that test whole programs STRESS times (default 20) for each of
# GOMAXPROCS=1, 2, 8, with the release build and with the debug build, whose scheduler decides at
# random. A suite tests whole programs when it calls prog() of run.h, which looks for them in PROGDIR.
# What a failing run printed is kept in build/stress; the sums come last.

set -u
: "${STRESS:=20}" "${TEST_TIMEOUT:=300}"
out=build/stress
mkdir -p $out
runs=0 failed=0

for suite; do
	name=$(basename "$suite")
	grep -q '\<prog("' "test/$name.c" || continue
	for dir in prog prog-debug; do
		for procs in 1 2 8; do
			bad=0
			for i in $(seq "$STRESS"); do
				log=$out/$name.$dir.$procs.$i
				PROGDIR=build/test/$dir GOMAXPROCS=$procs \
					timeout --kill-after=5 "$TEST_TIMEOUT" "$suite" >"$log" 2>&1
				status=$?
				runs=$((runs + 1))
				if [ $status = 0 ]; then
					rm -f "$log"
					continue
				fi
				bad=$((bad + 1))
				echo "status $status: PROGDIR=build/test/$dir GOMAXPROCS=$procs $suite, output in $log"
			done
			failed=$((failed + bad))
			printf '%-24s %-12s GOMAXPROCS=%d %4d of %d runs failed\n' "$name" $dir "$procs" $bad "$STRESS"
		done
	done
done

echo "$runs runs, $failed failed"
[ $failed = 0 ]
