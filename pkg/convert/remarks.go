package convert

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

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
	NeedsPorts    RemarkKind = "needs-1.32"      // Services find named ports of native sidecars
	StopsAtOnce   RemarkKind = "prestop-at-once" // a preStop hook does not wait for the main container
	FailurePolicy RemarkKind = "failure-policy"  // a rule on exit codes catches the sidecar's
	WaitsForCtl   RemarkKind = "controller-must-know"
	Scales        RemarkKind = "scales-by-container" // an HPA or VPA names the container
	NamesPort     RemarkKind = "names-port"          // a Service, monitor or policy names one of its ports
)

// remark says what else there is to know.
func (p *Plan) remark() {
	w := p.Workload
	p.add(Remark{Kind: p.delivery(), Place: w.Place})
	if len(p.Moves) == 0 {
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
		if place, caught := p.caught(c.Name); caught {
			p.add(Remark{Kind: FailurePolicy, Container: c.Name, Place: place})
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

// caught reports whether a rule of podFailurePolicy matches exit codes of any container: with init containers among them.
func (p *Plan) caught(string) (workload.Place, bool) {
	way := p.Workload.Way
	if len(way) < 2 {
		return workload.Place{}, false
	}
	path := slices.Concat(way[:len(way)-2], []string{"podFailurePolicy", "rules"})
	rules, _ := descend(p.Workload.Object, path).([]any)
	for i, rule := range rules {
		codes, _ := descend(rule, []string{"onExitCodes"}).(map[string]any)
		if codes != nil && codes["containerName"] == nil {
			return p.Workload.AtObject(append(slices.Clone(path), strconv.Itoa(i))...), true
		}
	}
	return workload.Place{}, false
}

func descend(v any, path []string) any {
	for _, key := range path {
		switch in := v.(type) {
		case map[string]any:
			v = in[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
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
