package manifests

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(data)
	check(t, err)
	check(t, w.Close())
	return out.Bytes()
}

// TestReadPacked: manifests in archives are read where they are, by their endings.
func TestReadPacked(t *testing.T) {
	t.Chdir(t.TempDir())
	chart := [][2]string{{"app/Chart.yaml", "name: app\n"}, {"app/templates/job.yaml", "kind: Job\nspec:\n  {{- if .Values.x }}\n  template: {}\n  {{- end }}\n"}, {"app/plain.yaml", job}, {"app/README.md", job}}
	var tarball, zipped bytes.Buffer
	w, z := tar.NewWriter(&tarball), zip.NewWriter(&zipped)
	for _, f := range chart {
		check(t, w.WriteHeader(&tar.Header{Name: f[0], Typeflag: tar.TypeReg, Size: int64(len(f[1])), Mode: 0o644}))
		_, err := w.Write([]byte(f[1]))
		check(t, err)
		part, err := z.Create(f[0])
		check(t, err)
		_, err = part.Write([]byte(f[1]))
		check(t, err)
	}
	check(t, w.Close())
	check(t, z.Close())
	for name, data := range map[string][]byte{
		"job.yaml.gz": gzipped(t, []byte(job)), "app.tgz": gzipped(t, tarball.Bytes()), "app.zip": zipped.Bytes(),
		"cut.tgz": gzipped(t, tarball.Bytes())[:40], "none.tgz": gzipped(t, make([]byte, 0)),
	} {
		check(t, os.WriteFile(name, data, 0o600))
	}
	for _, test := range []struct {
		names []string
		stdin []byte
		want  []string
	}{
		{[]string{"job.yaml.gz"}, nil, []string{"job.yaml.gz 1"}},
		{[]string{"app.tgz", "app.zip"}, nil, []string{"app.tgz/app/Chart.yaml 0", "app.tgz/app/templates/job.yaml template", "app.tgz/app/plain.yaml 1", "app.zip/app/Chart.yaml 0", "app.zip/app/templates/job.yaml template", "app.zip/app/plain.yaml 1"}},
		{[]string{"-"}, tarball.Bytes(), []string{"stdin/app/Chart.yaml 0", "stdin/app/templates/job.yaml template", "stdin/app/plain.yaml 1"}},
	} {
		files, err := Read(Options{Names: test.names, Stdin: bytes.NewReader(test.stdin)})
		check(t, err)
		var got []string
		for _, f := range files {
			workloads := 0
			for _, d := range f.Documents {
				workloads += len(d.Workloads)
			}
			switch {
			case f.Template:
				got = append(got, f.Name+" template")
			default:
				got = append(got, f.Name+" "+string(rune('0'+workloads)))
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v: (-want +got)\n%s", test.names, diff)
		}
	}
	_, err := Read(Options{Names: []string{"cut.tgz"}})
	if !errors.Is(err, ErrPacked) || !strings.HasSuffix(err.Error(), "cut.tgz: the archive ends in the middle: it is cut off") {
		t.Errorf("%v", err)
	}
}
