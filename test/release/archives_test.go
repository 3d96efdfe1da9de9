package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/hack/docs/manual"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
)

var released = []struct{ os, arch, archive, binary string }{
	{"linux", "amd64", "kubectl-sidecar_linux_amd64.tar.gz", "kubectl-sidecar"},
	{"linux", "arm64", "kubectl-sidecar_linux_arm64.tar.gz", "kubectl-sidecar"},
	{"darwin", "amd64", "kubectl-sidecar_darwin_amd64.tar.gz", "kubectl-sidecar"},
	{"darwin", "arm64", "kubectl-sidecar_darwin_arm64.tar.gz", "kubectl-sidecar"},
	{"windows", "amd64", "kubectl-sidecar_windows_amd64.zip", "kubectl-sidecar.exe"},
	{"windows", "arm64", "kubectl-sidecar_windows_arm64.zip", "kubectl-sidecar.exe"},
}

// TestFiles: a release is these files, and checksums.txt is of all others.
func TestFiles(t *testing.T) {
	want := []string{"checksums.txt", "krew-index/plugins/sidecar.yaml", "sidecar-run_linux_amd64", "sidecar-run_linux_arm64", "sidecar.yaml"}
	for _, r := range released {
		want = append(want, r.archive, fmt.Sprintf("kubectl-sidecar_%s_%s.sbom.json", r.os, r.arch))
	}
	slices.Sort(want)
	var got []string
	err := filepath.WalkDir(dist(t), func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dist(t), name)
			got = append(got, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	u := newUser(t, "none")
	said, _ := u.run(t, "sh", "-c", "cd "+dist(t)+" && sha256sum --check checksums.txt")
	var sums []string
	for _, name := range want {
		if !strings.Contains(name, "/") && name != "checksums.txt" {
			sums = append(sums, name+": OK")
		}
	}
	if diff := cmp.Diff(strings.Join(sums, "\n")+"\n", said); diff != "" {
		t.Errorf("sha256sum --check (-want +got):\n%s", diff)
	}
}

// An entry is a file of an archive: its sum stands for what is in it, which may be long.
type entry struct {
	Mode os.FileMode
	Time string
	Sum  [sha256.Size]byte
}

func sum(data []byte) [sha256.Size]byte { return sha256.Sum256(data) }

// TestArchives: each has the binary of its platform, built from nothing but the sources, the license,
// and where there is a shell and man the completion script and the man pages.
func TestArchives(t *testing.T) {
	license, err := os.ReadFile(filepath.Join(top, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := manual.Man()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range released {
		t.Run(r.archive, func(t *testing.T) {
			entries, data := unpack(t, filepath.Join(dist(t), r.archive))
			built(t, data[r.binary], r.os, r.arch)
			want := map[string]entry{
				"LICENSE": {0o644, "1980-01-01", sum(license)},
				r.binary:  {0o755, "1980-01-01", sum(data[r.binary])},
			}
			if r.os != "windows" {
				want["kubectl_complete-sidecar"] = entry{0o755, "1980-01-01", sum([]byte(cli.KubectlComplete))}
				for name, page := range pages {
					want["man/man1/"+name] = entry{0o644, "1980-01-01", sum(page)}
				}
			}
			if diff := cmp.Diff(want, entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

// built checks what a binary says of its build.
func built(t *testing.T, binary []byte, goos, goarch string) {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"module": info.Main.Path, "version": info.Main.Version}
	for _, s := range info.Settings {
		got[s.Key] = s.Value
	}
	want := map[string]string{
		"module": "github.com/kubectl-sidecar/kubectl-sidecar", "version": "(devel)",
		"-buildmode": "exe", "-compiler": "gc", "-trimpath": "true", "CGO_ENABLED": "0", "GOOS": goos, "GOARCH": goarch,
		"GO" + strings.ToUpper(goarch): map[string]string{"amd64": "v1", "arm64": "v8.0"}[goarch],
	}
	// DefaultGODEBUG comes from the go line of go.mod, -ldflags are left out by -trimpath.
	delete(got, "DefaultGODEBUG")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings of the build (-want +got):\n%s", diff)
	}
	if !bytes.Contains(binary, []byte(version)) {
		t.Errorf("the version is not in it")
	}
}

func unpack(t *testing.T, name string) (map[string]entry, map[string][]byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	entries, contents := map[string]entry{}, map[string][]byte{}
	add := func(name string, info os.FileInfo, r io.Reader) {
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		entries[name] = entry{info.Mode(), info.ModTime().UTC().Format("2006-01-02"), sum(content)}
		contents[name] = content
	}
	if strings.HasSuffix(name, ".zip") {
		r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.File {
			content, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			add(f.Name, f.FileInfo(), content)
		}
		return entries, contents
	}
	compressed, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(compressed); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		add(h.Name, h.FileInfo(), r)
	}
}

// dependencies is what a binary was built from, as name@version, sorted.
func dependencies(t *testing.T, binary []byte) []string {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{"std@" + info.GoVersion: true}
	for _, d := range info.Deps {
		all[d.Path+"@"+d.Version] = true
	}
	return slices.Sorted(maps.Keys(all))
}
