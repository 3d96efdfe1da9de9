#!/usr/bin/env bash
# Fills a folder with links to the programs of hack/packages.txt and to those that every Debian has: a PATH
# with which a program that somebody starts but nobody installs is missing here too. Prints that PATH; where
# there is no dpkg to ask, prints the PATH as it is.
set -euo pipefail
dir=$1
if ! command -v dpkg-query >/dev/null; then
	echo "$PATH"
	exit
fi
rm -rf "$dir"
mkdir -p "$dir"
dir=$(realpath "$dir")
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
basics=$(dpkg-query -W -f '${Essential} ${Priority} ${Package}\n' | awk '$1 == "yes" || $2 == "required" { print $3 }')
{
	grep -v '^#' "${BASH_SOURCE[0]%/*}/packages.txt" | awk '{ gsub(/\|/, "\n", $1); print $1 }'
	# Of the alternatives, awk is called by the name that no package has; git's scripts call perl.
	dpkg-query -L $basics | sed -nE 's,^(/usr)?/s?bin/([^/]+)$,\2,p'
	printf '%s\n' awk which
} | sort -u | while read -r name; do
	case $name in /*) continue ;; esac
	file=$(type -P "$name") && ln -s "$file" "$dir/$name" || true
done
echo "$dir"
