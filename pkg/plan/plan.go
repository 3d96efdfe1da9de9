// Package plan says of every workload whether it can have native sidecars, what it would gain, what stands in the way,
// and in which order to move them. It is made of the facts of a cluster and of the roles of containers, and is data:
// the words are the printer's. What was not read is unknown, never fine.
package plan

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
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
	Injected      BlockKind = "injected"
	LeftToKind    BlockKind = "kind-has-its-own"
	NodesUnread   BlockKind = "nodes-unknown"
	ServerUnread  BlockKind = "api-servers-unknown"
	WebhookUnread BlockKind = "webhooks-unknown"
	SchemaUnread  BlockKind = "schema-unknown"
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

// A Row is one workload.
type Row struct {
	checks.Object
	APIVersion  string             `json:"apiVersion"`
	Wave        Wave               `json:"wave"`
	Status      Status             `json:"status"`
	Sidecars    []Sidecar          `json:"sidecars,omitempty"`
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
	Tool            string      `json:"tool,omitempty"`
	Server          string      `json:"server,omitempty"`
	TakenAt         metav1.Time `json:"takenAt,omitzero"`
	// Looked is how many workloads were looked at.
	Looked int `json:"looked"`
	// Rows are the workloads with something to move, in the order in which to do that.
	Rows []Row `json:"workloads"`
	// Gaps are what could not be read.
	Gaps []facts.Gap `json:"gaps,omitempty"`
	// Complete reports whether every workload that was asked for was looked at.
	Complete bool `json:"complete"`
}

// Kind heads a plan as a document.
const Kind = "Plan"

// A Planner makes a plan: it is given one workload after the other, and keeps of each only its row.
type Planner struct {
	s     *facts.Snapshot
	view  cluster.View
	nodes []cluster.Node
	plan  Plan
}

// New begins a plan for a cluster.
func New(s *facts.Snapshot, tool string) *Planner {
	out := &Planner{s: s, view: cluster.ViewOf(s)}
	out.nodes = out.view.Nodes()
	out.plan = Plan{TypeMeta: metav1.TypeMeta{APIVersion: facts.APIVersion, Kind: Kind}, Tool: tool, Server: s.Server, TakenAt: s.TakenAt, Gaps: relevant(s.Gaps)}
	return out
}

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

// Add looks at a workload. meta is the metadata of its object.
func (p *Planner) Add(w *workload.Workload, meta *metav1.ObjectMeta) {
	p.plan.Looked++
	j := roles.Judge(w)
	row := Row{
		Object:     checks.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name},
		APIVersion: w.APIVersion, Workarounds: j.Workarounds, Owner: OwnerOf(meta), Delivery: deliveryOf(w),
	}
	for i := range j.Containers {
		if c := &j.Containers[i]; c.Role == roles.Sidecar || c.Role == roles.Ask && !c.Init {
			row.Sidecars = append(row.Sidecars, sidecarOf(&j, c))
		}
	}
	if len(row.Sidecars) == 0 && len(row.Workarounds) == 0 {
		return
	}
	for i := range row.Workarounds {
		row.Workarounds[i].Edits = nil // convert makes them
	}
	row.Gains = gainsOf(w, &j, row.Sidecars)
	p.place(w, &j, &row)
	slices.SortStableFunc(row.Blocks, func(a, b Block) int { // what is certain first
		switch {
		case a.Open == b.Open:
			return 0
		case b.Open:
			return -1
		}
		return 1
	})
	row.Status, row.Wave = statusOf(&row), waveOf(w)
	if row.Status == Blocked {
		row.Wave = Last
	}
	p.plan.Rows = append(p.plan.Rows, row)
}

func sidecarOf(j *roles.Judgment, c *roles.Container) Sidecar {
	out := Sidecar{
		Name: c.Name, Role: c.Role, Init: c.Init, Signals: c.Signals, Trusted: c.Trusted(), Doubt: c.Proposal.Doubt,
		Basis: string(c.Proposal.Basis), Before: c.Before,
	}
	switch {
	case c.Proposal.Given():
		out.Probe = c.Proposal.Fields
	case c.Proposal.Doubt != roles.NotNeeded:
		out.Flags = c.Proposal.Missing
	}
	for _, o := range c.Obstacles {
		if o.Kind != roles.WrapperStays && o.Kind != roles.InjectorsOwn {
			out.Changes = append(out.Changes, o)
		}
	}
	return out
}

func statusOf(r *Row) Status {
	switch {
	case slices.ContainsFunc(r.Blocks, func(b Block) bool { return !b.Open }):
		return Blocked
	case len(r.Sidecars) == 0:
		return Done
	case len(r.Blocks) > 0:
		return Unknown
	case slices.ContainsFunc(r.Sidecars, func(s Sidecar) bool { return s.Role == roles.Ask || s.Trusted < 2 }):
		return Ask
	}
	return Ready
}

// waveOf is the wave of a kind; custom ones go with what they are like.
func waveOf(w *workload.Workload) Wave {
	switch {
	case w.Kind == "CronJob", w.Kind == "AdvancedCronJob", w.Kind == "ScaledJob":
		return CronJobs
	case w.Completes(), w.Is("Pod"):
		return Jobs
	case w.Kind == "StatefulSet":
		return StatefulSets
	case w.Kind == "DaemonSet":
		return DaemonSets
	}
	return Deployments
}

// Finish is the plan. gaps are what could not be read of the workloads.
func (p *Planner) Finish(gaps []facts.Gap) *Plan {
	out := p.plan
	// Without the CustomResourceDefinitions the workloads of other kinds were not looked for.
	customs := !p.s.Has(facts.CRDs) || len(p.s.GapsOf(facts.CRDs, "")) == 0
	out.Gaps, out.Complete = append(slices.Clone(out.Gaps), gaps...), len(gaps) == 0 && customs
	rank := func(r Row) int { return slices.Index(Waves, r.Wave) }
	slices.SortStableFunc(out.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return &out
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
