#!/usr/bin/env bash
# Runs every test of the module and says what was skipped. With CI=true a skip is a failure.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Verbose, so that skips can be counted; shown are verdicts, failures and skips.
go test -v -timeout 40m -p "${TEST_PARALLEL:-2}" ./... 2>&1 | tee "$log" |
	grep --line-buffered -vE '^(=== |    --- PASS|--- PASS|PASS$)|no test files'
status=${PIPESTATUS[0]}
skipped=$(grep -cE '^ *--- SKIP' "$log")
if [ "$skipped" -gt 0 ]; then
	echo "$skipped tests did not run:"
	grep -A1 -E '^ *--- SKIP' "$log"
	[ "${CI:-}" = true ] && status=1
fi
exit "$status"
