package dumps

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

const (
	aNode = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"a"}}`
	aPod  = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"u"},"spec":{"containers":[{"name":"web"}]},"status":{"phase":"Running"}}`
)

// small are limits that a test can get to.
var small = limits{file: 4 << 10, documents: 6 << 10, unpacked: 1 << 20, entries: 20, logs: 64 << 10, depth: 4, directory: 2560}

// readSmall reads stdin within small limits.
func readSmall(data []byte) (*facts.Snapshot, error) {
	r := newReader(context.Background(), Options{Names: []string{"-"}, Stdin: bytes.NewReader(data)})
	r.max = small
	if err := r.name("-"); err != nil {
		return nil, err
	}
	return r.finish()
}

func one(name, text string) []txtar.File { return []txtar.File{{Name: name, Data: []byte(text)}} }

func cut(data []byte, n int) []byte { return data[:len(data)-n] }

// TestRefused: what is packed so that it does harm, or is not whole, is an error that says what it is.
func TestRefused(t *testing.T) {
	zeroes := bytes.Repeat([]byte{0}, 2<<20)
	encrypted := zipOf(t, one("pods.json", aPod))
	// The flags of the entry, in its own header and in the table of contents.
	encrypted[6] |= 1
	encrypted[bytes.Index(encrypted, []byte("PK\x01\x02"))+8] |= 1
	var many []txtar.File
	for i := range 22 {
		many = append(many, txtar.File{Name: fmt.Sprintf("%d.json", i), Data: []byte(aNode)})
	}
	var large []txtar.File
	for i := range 4 {
		large = append(large, txtar.File{Name: fmt.Sprintf("%d.json", i), Data: []byte(aNode + strings.Repeat(" ", 3<<10))})
	}
	nested := gzipOf(t, []byte(aNode))
	for range 6 {
		nested = gzipOf(t, nested)
	}
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"a bomb in gzip", gzipOf(t, append([]byte(aNode), zeroes...)), "stdin: larger than 0 MB, the most that is read"},
		{"a bomb in a tar", gzipOf(t, tarOf(t, []txtar.File{{Name: "nodes.json", Data: []byte(aNode)}, {Name: "x.log", Data: zeroes}})), "stdin: more than 1 MB of unpacked data, the most that is read"},
		{"a bomb in a zip", zipOf(t, []txtar.File{{Name: "nodes.json", Data: []byte(aNode)}, {Name: "x.log", Data: zeroes}}), "stdin: more than 1 MB of unpacked data, the most that is read"},
		{"too many files", tarOf(t, many), "stdin: more than 20 files, the most that are read"},
		{"too many files in a zip", zipOf(t, many), "stdin: more than 20 files, the most that are read"},
		{"too large together", tarOf(t, large), "stdin/1.json: more than 0 MB of objects, the most that is read"},
		{"too deep", nested, "stdin: more than 4 archives in each other"},
		{"a way out", tarOf(t, one("a/../../etc/pods.json", aPod)), `stdin: the path "a/../../etc/pods.json" leads out of the archive: nothing of it is read`},
		{"a way out of a zip", zipOf(t, one("../pods.json", aPod)), `stdin: the path "../pods.json" leads out of the archive: nothing of it is read`},
		{"an absolute path", tarOf(t, one("/etc/pods.json", aPod)), `stdin: the path "/etc/pods.json" leads out of the archive: nothing of it is read`},
		{"a way out on Windows", zipOf(t, one(`..\pods.json`, aPod)), `stdin: the path "..\\pods.json" leads out of the archive: nothing of it is read`},
		{"a drive", zipOf(t, one(`C:\pods.json`, aPod)), `stdin: the path "C:\\pods.json" leads out of the archive: nothing of it is read`},
		{"encrypted", encrypted, "stdin/pods.json: it is encrypted"},
		{"gzip cut off", cut(gzipOf(t, []byte(aNode)), 6), "stdin: the archive ends in the middle: it is cut off"},
		{"gzip with another checksum", flipped(gzipOf(t, []byte(aNode)), 6), "stdin: the archive is damaged: gzip: invalid checksum"},
		{"tar cut off", tarOf(t, one("pods.json", aPod))[:700], "stdin: the archive ends in the middle: it is cut off"},
		{"tar cut off between files", tarOf(t, append(one("pods.json", aPod), one("nodes.json", aNode)...))[:1024], "stdin: the archive ends in the middle: it is cut off"},
		{"tar.gz cut off", cut(gzipOf(t, tarOf(t, one("pods.json", aPod))), 30), "stdin: the archive ends in the middle: it is cut off"},
		{"zip cut off", cut(zipOf(t, one("pods.json", aPod)), 10), "stdin: the archive is damaged: zip: not a valid zip file"},
		{"a zip with a long table", longTable(t), "stdin: its table of contents is too long"},
		{"xz", []byte("\xfd7zXZ\x00\x00\x04"), "stdin: xz is not unpacked here"},
		{"zstd", []byte("\x28\xb5\x2f\xfd\x00"), "stdin: zstd is not unpacked here"},
		{"an empty tar", tarOf(t, nil), "stdin: neither YAML nor JSON: it is not a text file (byte 0 is zero)"},
		{"an empty zip", zipOf(t, nil), "stdin: not a single Kubernetes object is in it"},
		{"no object", tarOf(t, one("a.json", "{}")), "stdin: not a single Kubernetes object is in it"},
		{"a broken file", tarOf(t, one("a.json", "{")), "stdin/a.json: line 1: the JSON ends in the middle: the file is cut off"},
		{"nothing", nil, "stdin: the file is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := readSmall(test.data)
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, %v\nwant %s", s, err, test.want)
			}
		})
	}
}

