package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A program of Kubernetes that is on this machine.
type program struct {
	name    string // "kubelet"
	file    string
	version string // "v1.36.3"; of etcd "v3.6.5"
	minor   int
	place   string // where it was found, in words
}

func (p program) String() string { return fmt.Sprintf("%s %s (%s)", p.name, p.version, p.place) }

// A place is a folder, or a pattern of folders, that may have programs.
type place struct{ pattern, words string }

// places are where programs of Kubernetes are kept, the first one that has a usable program counts.
func places(getenv func(string) string) []place {
	var all []place
	add := func(words string, parts ...string) {
		if parts[0] != "" {
			all = append(all, place{filepath.Join(parts...), words})
		}
	}
	home := getenv("HOME")
	add("KUBEBUILDER_ASSETS", getenv("KUBEBUILDER_ASSETS"))
	for _, dir := range filepath.SplitList(getenv("PATH")) {
		add("on PATH", dir)
	}
	add("where this project keeps it", cmp.Or(getenv("XDG_CACHE_HOME"), filepath.Join(home, ".cache")), "kubectl-sidecar", "kubernetes", "*")
	add("setup-envtest's folder", cmp.Or(getenv("XDG_DATA_HOME"), filepath.Join(home, ".local", "share")), "kubebuilder-envtest", "k8s", "*")
	add("kubebuilder's folder", "/usr/local/kubebuilder/bin")
	add("minikube's cache", cmp.Or(getenv("MINIKUBE_HOME"), filepath.Join(home, ".minikube")), "cache", "linux", "*", "v*")
	return all
}

// find returns the programs of one name, in the order of the places, within one the newest first.
func find(ctx context.Context, name string, in []place) []program {
	var out []program
	for _, p := range in {
		files, _ := filepath.Glob(filepath.Join(p.pattern, name))
		var here []program
		for _, file := range files {
			if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
				continue
			}
			found := program{name: name, file: file, place: p.words}
			if found.version, found.minor = versionOf(ctx, file); found.version != "" {
				here = append(here, found)
			}
		}
		slices.SortStableFunc(here, func(a, b program) int { return b.minor - a.minor })
		out = append(out, here...)
	}
	return out
}

var versionLine = regexp.MustCompile(`(?m)^(?:Kubernetes |etcd Version: |k3s version |kind |minikube version: )?v?(\d+)\.(\d+)\.(\d+)`)

// versionOf asks a program for its version; what does not answer, as one for another architecture, has none.
func versionOf(ctx context.Context, file string) (version string, minor int) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, word := range []string{"--version", "version"} {
		cmd := exec.CommandContext(ctx, file, word)
		cmd.WaitDelay = time.Second
		out, err := cmd.Output()
		if m := versionLine.FindStringSubmatch(string(out)); err == nil && m != nil {
			minor, _ = strconv.Atoi(m[2])
			return "v" + strings.Join(m[1:], "."), minor
		}
	}
	return "", 0
}

// What the flags and files of test/cluster are tried with. An API server of 1.27 or older drops the field, which would
// hide everything else that the demo shows.
const (
	oldestAPIServer = 28
	oldestKubelet   = 27
)

// choose takes the first program that is within two minors, and says why it does not take others.
func choose(found []program, oldest, newest int, because string) (chosen program, remarks []string) {
	for _, p := range found {
		switch {
		case p.minor < oldest:
			remarks = append(remarks, fmt.Sprintf("%s is not used: older than 1.%d", p, oldest))
		case p.minor > newest:
			remarks = append(remarks, fmt.Sprintf("%s is not used: %s", p, because))
		default:
			return p, remarks
		}
	}
	return program{}, remarks
}

// A found is what of a cluster is on this machine. What has no file is to be built.
type found struct {
	apiServer, etcd, kubelet program
	remarks                  []string
}

// look chooses what is used. newest is the newest minor that the tests are run with, and that is built: a kubelet
// may not be newer than the API server, and is looked for only where one can run.
func look(ctx context.Context, in []place, newest int, kubelet bool) found {
	var f found
	var remarks []string
	f.apiServer, remarks = choose(find(ctx, "kube-apiserver", in), oldestAPIServer, newest, fmt.Sprintf("newer than 1.%d, the newest that was tried", newest))
	f.remarks = append(f.remarks, remarks...)
	if all := find(ctx, "etcd", in); len(all) > 0 {
		f.etcd = all[0]
	}
	limit, because := f.apiServer.minor, fmt.Sprintf("newer than the API server, %s", f.apiServer.version)
	if f.apiServer.file == "" {
		limit, because = newest, fmt.Sprintf("newer than the API server, 1.%d", newest)
	}
	if kubelet {
		f.kubelet, remarks = choose(find(ctx, "kubelet", in), oldestKubelet, limit, because)
		f.remarks = append(f.remarks, remarks...)
	}
	f.remarks = append(f.remarks, f.shows()...)
	f.remarks = append(f.remarks, distributions(ctx, in)...)
	return f
}

// shows says what is used, and what it cannot show.
func (f found) shows() []string {
	var out []string
	for _, p := range []program{f.apiServer, f.etcd, f.kubelet} {
		if p.file != "" {
			out = append(out, "using "+p.String())
		}
	}
	if f.apiServer.file != "" && f.apiServer.minor >= 33 {
		out = append(out, "an API server from 1.33 on cannot have the gate off: the demo does not show one that drops the field")
	}
	if f.kubelet.file != "" && f.kubelet.minor >= 33 {
		out = append(out, "a kubelet from 1.33 on cannot have the gate off: recorded pages of an older one show that")
	}
	return out
}

// distributions names what makes clusters in its own way, which the demo does not start.
func distributions(ctx context.Context, in []place) []string {
	var out []string
	for _, name := range []string{"k3s", "kind", "minikube"} {
		if all := find(ctx, name, in); len(all) > 0 {
			out = append(out, fmt.Sprintf("%s is here, and not started: its nodes are all of one version, and show no kubelet with the gate off; "+
				"of a cluster that it runs, kubectl sidecar doctor says all it says here", all[0]))
		}
	}
	return out
}
