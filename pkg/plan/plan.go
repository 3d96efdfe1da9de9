// Package plan says of every workload whether it can have native sidecars, what it would gain, what stands in the way,
// and in which order to move them. It is made of the facts of a cluster and of the roles of containers, and is data:
// the words are the printer's. What was not read is unknown, never fine.
package plan

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

// A Status is whether a workload can be moved.
type Status string

const (
	// Ready: its sidecars are certain, and nothing stands in the way.
	Ready Status = "ready"
	// Ask: whether the containers are sidecars has to be asked.
	Ask Status = "ask"
	// Unknown: what decides was not read.
	Unknown Status = "unknown"
	// Blocked: something has to be done first.
	Blocked Status = "blocked"
	// Done: its sidecars are native, and only workarounds are left.
	Done Status = "done"
)

// A Wave is a group of workloads to move together, in the order of [Waves].
type Wave string

const (
	CronJobs     Wave = "CronJobs"
	Jobs         Wave = "Jobs"
	Deployments  Wave = "Deployments"
	StatefulSets Wave = "StatefulSets"
	DaemonSets   Wave = "DaemonSets"
	// Last are those that cannot be moved yet.
	Last Wave = "blocked"
)

// Waves are all there are: what has the least to lose comes first.
var Waves = []Wave{CronJobs, Jobs, Deployments, StatefulSets, DaemonSets, Last}

// A Gain is what a workload has of native sidecars.
type Gain string

const (
	JobEnds    Gain = "job-ends"
	StartOrder Gain = "start-order"
	// DrainOrder: the sidecar stops after the work.
	DrainOrder Gain = "drain-order"
	// ExitCode: the pod's exit code is that of the work.
	ExitCode Gain = "exit-code"
	// Unsticks: a server among the init containers keeps the pod from starting.
	Unsticks Gain = "starts"
	// Cleaner: a workaround can go.
	Cleaner Gain = "workaround-goes"
)

// A Delivery is how a change gets to the pods.
type Delivery string

const (
	NextRun Delivery = "next-run"
	Replace Delivery = "replace"
	Rollout Delivery = "rollout"
	// NewPods: pods that are there stay as they are until they are deleted.
	NewPods Delivery = "new-pods"
	// NextRelease: a hook of Helm is created again with the next release.
	NextRelease Delivery = "next-release"
)

// An Owner is who has the manifest: changes in the cluster do not last.
type Owner struct {
	// Tool is "Helm", "Argo CD", "Flux", or the kind of the object that made it.
	Tool string `json:"tool"`
	// Name is that of the release, application or object; empty where it is not told.
	Name string `json:"name,omitempty"`
}

// A BlockKind is what has to be done first.
type BlockKind string

const (
	OldNodes      BlockKind = "old-nodes"
	OldServer     BlockKind = "old-api-server"
	Webhook       BlockKind = "webhook-strips"
	Schema        BlockKind = "schema-prunes"
	WrapperWaits  BlockKind = "wrapper-waits"
	ByInjector    BlockKind = "injected"
	LeftToKind    BlockKind = "kind-has-its-own"
	NodesUnread   BlockKind = "nodes-unknown"
	ServerUnread  BlockKind = "api-servers-unknown"
	WebhookUnread BlockKind = "webhooks-unknown"
	SchemaUnread  BlockKind = "schema-unknown"
	// InjectorSetting: only a webhook's setting makes it native.
	InjectorSetting BlockKind = "injector-setting"
	// InjectorUnread: its template asks for the sidecar, and no canary tells how it comes.
	InjectorUnread BlockKind = "injector-unknown"
)

// A Block is one of them.
type Block struct {
	Kind BlockKind `json:"kind"`
	// Names are the nodes, webhooks, resource or container that it is about.
	Names []string `json:"names,omitempty"`
	// Version is the oldest version there, or the one that a resource needs.
	Version string `json:"version,omitempty"`
	// How is what to set, where that is known.
	How string `json:"how,omitempty"`
	// Why is what kept it from being read, where that is known.
	Why string `json:"why,omitempty"`
	// Open is set where something was not read: it may stand in the way.
	Open bool `json:"open,omitempty"`
}

// Nodes are those that the pods may land on.
type Nodes struct {
	Count int `json:"count"`
	// Oldest is the oldest version of a kubelet among them.
	Oldest string `json:"oldest,omitempty"`
	// Unable are the names of those that do not run native sidecars.
	Unable []string `json:"unable,omitempty"`
}

