package deploy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Two builds of the same commit are the same file, whatever the machine's clock, umask and folders.
func TestImageIsReproducible(t *testing.T) {
	second := filepath.Join(t.TempDir(), "elsewhere")
	if err := makeImage(second, "TZ=Asia/Kathmandu", "TMPDIR="+t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(second, "image", "linux-"+runtime.GOARCH, "kubectl-sidecar"), 0o700); err != nil {
		t.Fatal(err)
	}
	if a, b := hash(t, archive()), hash(t, filepath.Join(second, "kubectl-sidecar-image.tar")); a != b {
		t.Errorf("first %s, second %s", a, b)
	}
}

func hash(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// An imageFact is what matters of an image when it runs.
type imageFact struct {
	User, WorkingDir     string
	Entrypoint, Cmd, Env []string
	OS, Architecture     string
	Files                map[string]string // name -> owner, mode and hash
}

// The image is what the Containerfile says, built by a real builder.
func TestContainerfile(t *testing.T) {
	got := read(t, archive())
	want := imageFact{
		User: "65532:65532", Entrypoint: []string{"/kubectl-sidecar"}, OS: "linux", Architecture: runtime.GOARCH,
		Files: map[string]string{
			"LICENSE":         "0:0 644 " + hash(t, "../../LICENSE"),
			"kubectl-sidecar": "0:0 755 " + hash(t, program()),
			"sidecar-run":     "0:0 755 " + hash(t, wrapper()),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("make image (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, read(t, buildah(t))); diff != "" {
		t.Errorf("the Containerfile makes something else (-make image +Containerfile):\n%s", diff)
	}
}

// buildah builds the Containerfile in a folder with what it takes, and returns the archive.
func buildah(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("buildah"); err != nil {
		missing(t, fmt.Errorf("%w (Debian: buildah)", err))
	}
	context, out := t.TempDir(), filepath.Join(t.TempDir(), "image.tar")
	place(t, context, "Containerfile", "../../Containerfile")
	place(t, context, ".containerignore", "../../.containerignore")
	place(t, context, "LICENSE", "../../LICENSE")
	place(t, context, "dist/image/linux-"+runtime.GOARCH+"/kubectl-sidecar", program())
	place(t, context, "dist/image/linux-"+runtime.GOARCH+"/sidecar-run", wrapper())
	storage := []string{"--root", t.TempDir(), "--runroot", t.TempDir(), "--storage-driver", "vfs"}
	for _, args := range [][]string{
		{"build", "--isolation", "chroot", "--build-arg", "TARGETARCH=" + runtime.GOARCH, "--tag", imageName + ":built", context},
		{"push", imageName + ":built", "oci-archive:" + out},
	} {
		if text, err := exec.CommandContext(t.Context(), "buildah", append(storage, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("buildah %v: %v\n%s", args, err, text)
		}
	}
	return out
}

func place(t *testing.T, dir, name, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, info.Mode())); err != nil {
		t.Fatal(err)
	}
}

// read reads the only image of an OCI archive.
func read(t *testing.T, file string) imageFact {
	t.Helper()
	blobs := untar(t, file)
	type descriptor struct{ Digest, MediaType string }
	blob := func(d descriptor) []byte { return blobs["blobs/"+strings.Replace(d.Digest, ":", "/", 1)].data }
	var manifest struct {
		Manifests []descriptor
		Config    descriptor
		Layers    []descriptor
	}
	for data := blobs["index.json"].data; ; data = blob(manifest.Manifests[0]) {
		manifest.Manifests = nil
		decode(t, data, &manifest)
		if len(manifest.Manifests) == 0 {
			break
		}
		if len(manifest.Manifests) > 1 {
			t.Fatalf("%s has %d images", file, len(manifest.Manifests))
		}
	}
	var config struct {
		OS, Architecture string
		Config           struct {
			User, WorkingDir     string
			Entrypoint, Cmd, Env []string
		}
	}
	decode(t, blob(manifest.Config), &config)
	fact := imageFact{
		User: config.Config.User, Entrypoint: config.Config.Entrypoint, Cmd: config.Config.Cmd, Env: env(config.Config.Env),
		WorkingDir: strings.TrimSuffix(config.Config.WorkingDir, "/"), OS: config.OS, Architecture: config.Architecture,
		Files: map[string]string{},
	}
	for _, layer := range manifest.Layers {
		for name, f := range untarFrom(t, blob(layer)) {
			fact.Files[name] = fmt.Sprintf("%d:%d %o %x", f.header.Uid, f.header.Gid, f.header.Mode&0o777, sha256.Sum256(f.data))
		}
	}
	return fact
}

// env leaves out the PATH that builders give every image: there is nothing to be found by it.
func env(all []string) []string {
	var out []string
	for _, e := range all {
		if !strings.HasPrefix(e, "PATH=") {
			out = append(out, e)
		}
	}
	return out
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
}

type tarFile struct {
	header *tar.Header
	data   []byte
}

func untar(t *testing.T, file string) map[string]tarFile {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return untarFrom(t, data)
}

// untarFrom returns the regular files of an archive, compressed or not.
func untarFrom(t *testing.T, data []byte) map[string]tarFile {
	t.Helper()
	var r io.Reader = bytes.NewReader(data)
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		var err error
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]tarFile{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = tarFile{header, content}
	}
}
