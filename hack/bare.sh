#!/usr/bin/env bash
# Runs README's commands, or those given as arguments, on a bare machine: a minimal Debian with git, make,
# curl, certificates and this Go toolchain, and in it a clone of HEAD. Says what each took, and which programs
# it did not find. Needs root and mmdebstrap. Nothing is left: file systems are mounted in a namespace of
# their own, processes run in one, and the folder is deleted.
#
#   BARE='install demo test'  which commands, in that order, on the same machine
#   BARE_MODCACHE=1           Go modules come from this machine's module cache, where it has them
#   BARE_BINARIES=1           the Kubernetes binaries of this user are used: what is missing, not how long it takes
set -euo pipefail
self=$(realpath "${BASH_SOURCE[0]}")
cd "$(dirname "$self")/.."

command_of() { # what README says, for one of the words of BARE; else the word
	case $1 in
	install) echo 'make install && PATH=$PATH:/root/go/bin && kubectl-sidecar version' ;;
	demo | test) echo "make $1" ;;
	*) echo "$1" ;;
	esac
}

# debian makes the machine from the package sources of this one, with its proxies and certificates.
debian() {
	local root=$1 sources settings=$1.apt
	sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' | sort -u)
	[ -n "$sources" ] || { echo "bare: no package lists of Debian here: apt-get update" >&2 && return 1; }
	apt-config dump | grep -E '^Acquire::(http|https|Check)[^ ]* ' >"$settings" || true
	mmdebstrap --quiet --variant=minbase --include=git,make,curl,ca-certificates --aptopt="$settings" \
		"$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" - <<<"$sources"
	if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
		cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
		chroot "$root" update-ca-certificates >/dev/null
	fi
	git clone --quiet "file://$PWD" "$root/root/kubectl-sidecar"
	git -C "$root/root/kubectl-sidecar" checkout --quiet --detach "$(git rev-parse HEAD)"
}

# inside runs a command on the machine, as the first process of its namespaces: whatever it leaves is
# killed and counted with it.
inside() {
	local root=$1 command=$2 settings=(HOME=/root USER=root LANG=C.UTF-8 PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
	local proxy name
	proxy=$(go env GOPROXY)
	mount --bind "$root" "$root"
	mkdir -p "$root/usr/local/go" "$root/modules" "$root/before"
	mount --bind -o ro "$(go env GOROOT)" "$root/usr/local/go"
	if [ -n "${BARE_MODCACHE:-}" ]; then
		mount --bind -o ro "$(go env GOMODCACHE)" "$root/modules"
		proxy=file:///modules/cache/download,$proxy
	fi
	if [ -n "${BARE_BINARIES:-}" ]; then
		mkdir -p "$root/root/.cache/kubectl-sidecar/kubernetes"
		mount --bind -o ro "${XDG_CACHE_HOME:-$HOME/.cache}/kubectl-sidecar/kubernetes" "$root/root/.cache/kubectl-sidecar/kubernetes"
	fi
	mount -t proc proc "$root/proc"
	for name in sys dev; do mount --rbind "/$name" "$root/$name"; done
	mount -t tmpfs tmpfs "$root/run"
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
	settings+=(GOPROXY="$proxy")
	for name in GOSUMDB GOPRIVATE GONOPROXY GONOSUMDB GOINSECURE; do settings+=("$name=$(go env "$name")"); done
	while read -r name; do settings+=("$name=${!name}"); done < <(compgen -e | grep -iE '^(https?|no|all)_proxy$|^npm_config_registry$')
	# A root of its own, since containers cannot be started from a chroot.
	cd "$root"
	pivot_root . before
	cd /
	exec env -i "${settings[@]}" bash -c "umount -l /before && cd /root/kubectl-sidecar && { $command; }; exit \$?"
}

if [ "${1:-}" = inside ]; then
	inside "$2" "$3"
fi

steps=("$@")
[ $# -gt 0 ] || steps=(${BARE:-install demo test})
[ "$(id -u)" -eq 0 ] || { echo "bare: needs root" >&2 && exit 1; }
hack/packages.sh bare
mkdir -p .cache/bare
work=$(mktemp -d "$(realpath .cache)/bare/XXXXXX")
trap 'rm -rf --one-file-system "$work"; rmdir --ignore-fail-on-non-empty .cache/bare' EXIT
echo "bare: making a Debian"
debian "$work/root"

TIMEFORMAT='%R %U %S'
failed=0 summary=
for step in "${steps[@]}"; do
	command=$(command_of "$step")
	echo "bare: $command"
	status=0
	{ time unshare --mount --pid --fork --kill-child -- "$self" inside "$work/root" "$command" </dev/null 2>&1 | tee "$work/log" >&3; } 3>&1 2>"$work/time" || status=$?
	summary+=$(awk -v step="$step" -v status="$status" '{ printf "bare: %-8s exit %d, %.0f s of the clock, %.0f s of CPUs", step, status, $1, $2 + $3 }' "$work/time")$'\n'
	[ "$status" -eq 0 ] || failed=1
	missing=$(grep -oE '[A-Za-z0-9_./-]+: (command )?not found|"[^"]+": executable file not found|[a-z0-9-]+: No such file or directory$|spawn [^ ]+ ENOENT' "$work/log" | sort -u) || true
	[ -z "$missing" ] || summary+=$(sed 's/^/bare:   missing? /' <<<"$missing")$'\n'
done
printf %s "$summary"
exit "$failed"
