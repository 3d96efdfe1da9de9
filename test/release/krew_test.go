package release

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// A manifest is what this test reads of krew's manifest.
type manifest struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string `json:"version"`
		ShortDescription string `json:"shortDescription"`
		Platforms        []struct {
			URI    string `json:"uri"`
			SHA256 string `json:"sha256"`
		} `json:"platforms"`
	} `json:"spec"`
}

func readManifest(t *testing.T, name string) manifest {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := yaml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestKrewTemplate: the manifest in the sources is one that krew takes, and cannot be installed by
// mistake: its sums are of no file.
func TestKrewTemplate(t *testing.T) {
	u := newUser(t, "none")
	text, err := os.ReadFile(filepath.Join(top, "plugins", "krew.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(u.home, "sidecar.yaml") // krew wants the file to be named as the plugin
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	u.run(t, "validate-krew-manifest", "-manifest", file, "-skip-install")
	m := readManifest(t, file)
	if len(m.Spec.ShortDescription) > 50 {
		t.Errorf("shortDescription has %d characters; krew's index takes 50", len(m.Spec.ShortDescription))
	}
	for _, p := range m.Spec.Platforms {
		if p.SHA256 != strings.Repeat("0", 64) {
			t.Errorf("%s has a sum already: %s", p.URI, p.SHA256)
		}
	}
}

// TestKrewManifest: krew's own checker downloads and installs the archive of every platform, and finds
// the license in each.
func TestKrewManifest(t *testing.T) {
	file := filepath.Join(dist(t), "sidecar.yaml")
	u := newUser(t, "none")
	_, said := u.run(t, "validate-krew-manifest", "-manifest", file)
	if !strings.Contains(said, "all 6 spec.platforms installed fine") {
		t.Errorf("it did not install six platforms:\n%s", said)
	}
	m := readManifest(t, file)
	if m.Spec.Version != version || m.Metadata.Name != "sidecar" {
		t.Errorf("%s %s, want sidecar %s", m.Metadata.Name, m.Spec.Version, version)
	}
}

// archive is the one for this machine.
func archive(t *testing.T) string {
	return filepath.Join(dist(t), fmt.Sprintf("kubectl-sidecar_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH))
}

// TestKrewInstall: from the files of a release, as somebody without network does, then run by kubectl.
func TestKrewInstall(t *testing.T) {
	u := newUser(t, "none")
	manifest := filepath.Join(dist(t), "sidecar.yaml")
	u.run(t, "kubectl", "krew", "install", "--manifest="+manifest, "--archive="+archive(t))
	u.isInstalled(t)

	// An archive that is not the one of the manifest is refused.
	other := newUser(t, "none")
	wrong := filepath.Join(other.home, "wrong.tar.gz")
	if err := os.WriteFile(wrong, []byte("not that archive"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, said, err := other.try(t, "kubectl", "krew", "install", "--manifest="+manifest, "--archive="+wrong); err == nil || !strings.Contains(said, "checksum does not match") {
		t.Errorf("a wrong archive: %v\n%s", err, said)
	}
}

// TestKrewManifestURL: from the address of the release's manifest alone.
func TestKrewManifestURL(t *testing.T) {
	dist(t)
	u := newUser(t, "none")
	u.run(t, "kubectl", "krew", "install", "--no-update-index", "--manifest-url="+url+"/"+version+"/sidecar.yaml")
	u.isInstalled(t)
}

// TestKrewIndex: the layout that a release makes is an index for krew once it is in git.
func TestKrewIndex(t *testing.T) {
	u := newUser(t, "none")
	index := filepath.Join(u.home, "index")
	if err := os.CopyFS(index, os.DirFS(filepath.Join(dist(t), "krew-index"))); err != nil {
		t.Fatal(err)
	}
	u.run(t, "git", "init", "-q", index)
	u.run(t, "git", "-C", index, "add", ".")
	u.run(t, "git", "-C", index, "commit", "-q", "-m", "sidecar "+version)
	u.run(t, "kubectl", "krew", "index", "add", "sidecar", "file://"+index)
	u.run(t, "kubectl", "krew", "install", "--no-update-index", "sidecar/sidecar")
	u.isInstalled(t)
	if list, _ := u.run(t, "kubectl", "krew", "list"); !strings.Contains(list, "sidecar/sidecar") {
		t.Errorf("krew lists:\n%s", list)
	}
}

// isInstalled lets kubectl find the plugin and run it.
func (u user) isInstalled(t *testing.T) {
	t.Helper()
	got, said := u.run(t, "kubectl", "sidecar", "version")
	want := fmt.Sprintf("kubectl-sidecar %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if got != want || said != "" {
		t.Errorf("kubectl sidecar version prints %q, want %q\n%s", got, want, said)
	}
	list, _ := u.run(t, "kubectl", "plugin", "list")
	if !strings.Contains(list, filepath.Join(u.home, ".krew", "bin", "kubectl-sidecar")+"\n") {
		t.Errorf("kubectl plugin list:\n%s", list)
	}
	if help, _ := u.run(t, "kubectl", "sidecar", "doctor", "--help"); !strings.Contains(help, "\n  kubectl sidecar doctor\n") {
		t.Errorf("the help does not call it as the user did:\n%s", help)
	}
}
