#!/usr/bin/env bash
# Runs a command while something else keeps every core busy: hack/stress.sh make test
set -euo pipefail
"$(dirname "${BASH_SOURCE[0]}")/packages.sh" stress
stress-ng --quiet --cpu "$(nproc)" &
trap 'kill $!' EXIT
time "$@"
