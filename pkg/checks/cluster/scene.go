// Package cluster has the checks on clusters: is everything in them ready for native sidecars?
package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A scene is a snapshot with what several checks look up in it, worked out once.
type scene struct {
	*facts.Snapshot
	// nodes are all nodes, by name, with what their kubelets do with native sidecars.
	nodes []Node
	// runs pair the classes with what admission did to their canaries.
	runs []admissionRun
	// apiServers is what is known of the API servers.
	apiServers Fleet
}

func sceneOf(s *facts.Snapshot) *scene {
	return &scene{Snapshot: s, nodes: nodesOf(s), runs: admissionRuns(s), apiServers: apiServersOf(s)}
}

// A rule is a check on clusters.
type rule = checks.Rule[*scene]

// A Judgment is what the checks say of a cluster, with what they looked up to say it.
type Judgment struct {
	Results []checks.Result
	// Nodes are all nodes, by name.
	Nodes []Node
	// Webhooks are the mutating webhooks and policies in call order, with what each does to the field.
	Webhooks []WebhookRow
	// Settled is set where gates no longer matter.
	Settled *Settled
}

// Judge evaluates a snapshot with all checks but those to skip, in their order. skip may be nil.
func Judge(s *facts.Snapshot, skip func(id string) bool) Judgment {
	sc := sceneOf(s)
	results := checks.Run(s, sc, rules(), skip)
	return Judgment{Results: results, Nodes: sc.nodes, Webhooks: sc.webhookTable(), Settled: sc.settled(results)}
}

// A View is what the checks on pods ask of a cluster.
type View struct {
	s *scene
}

// ViewOf looks at the cluster of a snapshot.
func ViewOf(s *facts.Snapshot) View { return View{sceneOf(s)} }

// Nodes are all nodes, by name.
func (v View) Nodes() []Node { return v.s.nodes }

// Webhooks are the mutating webhooks and policies in call order, with what each does to the field.
func (v View) Webhooks() []WebhookRow { return v.s.webhookTable() }

// APIServers is what is known of the API servers.
func (v View) APIServers() Fleet { return v.s.apiServers }
