package e2e

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

var onVersion = flag.String("on", "", "situations on this version of Kubernetes, such as 1.37, where they are possible there; recorded as cases/*/seen-1.37.yaml")

// otherVersion is that of a kubelet which differs from all others of its cluster: what happens on it happens only there.
var otherVersion = regexp.MustCompile(`node-(132-off|128|127)\b(-on)?`)

// stageOf is the cluster of a name, or the same in the version that was asked for. Of clusters that are there for an old
// version, or for API servers that differ, there is no such.
func stageOf(name string) (cluster.Config, bool) {
	config := caseClusters()[name]
	if *onVersion == "" {
		return config, true
	}
	part := cluster.Component{Version: *onVersion}
	return cluster.Config{
		APIServers: []cluster.Component{part}, ControllerManager: &part, Scheduler: &part,
		Nodes: []cluster.Node{{Name: onNode(), Component: part}},
	}, name == "mixed" || name == "newest"
}

func onNode() string { return "node-" + strings.ReplaceAll(*onVersion, ".", "") }

// move gives a situation the version that was asked for: the text of its case.yaml, and what to replace in its manifests.
func move(text []byte) ([]byte, *strings.Replacer) {
	if *onVersion == "" {
		return text, nil
	}
	r := strings.NewReplacer("node-128-on", onNode(), "node-132", onNode(), "node-136", onNode())
	return []byte(r.Replace(string(text))), r
}

// stays reports whether a situation cannot be where all is of one new version.
func stays(t *testing.T, folder string) bool {
	t.Helper()
	if *onVersion == "" {
		return false
	}
	files, err := filepath.Glob(filepath.Join(casesDir, folder, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), "seen") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// What a step applies itself cannot be moved, and what is mended in a version does not happen there.
		if bytes.Contains(text, []byte("apply --validate")) || bytes.Contains(text, []byte("\nlastVersion: ")) {
			return true
		}
		for _, name := range otherVersion.FindAllString(string(text), -1) {
			if name != "node-128-on" {
				return true
			}
		}
	}
	return false
}

// seenFile is what a cluster showed of the situation.
func (s *situation) seenFile() string {
	if *onVersion == "" {
		return s.file("seen.yaml")
	}
	return s.file("seen-" + *onVersion + ".yaml")
}
