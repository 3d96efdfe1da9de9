package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// TestBlocksOf: what keeps native sidecars of one workload from running, without a canary.
func TestBlocksOf(t *testing.T) {
	rollout := `apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: w}, {name: proxy, image: p}]}
`
	server := func(s *facts.Snapshot, v string) *facts.Snapshot {
		s.ServerVersion = &version.Info{GitVersion: v}
		return s
	}
	ready := func() *facts.Snapshot { return clusterOf("new v1.33.1 a", "old v1.27.4 b", "open v1.31.0 c") }
	unread := ready()
	unread.Nodes, unread.Seen = nil, []facts.Kind{facts.APIServers}
	unread.Gaps = append(unread.Gaps, facts.NewGap(facts.Nodes, facts.Instance{}, "forbidden", facts.Remedy{}))
	for name, c := range map[string]struct {
		s        *facts.Snapshot
		manifest string
		want     []Block
	}{
		"every node":      {ready(), deployment("web", ""), []Block{{Kind: OldNodes, Names: []string{"old"}, Version: "v1.27.4"}}},
		"nodes that do":   {ready(), deployment("web", "nodeSelector: {pool: a}, "), nil},
		"a gate unread":   {ready(), deployment("web", "nodeSelector: {pool: c}, "), []Block{{Kind: NodesUnread, Names: []string{"open"}, Version: "v1.31.0", Open: true}}},
		"no such node":    {ready(), deployment("web", "nodeSelector: {pool: d}, "), []Block{{Kind: NodesUnread, Open: true}}},
		"nodes unread":    {unread, deployment("web", ""), []Block{{Kind: NodesUnread, Open: true}}},
		"an old server":   {server(ready(), "v1.27.4"), deployment("web", "nodeSelector: {pool: a}, "), []Block{{Kind: OldServer, Version: "v1.27.4"}}},
		"a server unread": {server(ready(), "v1.30.1"), deployment("web", "nodeSelector: {pool: a}, "), []Block{{Kind: ServerUnread, Version: "v1.30.1", Open: true}}},
		"a schema unread": {clusterOf("new v1.33.1"), rollout, []Block{{Kind: SchemaUnread, Names: []string{"Rollout.argoproj.io"}, Open: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			documents, err := workload.Parse("m", []byte(c.manifest))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, BlocksOf(c.s)(documents[0].Workloads[0])); d != "" {
				t.Error(d)
			}
		})
	}
}
