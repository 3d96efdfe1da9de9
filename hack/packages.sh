#!/usr/bin/env bash
# Installs the packages of hack/packages.txt where that is possible: those for real kubelets, or those for
# what is asked for (tests: with those for kubelets); elsewhere says which part will not run.
# Never fails by itself: the tests decide, and with CI=true they do.
set -u
case ${1:-kubelets} in
tests) wanted=" kubelets tests " ;;
*) wanted=" ${1:-kubelets} " ;;
esac
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# there reports whether one of the programs A|B is.
there() {
	local name
	for name in ${1//|/ }; do
		command -v "$name" >/dev/null && return
	done
	return 1
}

need=()
while read -r program package purpose _; do
	case $wanted in
	*" $purpose "*) there "$program" || need+=(${package//,/ }) ;;
	esac
done < <(grep -v '^#' "${BASH_SOURCE[0]%.sh}.txt")
[ ${#need[@]} -eq 0 ] && exit 0
need=($(printf '%s\n' "${need[@]}" | sort -u))
if [ "$(uname -s)" != Linux ]; then
	echo "packages: real kubelets run on Linux only; recorded kubelet pages stand in for them" >&2
elif [ "$(id -u)" -ne 0 ]; then
	echo "packages: not root, cannot install ${need[*]}: real kubelets will not run, recorded kubelet pages stand in for them" >&2
elif ! command -v apt-get >/dev/null; then
	echo "packages: no apt-get here; install ${need[*]} to run real kubelets" >&2
else
	echo "packages: installing ${need[*]}" >&2
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get install -y -qq --no-install-recommends "${need[@]}" || { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${need[@]}"; }; } >&2
fi
exit 0
