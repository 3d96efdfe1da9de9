package manifests

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A scene is an input as the checks want it.
type scene struct {
	Input
	pods     []*pod
	view     *cluster.View
	services []service
	// probes are the startup probes of findings as YAML.
	probes *sync.Map
}

// A pod is a pod template.
type pod struct {
	*workload.Workload
	s      *scene
	judged roles.Judgment
	// said is what was said of it when its file was settled; nil where it was not.
	said []answer
	// built is set for what kustomize built, source is what it was built from; nil where that is not known.
	built  bool
	source *workload.Workload
	// server is the version of the API servers, oldest that of whatever it meets.
	server, oldest version
	// inits are plain init containers, natives the native sidecars among them, mains the regular containers.
	inits, natives, mains []*container
}

// instance is the workload that a gap is about.
func (p *pod) instance() facts.Instance {
	return facts.Instance{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}
}

// A container with its place.
type container struct {
	*corev1.Container
	init  bool
	index int
}

// native reports whether it is an init container that runs as long as the pod.
func (c *container) native() bool { return c.init && facts.RestartsAlways(c.Container) }

func (c *container) list() string {
	if c.init {
		return "initContainers"
	}
	return "containers"
}

// field names a field of it, for evidence: initContainers[name="proxy"].lifecycle.
func (c *container) field(path ...string) string {
	return strings.Join(append([]string{fmt.Sprintf("%s[name=%q]", c.list(), c.Name)}, path...), ".")
}

func sceneOf(in Input) *scene {
	s := &scene{Input: in, probes: new(sync.Map)}
	if in.Cluster != nil {
		view := cluster.ViewOf(in.Cluster)
		s.view = &view
	}
	built := map[string]bool{}
	for _, f := range in.Files {
		built[f.Name] = built[f.Name] || f.Built
	}
	settled := in.answers()
	for _, w := range in.Workloads() {
		p := podOf(s, w)
		p.said = settled[w]
		if built[w.Place.File] {
			p.built, p.source = true, in.sourceOf(w)
		}
		s.pods = append(s.pods, p)
	}
	var group errgroup.Group // each pod is judged alone
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range s.pods {
		if p.said == nil {
			group.Go(func() error { p.judge(); return nil })
		}
	}
	_ = group.Wait()
	for _, f := range in.Files {
		s.services = append(s.services, f.services...)
		for i := range f.Documents {
			s.services = append(s.services, servicesIn(&f.Documents[i])...)
		}
	}
	return s
}

func podOf(s *scene, w *workload.Workload) *pod {
	p := &pod{Workload: w, s: s}
	spec := w.Spec()
	for i := range spec.InitContainers {
		c := &container{&spec.InitContainers[i], true, i}
		if c.native() {
			p.natives = append(p.natives, c)
		} else {
			p.inits = append(p.inits, c)
		}
	}
	for i := range spec.Containers {
		p.mains = append(p.mains, &container{&spec.Containers[i], false, i})
	}
	return p
}

// judge finds out what its containers are to each other, and which versions it meets.
func (p *pod) judge() {
	p.judged = roles.Judge(p.Workload)
	p.server, p.oldest = p.s.meets(p.Workload)
}

// all are the containers in the order in which they start.
func (p *pod) all() []*container {
	out := slices.Concat(p.inits, p.natives)
	slices.SortFunc(out, func(a, b *container) int { return a.index - b.index })
	return append(out, p.mains...)
}

// named is the container with that name; nil for none.
func (p *pod) named(name string) *container {
	all := p.all()
	if i := slices.IndexFunc(all, func(c *container) bool { return c.Name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

func (p *pod) object() checks.Object {
	return checks.Object{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}
}

// at is the place of a field of a container.
func (p *pod) at(c *container, field ...string) checks.Place {
	return p.place(append([]string{c.list(), strconv.Itoa(c.index)}, field...)...)
}

// finding is one about a field of a container.
func (p *pod) finding(c *container, place checks.Place, message string, evidence []string, steps ...checks.Step) checks.Finding {
	f := checks.Finding{Object: p.object(), Place: place, Message: message, Steps: steps}
	for _, e := range evidence { // what is quoted ends up in logs
		f.Evidence = append(f.Evidence, facts.RedactText(e))
	}
	if c != nil {
		f.Container = c.Name
	}
	return f
}

// A question is what a check asks of each pod template.
type question func(*pod) []checks.Finding

// podCheck is a check that asks every pod template the same.
func podCheck(c checks.Check, ask question) rule {
	return openCheck(c, func(p *pod) checks.Outcome { return checks.Outcome{Findings: ask(p)} })
}

// openCheck is one that cannot always tell: what it would have to know of a pod template is missing then.
func openCheck(c checks.Check, each func(*pod) checks.Outcome) rule {
	c.Category, c.Needs = checks.Manifests, []facts.Kind{facts.Workloads}
	return rule{checks.Rule[*scene]{Check: c, Run: func(s *scene) checks.Outcome {
		out := s.ofPods(c.ID, each)
		out.Tried = prose.Counted(len(s.pods), "workload")
		return out
	}}, each}
}

// do is a step in words.
func do(format string, args ...any) checks.Step {
	return checks.Step{Text: fmt.Sprintf(format, args...)}
}

// write is a step with the YAML to write.
func write(text, yaml string) checks.Step {
	return checks.Step{Text: text, Command: yaml, Language: checks.YAML}
}