// A Sidecar is a container to move.
type Sidecar struct {
	Name string     `json:"name"`
	Role roles.Role `json:"role"`
	// Init is set for one that stands among the init containers.
	Init    bool           `json:"init,omitempty"`
	Signals []roles.Signal `json:"signals"`
	// Trusted is how many kinds of certain signals there are: two to move it without asking.
	Trusted int `json:"trusted"`
	// Probe is the startup probe to give it; nil for none, with Doubt saying why.
	Probe map[string]any `json:"startupProbe,omitempty"`
	Basis string         `json:"probeBasis,omitempty"`
	Doubt roles.Doubt    `json:"probeDoubt,omitempty"`
	// Flags would open an endpoint for a probe.
	Flags []string `json:"probeFlags,omitempty"`
	// Before is the init container that needs it.
	Before string `json:"before,omitempty"`
	// Changes are what else changes with it.
	Changes []roles.Obstacle `json:"changes,omitempty"`
}

// An Injected is a sidecar that a webhook puts into the pods as a regular container, and that could be native.
type Injected struct {
	Name string `json:"name"`
	// Software is whose it is, as far as that is known: "Istio".
	Software string `json:"software,omitempty"`
	// Webhooks are those that were called for the canary: one of them did it.
	Webhooks []string `json:"webhooks,omitempty"`
	// Canary is the namespace of the canary that shows it, Asked the setting of the template that asks for it where no
	// canary does: it may be native.
	Canary string `json:"canary,omitempty"`
	Asked  string `json:"asked,omitempty"`
	// How is the setting that makes it native; empty where it is not known.
	How string `json:"how,omitempty"`
}

// A Row is one workload.
type Row struct {
	checks.Object
	APIVersion string     `json:"apiVersion"`
	Wave       Wave       `json:"wave"`
	Status     Status     `json:"status"`
	Sidecars   []Sidecar  `json:"sidecars,omitempty"`
	Injected   []Injected `json:"injected,omitempty"`
	// References are what else means the sidecars, outside of the template.
	References  []Reference        `json:"references,omitempty"`
	Gains       []Gain             `json:"gains,omitempty"`
	Workarounds []roles.Workaround `json:"workarounds,omitempty"`
	Nodes       Nodes              `json:"nodes"`
	Admission   cluster.Keeping    `json:"admission"`
	// Keeps is whether the schema of a custom resource keeps the field; "keeps" for built-in kinds.
	Keeps    cluster.Keeping `json:"schema"`
	Owner    *Owner          `json:"owner,omitempty"`
	Delivery Delivery        `json:"delivery"`
	Blocks   []Block         `json:"blocks,omitempty"`
}

// A Plan is what there is to move in a cluster.
type Plan struct {
	metav1.TypeMeta `json:",inline"`
	Tool            string `json:"tool,omitempty"`
	// Context is the cluster's name in the kubeconfig, and Unreached says why nothing of it was read; only in lists.
	Context   string      `json:"context,omitempty"`
	Unreached *Unreached  `json:"unreached,omitempty"`
	Server    string      `json:"server,omitempty"`
	TakenAt   metav1.Time `json:"takenAt,omitzero"`
	// Looked is how many workloads were looked at.
	Looked int `json:"looked"`
	// Rows are the workloads with something to move, in the order in which to do that.
	Rows []Row `json:"workloads"`
	// Gaps are what could not be read.
	Gaps []facts.Gap `json:"gaps,omitempty"`
	// Limits say what is never read, or was left out on request.
	Limits []string `json:"limits,omitempty"`
	// Complete reports whether every workload that was asked for was looked at.
	Complete bool `json:"complete"`
}

// Kind heads a plan as a document.
const Kind = "Plan"

// relevant are the gaps of what a plan is made of.
func relevant(gaps []facts.Gap) []facts.Gap {
	return slices.DeleteFunc(slices.Clone(gaps), func(g facts.Gap) bool {
		return !slices.Contains(Kinds, g.Kind)
	})
}

// Kinds are the facts of the cluster that a plan is made of.
var Kinds = []facts.Kind{
	facts.Clock, facts.APIServers, facts.ControlPlane, facts.Nodes, facts.Kubelets, facts.Namespaces,
	facts.MutatingWebhooks, facts.MutatingPolicies, facts.Canaries, facts.CRDs,
}

// Exit codes of a plan.
const (
	ExitNothing = 0
	ExitToMove  = 3
	ExitUnknown = 4
)

// ExitCode is 0 where nothing is left to move, 3 where something is, and 4 where not all was seen that could show it.
func (p *Plan) ExitCode() int {
	unknown := !p.Complete
	for _, r := range p.Rows {
		switch r.Status {
		case Ready, Ask, Blocked:
			return ExitToMove
		case Unknown:
			unknown = true
		}
	}
	if unknown {
		return ExitUnknown
	}
	return ExitNothing
}

// Count is how many rows have a status.
func (p *Plan) Count(s Status) int {
	n := 0
	for _, r := range p.Rows {
		if r.Status == s {
			n++
		}
	}
	return n
}
