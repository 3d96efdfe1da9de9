package cli

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// TestTarget: a file is as readable as any other that a program writes, one that was there keeps its
// mode, and nothing else is left.
func TestTarget(t *testing.T) {
	ordinary, err := os.Create(filepath.Join(t.TempDir(), "ordinary"))
	if err != nil {
		t.Fatal(err)
	}
	defer ordinary.Close()
	want, err := ordinary.Stat()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	kept, link := filepath.Join(dir, "kept"), filepath.Join(dir, "link")
	if err := os.WriteFile(kept, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(kept, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("kept", link); err != nil {
		t.Fatal(err)
	}
	written(t, filepath.Join(dir, "new"), "1")
	written(t, kept, "2")
	written(t, link, "3")

	got := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		mode := info.Mode()
		if mode.Type() == fs.ModeSymlink {
			mode = fs.ModeSymlink
		}
		got[e.Name()] = mode.String() + " " + string(data)
	}
	if diff := cmp.Diff(map[string]string{
		"new": want.Mode().String() + " 1", "kept": "-rw-r----- 3", "link": fs.ModeSymlink.String() + " 3",
	}, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestTargetKeepsDevices: what is no file is written to, never replaced.
func TestTargetKeepsDevices(t *testing.T) {
	before, err := os.Stat(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	written(t, os.DevNull, "1")
	after, err := os.Stat(os.DevNull)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("%s is not what it was: %v, %v", os.DevNull, after, err)
	}
}

func TestTargetIsDirectory(t *testing.T) {
	_, err := newTarget(t.TempDir(), genericiooptions.NewTestIOStreamsDiscard())
	if err == nil {
		t.Error("a directory can be written")
	}
}

func written(t *testing.T, name, text string) {
	t.Helper()
	target, err := newTarget(name, genericiooptions.IOStreams{Out: io.Discard, ErrOut: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer target.discard()
	if err := target.finish([]byte(text)); err != nil {
		t.Fatal(err)
	}
}
