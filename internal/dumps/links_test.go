//go:build unix

package dumps

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestLinksOfFolders: a dump that somebody sent may have a link to any file of the reader.
func TestLinksOfFolders(t *testing.T) {
	secret := put(t, "secret.json", []byte(aPod))
	dir := folderOf(t, []txtar.File{{Name: "cluster-resources/nodes.json", Data: []byte(aNode)}})
	must(t, os.Symlink(secret, filepath.Join(dir, "cluster-resources", "pods.json")))
	must(t, os.Symlink("nodes.json", filepath.Join(dir, "cluster-resources", "again.json")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "cluster-resources", "fifo.json"), 0o600))
	s := read(t, nil, dir)
	want := []string{"left out, since neither objects nor logs of containers of the dump: " + filepath.ToSlash(dir) + "/cluster-resources/fifo.json (no file), " + filepath.ToSlash(dir) + "/cluster-resources/pods.json (a link)"}
	if diff := cmp.Diff(want, s.Limits); diff != "" || len(s.Pods) > 0 {
		t.Errorf("%v %s", s.Pods, diff)
	}
}
