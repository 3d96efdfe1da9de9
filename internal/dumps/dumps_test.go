package dumps

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var update = flag.Bool("update", false, "write the expected snapshots anew")

// A tree is the files of a dump, by their paths.
func tree(t testing.TB, file string) []txtar.File {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) == 0 {
		t.Fatalf("%s has no files", file)
	}
	return archive.Files
}

func folderOf(t testing.TB, files []txtar.File) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dump")
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, f.Data, 0o644))
	}
	return dir
}

func tarOf(t testing.TB, files []txtar.File, more ...*tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		must(t, w.WriteHeader(&tar.Header{Name: f.Name, Typeflag: tar.TypeReg, Size: int64(len(f.Data)), Mode: 0o644}))
		_, err := w.Write(f.Data)
		must(t, err)
	}
	for _, h := range more {
		must(t, w.WriteHeader(h))
	}
	must(t, w.Close())
	return out.Bytes()
}

func zipOf(t testing.TB, files []txtar.File) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		part, err := w.Create(f.Name)
		must(t, err)
		_, err = part.Write(f.Data)
		must(t, err)
	}
	must(t, w.Close())
	return out.Bytes()
}

func gzipOf(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(data)
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(file, data, 0o644))
	return file
}

// written is a snapshot as it is written, with the way to the dump as DUMP.
func written(t testing.TB, s *facts.Snapshot, way string) string {
	t.Helper()
	named := strings.NewReplacer(filepath.ToSlash(way), "DUMP", ".gz", "")
	for i := range s.Limits {
		s.Limits[i] = named.Replace(s.Limits[i])
	}
	for i := range s.Gaps {
		s.Gaps[i].Reason = named.Replace(s.Gaps[i].Reason)
	}
	slices.Sort(s.Seen)
	var out bytes.Buffer
	must(t, s.Write(&out))
	return out.String()
}

func read(t testing.TB, stdin []byte, names ...string) *facts.Snapshot {
	t.Helper()
	s, err := Read(context.Background(), Options{Names: names, Stdin: bytes.NewReader(stdin)})
	must(t, err)
	return s
}

// TestDumps: what tools write is the same snapshot as a folder, as an archive of any kind, and from stdin.
func TestDumps(t *testing.T) {
	for _, name := range []string{"cluster-info", "cluster-info-yaml", "troubleshoot", "troubleshoot-old", "must-gather"} {
		t.Run(name, func(t *testing.T) {
			files := tree(t, "testdata/"+name+".txtar")
			dir := folderOf(t, files)
			got := written(t, read(t, nil, dir), dir)
			golden(t, "testdata/"+name+".yaml", got)
			tarball := tarOf(t, files)
			for kind, data := range map[string][]byte{
				"tar": tarball, "tar.gz": gzipOf(t, tarball), "zip": zipOf(t, files), "gz in gz": gzipOf(t, gzipOf(t, tarball)), "packed files": tarOf(t, packedFiles(t, files)),
			} {
				file := put(t, "dump.bin", data)
				again := written(t, read(t, nil, file), file)
				if diff := cmp.Diff(got, again); diff != "" {
					t.Errorf("as %s: (-folder +archive)\n%s", kind, diff)
				}
				if diff := cmp.Diff(again, written(t, read(t, data, "-"), Stdin)); diff != "" {
					t.Errorf("as %s from stdin: (-file +stdin)\n%s", kind, diff)
				}
			}
		})
	}
}

func packedFiles(t *testing.T, files []txtar.File) []txtar.File {
	var out []txtar.File
	for _, f := range files {
		out = append(out, txtar.File{Name: f.Name + ".gz", Data: gzipOf(t, f.Data)})
	}
	return out
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		must(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", file, diff)
	}
}

// TestStream: the stream of kubectl cluster-info dump says what its folder says.
func TestStream(t *testing.T) {
	dir := folderOf(t, tree(t, "testdata/cluster-info.txtar"))
	folder := written(t, read(t, nil, dir), dir)
	for _, file := range []string{"testdata/cluster-info.stream.txt", "testdata/cluster-info.stream.yaml"} {
		stream, err := os.ReadFile(file)
		must(t, err)
		for name, data := range map[string][]byte{"as it is": stream, "of PowerShell": utf16Of(stream), "with Windows' line ends": bytes.ReplaceAll(stream, []byte("\n"), []byte("\r\n")), "compressed": gzipOf(t, stream)} {
			if diff := cmp.Diff(folder, written(t, read(t, data, "-"), "no way")); diff != "" {
				t.Errorf("%s %s: (-folder +stream)\n%s", file, name, diff)
			}
		}
	}
}

func utf16Of(text []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, b := range text {
		out = append(out, b, 0)
	}
	return out
}

// TestSOS: a report of sos has what kubectl printed in files without an ending.
func TestSOS(t *testing.T) {
	dir := folderOf(t, []txtar.File{
		{Name: "sosreport-a/sos_commands/kubernetes/kubectl_get_-o_json_nodes", Data: []byte(aNode)},
		{Name: "sosreport-a/sos_commands/kubernetes/kubectl_get_-o_yaml_pods_--all-namespaces", Data: []byte("---\n" + aPod)},
		{Name: "sosreport-a/sos_commands/kubernetes/kubectl_describe_pods", Data: []byte("Name:   web\nNamespace:   shop\n")},
		{Name: "sosreport-a/sos_commands/kernel/dmesg", Data: []byte("[    0.000000] Linux version 6.8\n")},
		{Name: "sosreport-a/sos_commands/host/bin", Data: []byte{0, 1, 2}},
	})
	s := read(t, nil, dir)
	want := []string{
		"left out, since neither objects nor logs of containers of the dump: DUMP/sosreport-a/sos_commands/host/bin, DUMP/sosreport-a/sos_commands/kernel/dmesg, DUMP/sosreport-a/sos_commands/kubernetes/kubectl_describe_pods",
		"the dump has objects of the namespace shop; whether there are others is not known",
	}
	for i := range s.Limits {
		s.Limits[i] = strings.ReplaceAll(s.Limits[i], filepath.ToSlash(dir), "DUMP")
	}
	if diff := cmp.Diff(want, s.Limits); diff != "" || len(s.Nodes) != 1 || len(s.Pods) != 1 {
		t.Errorf("%d nodes, %d pods (-want +got)\n%s", len(s.Nodes), len(s.Pods), diff)
	}
}

// slow gives one byte at a time, as a terminal may.
type slow struct{ io.Reader }

func (s slow) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(1, len(p))]) }

func TestSlowStream(t *testing.T) {
	stream, err := os.ReadFile("testdata/cluster-info.stream.txt")
	must(t, err)
	s, err := Read(context.Background(), Options{Names: []string{"-"}, Stdin: slow{bytes.NewReader(stream)}})
	must(t, err)
	if diff := cmp.Diff(written(t, read(t, stream, "-"), "no way"), written(t, s, "no way")); diff != "" {
		t.Error(diff)
	}
}