func flipped(data []byte, fromEnd int) []byte {
	data[len(data)-fromEnd] ^= 0xff
	return data
}

// longTable is a zip file whose table of contents takes more memory than its files.
func longTable(t *testing.T) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := range 15 {
		_, err := w.Create(fmt.Sprintf("%d%s", i, strings.Repeat("x", 80)))
		must(t, err)
	}
	must(t, w.Close())
	if out.Len() > int(small.file) {
		t.Fatal("too long for the test")
	}
	return out.Bytes()
}

// TestNamed: what is left out of a dump, or cannot be read, is named, and unknown where it may have mattered.
func TestNamed(t *testing.T) {
	huge := aPod + strings.Repeat(" ", 5<<10)
	files := []txtar.File{
		{Name: "nodes.json", Data: []byte(aNode)}, {Name: "pods/a.json", Data: []byte(aPod)},
		{Name: "pods/b.json", Data: []byte(huge)}, {Name: "events.yaml", Data: []byte("a: [")}, {Name: "cut.json", Data: []byte(`{"kind": "Deployment", "apiV`)},
		{Name: "odd.json", Data: []byte(`{"a": `)}, {Name: "jobs.json", Data: nil}, {Name: "services.yaml.gz", Data: cut(gzipOf(t, []byte(aNode)), 4)},
		{Name: "readme.txt", Data: []byte("hello")}, {Name: "x/y.log", Data: []byte("hello\n")}, {Name: "shop/web/web.log", Data: []byte("hello\n")},
	}
	s, err := readSmall(tarOf(t, files,
		&tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, &tar.Header{Name: "pods/same.json", Typeflag: tar.TypeSymlink, Linkname: "a.json"},
		&tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "nodes.json"}, &tar.Header{Name: "fifo", Typeflag: tar.TypeFifo}, &tar.Header{Name: "disk", Typeflag: tar.TypeBlock}))
	must(t, err)
	var got []string
	for _, g := range s.Gaps {
		got = append(got, string(g.Kind)+": "+g.Reason)
	}
	got = append(append(got, s.Limits...), fmt.Sprint(s.Logs))
	want := []string{
		"pods: stdin/pods/b.json: larger than 0 MB, the most that is read",
		"events: stdin/events.yaml: line 1: did not find expected node content: the file looks cut off",
		"deployments: stdin/cut.json: line 1: the JSON ends in the middle: the file is cut off",
		"jobs: stdin/jobs.json: the file is empty",
		"services: stdin/services.yaml.gz: the archive ends in the middle: it is cut off",
		"left out, since neither objects nor logs of containers of the dump: stdin/readme.txt, stdin/fifo (a device), stdin/disk (a device) and 2 more",
		"not read, and so unknown: stdin/pods/b.json, stdin/events.yaml, stdin/cut.json and 3 more",
		"the dump has objects of the namespace shop; whether there are others is not known",
		"[{shop web web false [hello]}]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestTwice: an object that is in two files counts once; another version of it is named.
func TestTwice(t *testing.T) {
	other := strings.Replace(aPod, `"uid":"u"`, `"uid":"u","resourceVersion":"7"`, 1)
	for second, want := range map[string]string{aPod: "", other: "in several files, as of different times; what was read first counts: Pod shop/web"} {
		s, err := readSmall(tarOf(t, []txtar.File{{Name: "a.json", Data: []byte(aPod)}, {Name: "b.json", Data: []byte(second)}}))
		must(t, err)
		if got := s.Limits[0]; len(s.Pods) != 1 || want != "" && got != want || want == "" && len(s.Limits) != 1 {
			t.Errorf("%d pods, %q, want %q", len(s.Pods), s.Limits, want)
		}
	}
}

// TestFolders: a plain folder is read as kubectl reads it, one of a dump as a whole.
func TestFolders(t *testing.T) {
	plain := folderOf(t, []txtar.File{
		{Name: "a.yaml", Data: []byte(aNode)}, {Name: "b.txt", Data: []byte("no")}, {Name: "c.json.gz", Data: gzipOf(t, []byte(aPod))},
		{Name: "deep/d.json", Data: []byte(strings.Replace(aNode, `"a"`, `"d"`, 1))}, {Name: ".hidden/e.json", Data: []byte(strings.Replace(aNode, `"a"`, `"e"`, 1))},
	})
	if err := os.Symlink(filepath.Join(plain, "a.yaml"), filepath.Join(plain, "link.yaml")); err != nil {
		t.Log(err) // Windows, without the right to
	}
	for _, test := range []struct {
		names     []string
		recursive bool
		nodes     int
		pods      int
	}{
		{[]string{plain}, false, 1, 1}, {[]string{plain}, true, 2, 1}, {[]string{plain + "/*.yaml"}, false, 1, 0}, {[]string{plain + "/*"}, true, 0, 0},
		{[]string{plain + "/a.yaml", plain + "/deep"}, false, 2, 0}, {[]string{plain, plain, plain + "/a.yaml"}, false, 1, 1},
	} {
		s, err := Read(context.Background(), Options{Names: test.names, Recursive: test.recursive})
		if test.nodes == 0 {
			if err == nil || !strings.HasSuffix(err.Error(), "b.txt: document 1 (line 1): no Kubernetes object, but plain text or a list") {
				t.Errorf("%v: %v", test.names, err)
			}
			continue
		}
		must(t, err)
		if len(s.Nodes) != test.nodes || len(s.Pods) != test.pods || len(s.Limits) != 0 {
			t.Errorf("%v, recursive %v: %d nodes, %d pods, %q", test.names, test.recursive, len(s.Nodes), len(s.Pods), s.Limits)
		}
	}
	for name, want := range map[string]string{
		t.TempDir():       "no file there ends in .yaml, .yml, .json, .kyaml, .gz, .tgz, .tar or .zip",
		"missing":         "reading missing: no such file or directory",
		"missing/*.x":     "reading missing/*.x: no file matches",
		"missing[":        "reading missing[: no such file or directory",
		"https://x/y.tgz": "reading https://x/y.tgz: nothing is downloaded",
	} {
		if _, err := Read(context.Background(), Options{Names: []string{name}}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// TestMixed: a log that has lines as kubectl writes them makes up objects for whoever believes them.
func TestMixed(t *testing.T) {
	start := func(c string) string { return "==== START logs for container " + c + " of pod shop/web ====\n" }
	end := func(c string) string { return "==== END logs for container " + c + " of pod shop/web ====\n" }
	head := aNode + aPod + "\n"
	fake := strings.Replace(aNode, `"a"`, `"fake"`, 1) + "\n"
	const mixed = "stdin: the log of container web of pod shop/web has lines like those that kubectl writes before and after a log: what is the log's and what is the cluster's cannot be told apart"
	for name, test := range map[string]struct{ text, want string }{
		"well":                        {head + start("web") + "x\n" + end("web"), ""},
		"no line break":               {head + start("web") + "x" + end("web"), ""},
		"a long line without break":   {head + start("web") + "x\n" + strings.Repeat("y", 64<<10-30) + end("web"), ""},
		"an end, and objects":         {head + start("web") + "x\n" + end("web") + fake + end("web"), mixed},
		"an end, objects, beginning":  {head + start("web") + "x\n" + end("web") + fake + start("web") + end("web"), mixed},
		"an end, objects, another":    {head + start("web") + "x\n" + end("web") + fake + start("other") + end("web") + start("other") + end("other"), strings.Replace(mixed, "container web", "container other", 1)},
		"the end of another":          {head + start("web") + end("other") + end("web"), mixed},
		"an end at the end of a line": {head + start("web") + "x " + end("web") + fake + end("web"), mixed},
		"cut off":                     {head + start("web") + "x\n", "stdin: it ends in the middle of the log of container web of pod shop/web: it is cut off"},
		"objects cut off":             {aNode + `{"kind":"PodList",` + "\n" + start("web") + end("web"), "stdin: line 1: the JSON ends in the middle: the file is cut off"},
	} {
		s, err := readSmall([]byte(test.text))
		if got := fmt.Sprint(err); test.want != got && (test.want != "" || err != nil) {
			t.Errorf("%s: %v\nwant %s", name, err, test.want)
		}
		if err == nil && (len(s.Nodes) != 1 || len(s.Logs) != 1 || !strings.Contains("x"+strings.Repeat("y", tailBytes), s.Logs[0].Lines[0])) {
			t.Errorf("%s: %v, %v", name, s.Nodes, s.Logs)
		}
	}
	s, err := readSmall(tarOf(t, []txtar.File{{Name: "pods.json", Data: []byte(aPod)}, {Name: "shop/web/logs.txt", Data: []byte(start("web") + "x\n" + end("web") + fake + end("web"))}}))
	must(t, err)
	if len(s.Nodes) > 0 || len(s.Gaps) != 1 || s.Gaps[0].Kind != facts.Logs {
		t.Errorf("%v, %v", s.Nodes, s.Gaps)
	}
}

// TestTail: of a log its last lines are kept, however long it is.
func TestTail(t *testing.T) {
	var tl tail
	for i := range 10_000 {
		fmt.Fprintf(&tl, "line %d password=hunter2\r\n", i)
	}
	lines := tl.lines()
	if len(lines) != tailLines || lines[0] != "line 9980 password=REDACTED" || lines[19] != "line 9999 password=REDACTED" || len(tl.data) > 2*tailBytes {
		t.Errorf("%d bytes, %q", len(tl.data), lines)
	}
	tl = tail{}
	fmt.Fprintf(&tl, "%s\nlast\xff\n", strings.Repeat("x", 1<<20))
	if diff := cmp.Diff([]string{"last\ufffd"}, tl.lines()); diff != "" {
		t.Error(diff)
	}
}

// TestDeadline: a run ends when it has to, whatever is being unpacked.
func TestDeadline(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, data := range map[string][]byte{"a file": []byte(aNode), "gzip": gzipOf(t, []byte(aNode)), "tar": tarOf(t, one("a.json", aNode)), "zip": zipOf(t, one("a.json", aNode))} {
		if _, err := Read(ctx, Options{Names: []string{"-"}, Stdin: bytes.NewReader(data)}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel = context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := Read(ctx, Options{Names: []string{"-"}, Stdin: endless(t)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// endless is an archive of a log without an end.
func endless(t *testing.T) *os.File {
	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { r.Close() })
	go func() {
		defer w.Close()
		z := gzip.NewWriter(w)
		archive := tar.NewWriter(z)
		_ = archive.WriteHeader(&tar.Header{Name: "a/b.log", Typeflag: tar.TypeReg, Size: 1 << 40, Mode: 0o644})
		block := bytes.Repeat([]byte("x\n"), 1<<15)
		for {
			if _, err := archive.Write(block); err != nil {
				return
			}
		}
	}()
	return r
}

// TestMemory: what is passed by does not stay in memory.
func TestMemory(t *testing.T) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	archive := tar.NewWriter(z)
	block := bytes.Repeat([]byte("a line of a log\n"), 1<<16)
	for i := range 60 {
		must(t, archive.WriteHeader(&tar.Header{Name: fmt.Sprintf("pods/logs/shop/web-%d/web.log", i), Typeflag: tar.TypeReg, Size: int64(4 * len(block)), Mode: 0o644}))
		for range 4 {
			_, err := archive.Write(block)
			must(t, err)
		}
	}
	must(t, archive.WriteHeader(&tar.Header{Name: "nodes.json", Typeflag: tar.TypeReg, Size: int64(len(aNode)), Mode: 0o644}))
	_, err := archive.Write([]byte(aNode))
	must(t, err)
	must(t, archive.Close())
	must(t, z.Close())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	read(t, out.Bytes(), "-")
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 60 {
		t.Errorf("240 MB of logs took %d MB", used)
	}
}

// FuzzRead: nothing that somebody sends makes the reader panic or read on beyond its limits.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"troubleshoot-old", "must-gather"} {
		files := tree(f, "testdata/"+name+".txtar")[:6]
		f.Add(tarOf(f, files))
		f.Add(gzipOf(f, tarOf(f, files)))
		f.Add(zipOf(f, files))
	}
	stream, err := os.ReadFile("testdata/cluster-info.stream.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stream[max(0, len(stream)-3000):])
	f.Add([]byte(aNode + aPod + "\n==== START logs for container web of pod shop/web ====\nx\n==== END logs for container web of pod shop/web ====\n"))
	f.Add(binary.LittleEndian.AppendUint32([]byte("PK\x05\x06"), 1<<31))
	f.Add([]byte("Name:             web\nNamespace:        shop\nNode:  a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newReader(context.Background(), Options{Names: []string{"-"}, Stdin: bytes.NewReader(data)})
		r.max = limits{file: 64 << 10, documents: 256 << 10, unpacked: 4 << 20, entries: 100, logs: 64 << 10, depth: 3, directory: 64 << 10}
		err := r.name("-")
		if err == nil {
			_, err = r.finish()
		}
		if err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		if r.spent.unpacked > r.max.unpacked+(1<<20) {
			t.Errorf("%d bytes were unpacked", r.spent.unpacked)
		}
	})
}
