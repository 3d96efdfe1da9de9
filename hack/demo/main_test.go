package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEndsWell: where no cluster can be started the recorded part is shown, and it says why that is all.
func TestEndsWell(t *testing.T) {
	for _, test := range []struct {
		name string
		demo demo
		says string
	}{
		{"asked for", demo{goos: "linux", recorded: true}, "without -recorded a real cluster is started"},
		{"no Linux", demo{goos: "darwin", uid: 501}, "a real cluster can be started on Linux only"},
		{"no Linux, pages", demo{goos: "windows", uid: -1, pages: true}, "on Linux only"},
		{"not root", demo{goos: "linux", uid: 1000}, "a real kubelet needs root. An API server does not: bin/demo -without-kubelets"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, messages bytes.Buffer
			test.demo.out, test.demo.messages, test.demo.version = &out, &messages, "v1"
			if err := test.demo.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(messages.String(), test.says) {
				t.Errorf("said: %s", &messages)
			}
			for _, want := range []string{"$ kubectl sidecar doctor -f ", "$ kubectl sidecar why -f ", "× not ready"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("did not show %s", want)
				}
			}
		})
	}
}

// TestStartsWhereItCan: root on Linux, and anybody on Linux who does without kubelets.
func TestStartsWhereItCan(t *testing.T) {
	for _, d := range []demo{{goos: "linux"}, {goos: "linux", uid: 1000, pages: true}} {
		if why := d.onlyRecorded(); why != "" {
			t.Errorf("%+v: %s", d, why)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := demo{goos: "linux", out: &bytes.Buffer{}, messages: &bytes.Buffer{}}
	if err := d.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestSmall: the first report is there as soon as this is compiled, so it must not need what takes minutes.
func TestSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 100 || len(packages) > 420 {
		t.Errorf("%d packages", len(packages))
	}
	for _, p := range packages {
		for _, slow := range []string{"k8s.io/client-go", "k8s.io/apiserver", "k8s.io/cli-runtime", "github.com/spf13/cobra", "internal/collect", "sidecar/test/cluster/webhook"} {
			if strings.Contains(p, slow) {
				t.Errorf("the demo imports %s", p)
			}
		}
	}
}

// TestNeeds: what was found is not built, and what is built is the least that the demo needs.
func TestNeeds(t *testing.T) {
	own := []string{"kubectl-sidecar", "demo-live", "keeper", "strip"}
	kubelets := append(own[:len(own):len(own)], "server", "tool")
	at := func(version string, minor int) program {
		return program{file: "/somewhere/it", version: version, minor: minor}
	}
	for _, test := range []struct {
		name  string
		found found
		pages bool
		built []string
		args  string
	}{
		{"nothing found", found{}, false, append([]string{"etcd", "kube-apiserver", "kubelet"}, kubelets...), "-kubelet v1."},
		{"nothing found, pages", found{}, true, append([]string{"etcd", "kube-apiserver"}, own...), ""},
		{"all found", found{apiServer: at("v1.33.1", 33), etcd: at("v3.5.9", 5), kubelet: at("v1.32.9", 32)}, false, kubelets,
			"-etcd /somewhere/it -apiserver v1.33.1=/somewhere/it -kubelet v1.32.9=/somewhere/it"},
		{"another API server", found{apiServer: at("v1.33.1", 33), etcd: at("v3.5.9", 5)}, false, own, "-apiserver v1.33.1=/somewhere/it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := demo{root: root, pages: test.pages, version: "v1"}
			n, err := d.needs(test.found, "1.37")
			if err != nil {
				t.Fatal(err)
			}
			var built []string
			for _, target := range n.targets {
				name, _, _ := strings.Cut(target.Name, " ")
				built = append(built, name)
			}
			if strings.Join(built, " ") != strings.Join(test.built, " ") {
				t.Errorf("builds %q, want %q", built, test.built)
			}
			if args := strings.Join(n.arguments(), " "); !strings.Contains(args, test.args) || strings.Contains(test.args, "-kubelet ") != strings.Contains(args, "-kubelet ") {
				t.Errorf("arguments %s", args)
			}
		})
	}
}

// TestPackages: what is installed is said, and the rest of what the installer says is for who needs it.
func TestPackages(t *testing.T) {
	var messages bytes.Buffer
	d := demo{root: t.TempDir(), messages: &messages}
	if err := os.Mkdir(filepath.Join(d.root, "hack"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho 'packages: installing runc' >&2\necho 'Unpacking runc ...'\n"
	if err := os.WriteFile(filepath.Join(d.root, "hack", "packages.sh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	said, err := d.installPackages(t.Context())
	if err != nil || said != "Unpacking runc ...\n" || messages.String() != "demo: installing runc\n" {
		t.Errorf("%v, %q, %q", err, said, &messages)
	}
}
