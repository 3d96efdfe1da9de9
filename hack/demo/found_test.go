package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fake writes a program that only knows its version.
func fake(t *testing.T, dir, name, says string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, fmt.Appendf(nil, "#!/bin/sh\n[ \"$1\" = --version ] && echo '%s'\n", says), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// machine is a home and a PATH without any program.
func machine(t *testing.T) (bin, home string, in func(env ...string) []place) {
	t.Helper()
	bin, home = t.TempDir(), t.TempDir()
	return bin, home, func(env ...string) []place {
		settings := map[string]string{"PATH": bin, "HOME": home}
		for i := 0; i < len(env); i += 2 {
			settings[env[i]] = env[i+1]
		}
		return slices.DeleteFunc(places(func(name string) string { return settings[name] }), func(p place) bool {
			return strings.HasPrefix(p.pattern, "/usr/local/kubebuilder") // this machine's own
		})
	}
}

func TestNothingFound(t *testing.T) {
	_, _, in := machine(t)
	f := look(t.Context(), in(), 37, true)
	if f.apiServer.file+f.etcd.file+f.kubelet.file != "" || len(f.remarks) > 0 {
		t.Errorf("%+v", f)
	}
}

// TestKept: what the tests of this project have built is found.
func TestKept(t *testing.T) {
	_, home, in := machine(t)
	built := fake(t, filepath.Join(home, ".cache", "kubectl-sidecar", "kubernetes", "v1.36.3"), "kubelet", "Kubernetes v1.36.3")
	if f := look(t.Context(), in(), 37, true); f.kubelet.file != built {
		t.Errorf("%+v", f.kubelet)
	}
	elsewhere := t.TempDir()
	built = fake(t, filepath.Join(elsewhere, "kubectl-sidecar", "kubernetes", "v1.32.2"), "kubelet", "Kubernetes v1.32.2")
	if f := look(t.Context(), in("XDG_CACHE_HOME", elsewhere), 37, true); f.kubelet.file != built {
		t.Errorf("%+v", f.kubelet)
	}
}

func TestFound(t *testing.T) {
	bin, home, in := machine(t)
	assets := t.TempDir()
	fake(t, bin, "kube-apiserver", "Kubernetes v1.31.4")
	apiServer := fake(t, assets, "kube-apiserver", "Kubernetes v1.33.1")
	etcd := fake(t, bin, "etcd", "etcd Version: 3.5.9\nGit SHA: abc")
	fake(t, bin, "kubelet", "Kubernetes v1.36.0")
	minikube := filepath.Join(home, ".minikube", "cache", "linux", "amd64")
	fake(t, filepath.Join(minikube, "v1.30.2"), "kubelet", "Kubernetes v1.30.2")
	kubelet := fake(t, filepath.Join(minikube, "v1.32.9"), "kubelet", "Kubernetes v1.32.9")
	fake(t, bin, "k3s", "k3s version v1.33.1+k3s1 (abc)\ngo version go1.24")

	f := look(t.Context(), in("KUBEBUILDER_ASSETS", assets), 37, true)
	if f.apiServer.file != apiServer || f.apiServer.version != "v1.33.1" {
		t.Errorf("KUBEBUILDER_ASSETS comes before PATH: %+v", f.apiServer)
	}
	if f.etcd.file != etcd || f.etcd.version != "v3.5.9" {
		t.Errorf("etcd: %+v", f.etcd)
	}
	if f.kubelet.file != kubelet {
		t.Errorf("not newer than the API server, the newest of minikube's: %+v", f.kubelet)
	}
	remarks := strings.Join(f.remarks, "\n")
	for _, want := range []string{
		"kubelet v1.36.0 (on PATH) is not used: newer than the API server, v1.33.1",
		"using kube-apiserver v1.33.1 (KUBEBUILDER_ASSETS)", "using etcd v3.5.9 (on PATH)", "using kubelet v1.32.9 (minikube's cache)",
		"cannot have the gate off: the demo does not show one that drops the field",
		"k3s v1.33.1 (on PATH) is here, and not started",
	} {
		if !strings.Contains(remarks, want) {
			t.Errorf("not said: %s\n%s", want, remarks)
		}
	}
}

// TestNoKubelet: where none can run, none is looked for, nor spoken of.
func TestNoKubelet(t *testing.T) {
	bin, _, in := machine(t)
	fake(t, bin, "kubelet", "Kubernetes v1.36.0")
	if f := look(t.Context(), in(), 37, false); f.kubelet.file != "" || len(f.remarks) > 0 {
		t.Errorf("%+v", f)
	}
}

// TestUnusable: what is too old, for another machine, or no program at all is not taken, and never fails the demo.
func TestUnusable(t *testing.T) {
	bin, _, in := machine(t)
	fake(t, bin, "kube-apiserver", "Kubernetes v1.27.16")
	fake(t, bin, "kubelet", "Kubernetes v1.38.0")
	if err := os.WriteFile(filepath.Join(bin, "etcd"), []byte("\x7fELF for another machine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(bin, "k3s"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := look(t.Context(), in(), 37, true)
	if f.apiServer.file+f.etcd.file+f.kubelet.file != "" {
		t.Errorf("%+v", f)
	}
	want := []string{
		"kube-apiserver v1.27.16 (on PATH) is not used: older than 1.28",
		"kubelet v1.38.0 (on PATH) is not used: newer than the API server, 1.37",
	}
	if !slices.Equal(f.remarks, want) {
		t.Errorf("%q", f.remarks)
	}
}
