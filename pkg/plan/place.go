package plan

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// place finds what stands in the way of a row in the cluster, and what was not read.
func (p *Planner) place(c *candidate, row *Row) {
	p.servers(row, cluster.Process.Sidecars)
	p.landing(&c.spec, row, cluster.Node.Sidecars)
	row.Keeps = cluster.Keeps
	tried := p.view.Admission(c.template(), row.Kind)
	row.Admission = tried.Keeping
	switch tried.Keeping {
	case cluster.Loses:
		row.Blocks = append(row.Blocks, Block{Kind: Webhook, Names: tried.Culprits})
	case cluster.Untold:
		row.Blocks = append(row.Blocks, Block{Kind: WebhookUnread, Why: tried.Why, Open: true})
	}
	if c.served != "" {
		p.schema(c, row)
	}
}

// ownBlocks are what the template itself tells.
func ownBlocks(j *roles.Judgment) []Block {
	var out []Block
	for i := range j.Containers {
		c := &j.Containers[i]
		for _, o := range c.Obstacles {
			switch {
			case o.Kind == roles.WrapperStays && c.Role != roles.Native:
				out = append(out, Block{Kind: WrapperWaits, Names: []string{c.Name}})
			case o.Kind == roles.InjectorsOwn && c.Role != roles.Native:
				out = append(out, Block{Kind: ByInjector, Names: []string{c.Name}, How: c.Software.Native})
			}
		}
	}
	return out
}

// servers: an API server that does not know the field, or has the gate off, drops it.
func (p *Planner) servers(row *Row, sidecars func(cluster.Process) gate.State) {
	seen := p.view.APIServers().Seen
	var undecided *Block
	if len(seen) == 0 {
		undecided = &Block{Kind: ServerUnread, Open: true}
	}
	for _, a := range seen {
		switch sidecars(a) {
		case gate.Unsupported, gate.Off:
			row.Blocks = append(row.Blocks, Block{Kind: OldServer, Version: a.Version()})
			return
		case gate.Unknown:
			undecided = &Block{Kind: ServerUnread, Version: a.Version(), Open: true}
		}
	}
	if undecided != nil {
		row.Blocks = append(row.Blocks, *undecided)
	}
}

// landing: the nodes that the pods may land on, and which of them do not run native sidecars.
func (p *Planner) landing(spec *corev1.PodSpec, row *Row, sidecars func(cluster.Node) gate.State) {
	lands := cluster.Landing(spec)
	var oldest *version.Version
	var undecided []string
	for _, n := range p.nodes {
		if spec.NodeName != "" && n.Name != spec.NodeName || spec.NodeName == "" && !lands(n) {
			continue
		}
		row.Nodes.Count++
		if n.Version != nil && (oldest == nil || n.Version.LessThan(oldest)) {
			oldest, row.Nodes.Oldest = n.Version, n.Status.NodeInfo.KubeletVersion
		}
		switch state := sidecars(n); {
		case n.Virtual != "", state == gate.Unsupported, state == gate.Off:
			row.Nodes.Unable = append(row.Nodes.Unable, n.Name)
		case state == gate.Unknown:
			undecided = append(undecided, n.Name)
		}
	}
	switch {
	case len(row.Nodes.Unable) > 0:
		row.Blocks = append(row.Blocks, Block{Kind: OldNodes, Names: row.Nodes.Unable, Version: row.Nodes.Oldest})
	case len(undecided) > 0:
		row.Blocks = append(row.Blocks, Block{Kind: NodesUnread, Names: undecided, Version: row.Nodes.Oldest, Open: true})
	case !p.s.Has(facts.Nodes), len(p.s.GapsOf(facts.Nodes, "")) > 0, row.Nodes.Count == 0:
		row.Blocks = append(row.Blocks, Block{Kind: NodesUnread, Open: true})
	}
}

// schema: what the CustomResourceDefinition does with the field.
func (p *Planner) schema(c *candidate, row *Row) {
	row.Keeps = cluster.Untold
	for _, d := range p.s.CustomResourceDefinitions {
		if d.Group != c.group || d.Kind != row.Kind {
			continue
		}
		switch fate, _ := d.FateOf(c.served, c.inits); fate {
		case facts.Pruned:
			b := Block{Kind: Schema, Names: []string{d.Name}}
			if k, ok := known.CRDByName(d.Name); ok {
				b.Version, b.How = k.Fixed, k.Software
			}
			row.Keeps, row.Blocks = cluster.Loses, append(row.Blocks, b)
			return
		case facts.Kept:
			row.Keeps = cluster.Keeps
			return
		}
	}
	row.Blocks = append(row.Blocks, Block{Kind: SchemaUnread, Names: []string{row.Kind + "." + c.group}, Open: true})
}

// OwnerOf is who has the manifest of an object, as its metadata says; nil where it does not.
func OwnerOf(meta *metav1.ObjectMeta) *Owner {
	label := func(key string) string { return meta.Labels[key] }
	note := func(key string) string { return meta.Annotations[key] }
	argo, _, _ := strings.Cut(note("argocd.argoproj.io/tracking-id"), ":")
	switch {
	case argo != "":
		return &Owner{"Argo CD", argo}
	case label("argocd.argoproj.io/instance") != "":
		return &Owner{"Argo CD", label("argocd.argoproj.io/instance")}
	case label("kustomize.toolkit.fluxcd.io/name") != "":
		return &Owner{"Flux", "Kustomization " + label("kustomize.toolkit.fluxcd.io/namespace") + "/" + label("kustomize.toolkit.fluxcd.io/name")}
	case label("helm.toolkit.fluxcd.io/name") != "":
		return &Owner{"Flux", "HelmRelease " + label("helm.toolkit.fluxcd.io/namespace") + "/" + label("helm.toolkit.fluxcd.io/name")}
	case note("meta.helm.sh/release-name") != "", label("app.kubernetes.io/managed-by") == "Helm":
		return &Owner{"Helm", cmp.Or(note("meta.helm.sh/release-name"), label("app.kubernetes.io/instance"))}
	}
	for _, o := range meta.OwnerReferences {
		return &Owner{o.Kind, o.Name}
	}
	return nil
}

func deliveryOf(w *workload.Workload) Delivery {
	switch {
	case waveOf(w) == CronJobs:
		return NextRun
	case w.Annotations["helm.sh/hook"] != "":
		return NextRelease
	case w.Is("Job", "Pod"):
		return Replace
	case w.Is("ReplicaSet", "ReplicationController", "PodTemplate"):
		return NewPods
	}
	return Rollout
}

// gainsOf are what a workload has of it, as far as its template tells.
func gainsOf(w *workload.Workload, j *roles.Judgment, list []Sidecar) []Gain {
	var out []Gain
	add := func(g Gain, when bool) {
		if when && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	for _, s := range list {
		add(Unsticks, s.Init)
		add(JobEnds, w.Completes() && !s.Init)
		add(StartOrder, j.DependedOn(s.Name))
		add(DrainOrder, !w.Completes() && !s.Init)
	}
	for _, x := range j.Workarounds {
		add(ExitCode, len(x.Faults) > 0)
		add(Cleaner, true)
	}
	return out
}
