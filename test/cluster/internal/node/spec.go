// Package node is the first process of a node of a test cluster. The node is
// a set of namespaces: PID, so that it ends as a whole; mount, so that what
// containerd and kubelet mount and write to well-known folders is nobody
// else's; network, so that it has an address and the usual ports; UTS and
// cgroup for the same reasons.
package node

import (
	"encoding/json"
	"fmt"
	"os"
)

// Spec is what the first process needs to know. It is passed in a file.
type Spec struct {
	Hostname   string
	Dir        string   // of the node, on disk
	Log        string   // prefix of the log files' names
	Cgroup     string   // name of the cgroup that the node has in each hierarchy
	Network    string   // commands of ip(8) for the inside of the node
	Containerd []string // command line
	Images     []string // archives to import
	Kubelet    []string // command line
}

// Lines that the first process reads on standard input, in this order. When
// standard input ends, so does the node.
const (
	Plugged = "plugged" // the network device is there
	Run     = "run"     // the API server answers: start the kubelet
)

// Socket is where containerd listens; /run is the node's own.
const Socket = "/run/containerd/containerd.sock"

// ImportCommand gives containerd the images of an archive, for the kubelet.
func ImportCommand(archive string) []string {
	return []string{"ctr", "--address", Socket, "-n", "k8s.io", "images", "import", "--snapshotter", "native", archive}
}

// WriteFile keeps the spec in a file.
func (s Spec) WriteFile(name string) error {
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return fmt.Errorf("write the node's spec: %w", err)
	}
	return os.WriteFile(name, data, 0o644)
}

func read(name string) (Spec, error) {
	var s Spec
	data, err := os.ReadFile(name)
	if err != nil {
		return s, fmt.Errorf("read the node's spec: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read the node's spec: %w", err)
	}
	return s, nil
}
