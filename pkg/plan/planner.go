package plan

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A Planner makes a plan: it is given one workload after the other, and keeps of each only what becomes its row. What
// the cluster is like is told at the end, since the workloads may be read before.
type Planner struct {
	s     *facts.Snapshot
	view  cluster.View
	nodes []cluster.Node
	plan  Plan
	found []candidate
	// withSidecars are those that have some, by namespace; nil until it is asked for.
	withSidecars map[string][]int
}

// A candidate is a workload that may get a row, with as much of it as the cluster has to be asked about.
type candidate struct {
	row Row
	// spec is where the pods may land, and nothing else.
	spec                corev1.PodSpec
	labels, annotations map[string]string // of the template
	// containers are the names of those in the template.
	containers []string
	// group, served and inits are for the schema of a custom resource: its version, and the way to the init containers.
	group, served string
	inits         []string
	completes     bool
	ports         []port
	blocks        []Block
}

// New begins a plan.
func New(tool string) *Planner {
	return &Planner{plan: Plan{TypeMeta: metav1.TypeMeta{APIVersion: facts.APIVersion, Kind: Kind}, Tool: tool}}
}

// Add looks at a workload. meta is the metadata of its object.
func (p *Planner) Add(w *workload.Workload, meta *metav1.ObjectMeta) {
	p.plan.Looked++
	j := roles.Judge(w)
	row := Row{
		Object:     checks.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name},
		APIVersion: w.APIVersion, Workarounds: j.Workarounds, Owner: OwnerOf(meta), Delivery: deliveryOf(w), Wave: waveOf(w),
	}
	if row.Owner != nil {
		row.Owner.Name = oneLine(row.Owner.Name)
	}
	for i := range j.Containers {
		if c := &j.Containers[i]; c.Role == roles.Sidecar || c.Role == roles.Ask && !c.Init {
			row.Sidecars = append(row.Sidecars, sidecarOf(&j, c))
		}
	}
	for i := range row.Workarounds {
		row.Workarounds[i].Edits = nil // convert makes them
	}
	nameFields(w, &row)
	row.Gains = gainsOf(w, &j, row.Sidecars)
	p.found = append(p.found, candidateOf(w, &j, row))
}

// oneLine is a text of an annotation without line breaks.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// nameFields gives all evidence of a row its field, with containers by their names.
func nameFields(w *workload.Workload, row *Row) {
	name := func(list []roles.Evidence) {
		for i := range list {
			list[i].Field, list[i].Place = workload.FieldName(w.Spec(), list[i].Path), workload.Place{} // what is in a cluster has none
		}
	}
	for _, s := range row.Sidecars {
		for _, x := range s.Signals {
			name(x.Evidence)
		}
		for _, o := range s.Changes {
			name(o.Evidence)
		}
	}
	for _, x := range row.Workarounds {
		name(x.Evidence)
	}
}

// candidateOf keeps of a workload what the cluster has to be asked about.
func candidateOf(w *workload.Workload, j *roles.Judgment, row Row) candidate {
	spec := w.Spec()
	out := candidate{
		row: row, completes: w.Completes(), labels: w.Template.Labels, annotations: w.Template.Annotations,
		spec: corev1.PodSpec{NodeName: spec.NodeName, NodeSelector: spec.NodeSelector, Affinity: spec.Affinity, Tolerations: spec.Tolerations},
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		out.containers = append(out.containers, c.Name)
	}
	if Custom(w) {
		_, out.served, _ = strings.Cut(w.APIVersion, "/")
		out.group, out.inits = w.Group(), append(slices.Clone(w.Way), "initContainers")
	}
	if len(row.Sidecars)+len(row.Workarounds) > 0 {
		out.blocks = ownBlocks(j)
	}
	out.ports = portsOf(w, row.Sidecars)
	if name := out.annotations["kubectl.kubernetes.io/default-container"]; slices.ContainsFunc(row.Sidecars, func(s Sidecar) bool { return s.Name == name }) {
		out.refer(Reference{Kind: DefaultContainer, Container: name})
	}
	return out
}

// Custom reports whether a workload is of a custom resource.
func Custom(w *workload.Workload) bool {
	return !w.Is("Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController", "PodTemplate")
}

// judge makes the row of a candidate; ok is false where there is nothing to move.
func (p *Planner) judge(c *candidate) (Row, bool) {
	row := c.row
	row.Injected = p.injected(c)
	if len(row.Sidecars)+len(row.Workarounds)+len(row.Injected) == 0 {
		return row, false
	}
	row.Gains = append(row.Gains, gainsOfInjected(c, row.Injected, row.Gains)...)
	row.Blocks = slices.Clone(c.blocks)
	if len(row.Sidecars) == 0 {
		row.Blocks = append(row.Blocks, injectorBlocks(row.Injected)...)
	}
	p.place(c, &row)
	slices.SortStableFunc(row.Blocks, func(a, b Block) int { // what is certain first
		switch {
		case a.Open == b.Open:
			return 0
		case b.Open:
			return -1
		}
		return 1
	})
	if row.Status = statusOf(&row); row.Status == Blocked {
		row.Wave = Last
	}
	return row, true
}

func sidecarOf(j *roles.Judgment, c *roles.Container) Sidecar {
	out := Sidecar{
		Name: c.Name, Role: c.Role, Init: c.Init, Signals: append([]roles.Signal{}, c.Signals...), Trusted: c.Trusted(), Doubt: c.Proposal.Doubt,
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

// mustWait reports whether something else has to change before it can move.
func (s Sidecar) mustWait() bool {
	return slices.ContainsFunc(s.Changes, func(o roles.Obstacle) bool { return o.Kind == roles.InitOrder })
}

func statusOf(r *Row) Status {
	switch {
	case slices.ContainsFunc(r.Blocks, func(b Block) bool { return !b.Open }):
		return Blocked
	case len(r.Sidecars) == 0 && len(r.Injected) == 0:
		return Done
	case len(r.Blocks) > 0:
		return Unknown
	case slices.ContainsFunc(r.Sidecars, func(s Sidecar) bool { return s.Role == roles.Ask || s.Trusted < 2 || s.mustWait() }):
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

// meet tells what the cluster is like.
func (p *Planner) meet(s *facts.Snapshot) {
	p.s, p.view = s, cluster.ViewOf(s)
	p.nodes = p.view.Nodes()
}

// Finish is the plan for the cluster that s describes. gaps are what could not be read of the workloads.
func (p *Planner) Finish(s *facts.Snapshot, gaps []facts.Gap) *Plan {
	p.meet(s)
	out := p.plan
	out.Rows = []Row{} // never null
	for i := range p.found {
		if row, ok := p.judge(&p.found[i]); ok {
			out.Rows = append(out.Rows, row)
		}
	}
	out.Server, out.TakenAt = s.Server, s.TakenAt
	if len(out.Rows) < len(p.found) && !s.Has(facts.Canaries) { // the others may have a sidecar injected
		gaps = append(slices.Clone(gaps), checks.Unread(s, facts.Canaries)...)
	}
	// Without the CustomResourceDefinitions the workloads of other kinds were not looked for.
	customs := !s.Has(facts.CRDs) || len(s.GapsOf(facts.CRDs, "")) == 0
	out.Gaps, out.Complete = append(relevant(s.Gaps), gaps...), len(gaps) == 0 && customs && canariesWhole(s)
	rank := func(r Row) int { return slices.Index(Waves, r.Wave) }
	slices.SortStableFunc(out.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return &out
}
