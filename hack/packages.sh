#!/usr/bin/env bash
# Installs what real kubelets need (containerd, runc, CNI plugins) where that is possible, and, asked
# for "tests", the programs that the outputs are tried with; elsewhere says which part will not run.
# Never fails by itself: the tests decide, and with CI=true they do.
set -u
need=()
command -v containerd >/dev/null || need+=(containerd)
command -v runc >/dev/null || [ -x /usr/sbin/runc ] || need+=(runc)
command -v ip >/dev/null || [ -x /sbin/ip ] || need+=(iproute2)
command -v iptables >/dev/null || [ -x /usr/sbin/iptables ] || need+=(iptables)
[ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || need+=(containernetworking-plugins)
if [ "${1:-}" = tests ]; then
	command -v strace >/dev/null || need+=(strace) # test/rights: who is connected to
	command -v xmllint >/dev/null || need+=(libxml2-utils) # test/formats: JUnit documents
	command -v buildah >/dev/null || need+=(buildah) # test/deploy: the Containerfile
	command -v chromium >/dev/null || need+=(chromium fonts-dejavu-core) # test/html: pages in a browser
	command -v npm >/dev/null || need+=(nodejs npm) # test/ci: the template for GitLab
fi
[ ${#need[@]} -eq 0 ] && exit 0
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
