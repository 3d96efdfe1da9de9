#!/usr/bin/env bash
# Runs every test of the module and says what was skipped. With CI=true a skip is a failure.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Verbose, so that skips can be counted; shown are verdicts, failures and skips. The first run of all builds a release for
# six platforms beside the clusters: nearly an hour on two cores. Nothing reads the DWARF of a test, and make lint has
# vetted: leaving both out saves minutes of linking.
run() {
	go test -v -vet=off -ldflags=-w -timeout 2h "$@" 2>&1 | tee -a "$log" |
		grep -a --line-buffered -E '^(ok|FAIL|panic|---? FAIL|\?)|^ *--- (FAIL|SKIP)|^ +[a-z_]+_test\.go:[0-9]+:|^sweep' | grep -a --line-buffered -v 'no test files'
	return "${PIPESTATUS[0]}"
}

status=0
# Packages that start clusters run two at a time: half of what they do is waiting. The long ones come first.
clusters='/(internal/collect|test/.*|hack/.*)$'
run -p 2 $(go list ./... | grep -vE "$clusters") || status=1
long='/test/(e2e|release)$'
run -p 2 $(go list ./... | grep -E "$long") $(go list ./... | grep -E "$clusters" | grep -vE "$long") || status=1
(cd test/html && run ./...) || status=1 # a module of its own

echo "what took longest:"
grep -aoE '^--- (PASS|FAIL): \S+ \([0-9.]+s\)' "$log" | sed -E 's/^--- \w+: (\S+) \((.*)s\)/\2s \1/' | sort -rn | head -n 20

skipped=$(grep -acE '^ *--- SKIP' "$log")
if [ "$skipped" -gt 0 ]; then
	echo "$skipped tests did not run:"
	grep -a -A1 -E '^ *--- SKIP' "$log"
	[ "${CI:-}" = true ] && status=1
fi
if [ "$status" -ne 0 ]; then
	echo "what the tests that failed printed, and the end of it all:"
	awk '
		/^=== (RUN|NAME|CONT|PAUSE) / { name = $3; next }
		/^ *--- FAIL: / { failed[$3] = 1; order[++n] = $3; next }
		/^ *--- (PASS|SKIP): |^(ok|FAIL|PASS)/ { name = ""; next }
		name != "" && ++lines[name] <= 100 { said[name] = said[name] $0 "\n" }
		END { for (i = 1; i <= n; i++) printf "--- FAIL: %s\n%s", order[i], said[order[i]] }
	' "$log"
	tail -n 20 "$log"
fi
exit "$status"
