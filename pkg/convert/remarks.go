package convert

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A Remark is something to know about a change, or something else that has to change with it.
type Remark struct {
	Kind      RemarkKind
	Container string
	// About is what it is about: a port, an object.
	About string
	Place workload.Place
}

// A RemarkKind says what a Remark means.
type RemarkKind string

// Kinds of remarks.
const (
	NextRun       RemarkKind = "next-run"        // a CronJob: jobs that run already stay as they are
	Replace       RemarkKind = "replace"         // a Job or a pod: it cannot be changed in place
	HookRenews    RemarkKind = "hook-renews"     // a Job that Helm creates anew
	Rollout       RemarkKind = "rollout"         // its pods are replaced
	NeedsField    RemarkKind = "needs-1.29"      // the field itself
	NeedsPorts    RemarkKind = "needs-1.33"      // Services find named ports of native sidecars
	StopsAtOnce   RemarkKind = "prestop-at-once" // a preStop hook does not wait for the main container
	RulesGo       RemarkKind = "rules-go"        // its restartPolicyRules are not allowed for native sidecars
	PolicyGoes    RemarkKind = "policy-goes"     // its own restartPolicy was another one: it is always restarted now
	WorkLeft      RemarkKind = "work-left"       // it is told to exit when the work has exited, and may not be done
	FailurePolicy RemarkKind = "failure-policy"  // a rule on exit codes catches the sidecar's
	Injected      RemarkKind = "injected"        // a webhook puts it into pods, too, and has a setting for this
	WaitsForCtl   RemarkKind = "controller-must-know"
	FromChart     RemarkKind = "from-chart"          // Helm has rendered it: the next time it is as before
	Scales        RemarkKind = "scales-by-container" // an HPA or VPA names the container
	NamesPort     RemarkKind = "names-port"          // a Service, monitor or policy names one of its ports

	Twice          RemarkKind = "counted-twice"   // the sidecar is in the pod twice, and so are its requests
	NoWait         RemarkKind = "no-wait"         // nothing says when it can be used, so nobody waits for it
	EndsAsNow      RemarkKind = "ends-as-now"     // what ends it now stays
	KubeletDecides RemarkKind = "kubelet-decides" // a kubelet with the gate off that sees the field rejects the pod
	Placeholder    RemarkKind = "placeholder"     // the image with sidecar-run is no image
)

// remark says what else there is to know.
func (p *Plan) remark(j *roles.Judgment, o Options) {
	w := p.Workload
	p.add(Remark{Kind: p.delivery(), Place: w.Place})
	if p.Change.Then != nil && o.RunImage == PlaceholderImage {
		p.add(Remark{Kind: Placeholder, About: o.RunImage, Place: w.Place})
	}
	p.restarts(j, o)
	if len(p.Moves) == 0 || o.Strategy != Native {
		return
	}
	p.add(Remark{Kind: NeedsField, Place: w.Place})
	if g := w.Group(); strings.Contains(g, ".") {
		p.add(Remark{Kind: WaitsForCtl, About: w.Kind, Place: w.Place})
	}
	for i, c := range w.Spec().Containers {
		if !slices.ContainsFunc(p.Moves, func(m Move) bool { return m.Container == c.Name }) {
			continue
		}
		at := strconv.Itoa(i)
		for j, port := range c.Ports {
			if port.Name != "" {
				p.add(Remark{Kind: NeedsPorts, Container: c.Name, About: port.Name, Place: w.At("containers", at, "ports", strconv.Itoa(j))})
			}
		}
		if c.Lifecycle != nil && c.Lifecycle.PreStop != nil && !p.drops("containers", at, "lifecycle", "preStop") {
			p.add(Remark{Kind: StopsAtOnce, Container: c.Name, Place: w.At("containers", at, "lifecycle", "preStop")})
		}
		if volume := j.HandsOn(c.Name); volume != "" && w.Completes() {
			p.add(Remark{Kind: WorkLeft, Container: c.Name, About: volume, Place: w.At("containers", at, "volumeMounts")})
		}
		p.obstacles(j.Container(c.Name))
	}
}

// restarts says what changes where a container is always restarted.
func (p *Plan) restarts(j *roles.Judgment, o Options) {
	if !o.becomesNative() {
		return
	}
	for _, m := range p.Moves {
		c := j.Container(m.Container)
		if policy := ownPolicy(c); policy != "" {
			p.add(Remark{Kind: PolicyGoes, Container: c.Name, About: policy, Place: p.Workload.At(c.Path("restartPolicy")...)})
		}
		if len(c.RestartPolicyRules) > 0 {
			p.add(Remark{Kind: RulesGo, Container: c.Name, Place: p.Workload.At(c.Path("restartPolicyRules")...)})
		}
	}
}

func (p *Plan) add(r Remark) { p.Remarks = append(p.Remarks, r) }

// drops reports whether a field, or what it is in, is taken out.
func (p *Plan) drops(path ...string) bool {
	for _, d := range p.Change.Drops {
		if len(d.Path) <= len(path) && slices.Equal(d.Path, path[:len(d.Path)]) {
			return true
		}
	}
	return false
}

// delivery is how the change gets to pods.
func (p *Plan) delivery() RemarkKind {
	w := p.Workload
	hook := strings.Contains(w.Annotations["helm.sh/hook-delete-policy"], "before-hook-creation")
	switch {
	case w.Is("CronJob"):
		return NextRun
	case w.Annotations["helm.sh/hook"] != "" && (hook || w.Annotations["helm.sh/hook-delete-policy"] == ""):
		return HookRenews // before-hook-creation is Helm's default, too
	case w.Is("Job", "Pod"):
		return Replace
	}
	return Rollout
}

// obstacles are what has to change with a container.
func (p *Plan) obstacles(c *roles.Container) {
	for _, o := range c.Obstacles {
		kind, known := map[roles.ObstacleKind]RemarkKind{roles.FailurePolicy: FailurePolicy, roles.InjectorsOwn: Injected}[o.Kind]
		if known && len(o.Evidence) > 0 {
			p.add(Remark{Kind: kind, Container: c.Name, Place: o.Evidence[0].Place})
		}
	}
}

// portsOf are the names of the ports of a container.
func portsOf(spec *corev1.PodSpec, container string) []string {
	var out []string
	for _, c := range spec.Containers {
		if c.Name != container {
			continue
		}
		for _, port := range c.Ports {
			if port.Name != "" {
				out = append(out, port.Name)
			}
		}
	}
	return out
}
