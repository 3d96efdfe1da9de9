package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestVersions: what is not a version of a release builds nothing.
func TestVersions(t *testing.T) {
	for version, ok := range map[string]bool{
		"v0.1.0": true, "v1.20.3-rc.1": true,
		"": false, "0.1.0": false, "v0.1": false, "v01.0.0": false, "v0.1.0 ": false, "v0.1.0-dirty..x": false, "4317429": false, "v0.1.0+build": false,
	} {
		if _, err := parse([]string{"-version", version}); (err == nil) != ok {
			t.Errorf("-version %q: %v", version, err)
		}
	}
}

// TestFill: a template that lost a platform, or its version, is not filled in halfway.
func TestFill(t *testing.T) {
	text, err := os.ReadFile("../../" + template)
	if err != nil {
		t.Fatal(err)
	}
	r := &release{version: "v9.8.7", url: "https://mirror.example/x", platforms: platforms}
	sum := func(archive string) (string, error) { return "sum of " + archive, nil }
	got, err := r.fill(string(text), sum)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range platforms {
		want := "      uri: https://mirror.example/x/v9.8.7/" + p.archive() + "\n      sha256: \"sum of " + p.archive() + "\"\n      bin: " + p.binary() + "\n"
		if strings.Count(got, want) != 1 {
			t.Errorf("%s is not in it as\n%s", p, want)
		}
	}
	if strings.Contains(got, "v0.1.0") || strings.Contains(got, strings.Repeat("0", 64)) || !strings.HasPrefix(got, "apiVersion: ") {
		t.Errorf("something of the template is left:\n%s", got)
	}
	for name, broken := range map[string]string{
		"no version":       strings.Replace(string(text), "  version: v0.1.0\n", "", 1),
		"a platform less":  strings.Replace(string(text), "kubectl-sidecar_linux_arm64.tar.gz", "other.tar.gz", 1),
		"a platform twice": strings.Replace(string(text), "kubectl-sidecar_linux_arm64.tar.gz", "kubectl-sidecar_linux_amd64.tar.gz", 1),
		"empty":            "",
	} {
		if _, err := r.fill(broken, sum); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	missing := errors.New("no such archive")
	if _, err := r.fill(string(text), func(string) (string, error) { return "", missing }); !errors.Is(err, missing) {
		t.Errorf("without an archive: %v", err)
	}
}
