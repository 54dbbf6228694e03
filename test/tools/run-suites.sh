#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run-suites.sh SUITE... - run Criterion suites one after the other and add up their results. The
# last line is "N passed, N failed", before it what the failed ones said. A suite that ends without
# a result (killed by its time limit, crashed outside of a test) counts as one failure.
# TEST_TIMEOUT: seconds for a suite; TESTFLAGS: more arguments for each.

set -u
: "${TEST_TIMEOUT:=150}"
passed=0 failed=0
log=$(mktemp) failures=$(mktemp)
trap 'rm -f "$log" "$failures"' EXIT

# The number after a label of Criterion's closing line, "Tested: 3 | Passing: 3 | Failing: 0 | ..."
field() {
	sed 's/\x1b\[[0-9;]*m//g' "$log" | sed -n "s/.*Synthesis:.*$1: \([0-9]*\).*/\1/p" | tail -n 1
}

for suite; do
	start=$SECONDS
	# shellcheck disable=SC2086
	timeout --kill-after=5 "$TEST_TIMEOUT" "$suite" ${TESTFLAGS-} >"$log" 2>&1
	status=$?
	pass=$(field Passing) fail=$(field Failing) note=
	[ -n "$fail" ] || note="no result, status $status"
	[ $status != 124 ] && [ $status != 137 ] || note="stopped after $TEST_TIMEOUT s"
	: "${pass:=0}" "${fail:=0}"
	[ $status = 0 ] || [ "$fail" != 0 ] || fail=1
	passed=$((passed + pass)) failed=$((failed + fail))
	line=$(printf '%-28s %4d passed %4d failed %4d s  %s' "$(basename "$suite")" "$pass" "$fail" \
		$((SECONDS - start)) "$note")
	echo "$line"
	[ $status = 0 ] || { echo "$line" && sed 's/^/    /' "$log"; } >>"$failures"
done

cat "$failures"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
