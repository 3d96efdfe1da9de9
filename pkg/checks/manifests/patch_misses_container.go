package manifests

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A strategic merge patch names containers by list and name. In the wrong list it adds a container, which has nothing
// but what the patch says; a JSON patch names them by list and index, and hits another one or fails.
var patchMissesContainer = rule{checks.Rule[*scene]{
	Check: checks.Check{
		ID:       "patch-misses-container",
		Title:    "patches of kustomize name containers in the list in which they are",
		Severity: checks.Error,
		Category: checks.Manifests,
		Needs:    []facts.Kind{facts.Workloads},
	},
	Run: func(s *scene) checks.Outcome {
		out := checks.Outcome{}
		tried := 0 // files of kustomize's
		for i := range s.Files {
			k := kustomizationIn(&s.Files[i])
			if k == nil || s.Files[i].Context && !s.Files[i].Root {
				continue
			}
			b := build{s: s, seen: map[string]bool{}}
			b.run(k)
			tried++
			out.Findings = append(out.Findings, b.findings...)
		}
		out.Findings = once(append(out.Findings, s.ofPods("patch-misses-container", (*pod).addedTwice).Findings...))
		out.Tried = prose.Counted(tried, "kustomization") + ", " + prose.Counted(len(s.pods), "workload")
		return out
	},
}, (*pod).addedTwice}

// once leaves out what was found on another way to the same place.
func once(list []checks.Finding) []checks.Finding {
	var out []checks.Finding
	for _, f := range list {
		if !slices.ContainsFunc(out, func(o checks.Finding) bool { return o.Place == f.Place && o.Message == f.Message }) {
			out = append(out, f)
		}
	}
	return out
}

// addedTwice finds what is left of such a patch in what kustomize built: a name in both lists, once without an image.
func (p *pod) addedTwice() checks.Outcome {
	var out checks.Outcome
	if p.built {
		return out // its patches were followed
	}
	for _, c := range p.mains {
		if c.Image != "" {
			continue
		}
		for _, o := range slices.Concat(p.natives, p.inits) {
			if o.Name == c.Name {
				out.Findings = append(out.Findings, p.finding(c, p.at(c),
					fmt.Sprintf("container %s has no image and is an init container as well: a patch names it under containers, where it no longer is", c.Name),
					[]string{c.field("image") + " is not set", o.field("image: " + o.Image)},
					do("Name %s under initContainers in the patch.", c.Name)))
			}
		}
	}
	return out
}

// A build is kustomize's work on the names of containers.
type build struct {
	s        *scene
	seen     map[string]bool // folders, against circles
	findings []checks.Finding
}

// A patched is a workload while it is patched: the names in its two lists.
type patched struct {
	w               *workload.Workload
	inits, regulars []string
}

// run are the workloads that come of a kustomization.
func (b *build) run(k *kustomization) []*patched {
	if b.seen[k.dir] {
		return nil
	}
	b.seen[k.dir] = true
	var out []*patched
	for _, name := range slices.Concat(k.Resources, k.Bases) {
		out = append(out, b.resource(path.Join(k.dir, name))...)
	}
	for _, name := range k.Components {
		if f := b.s.folder(path.Join(k.dir, name)); f != nil {
			if c := kustomizationIn(f); c != nil {
				b.apply(c, out)
			}
		}
	}
	b.apply(k, out)
	return out
}

func (b *build) resource(name string) []*patched {
	if f := b.s.folder(name); f != nil {
		if k := kustomizationIn(f); k != nil {
			return b.run(k)
		}
	}
	var out []*patched
	if f := b.s.file(name); f != nil {
		for _, d := range f.Documents {
			for _, w := range d.Workloads {
				p := &patched{w: w}
				for _, c := range w.Spec().InitContainers {
					p.inits = append(p.inits, c.Name)
				}
				for _, c := range w.Spec().Containers {
					p.regulars = append(p.regulars, c.Name)
				}
				out = append(out, p)
			}
		}
	}
	return out
}

func (b *build) apply(k *kustomization, to []*patched) {
	for _, p := range b.s.patchesOf(k) {
		for i := range p.documents {
			d := &p.documents[i]
			for _, t := range to {
				if ops := opsOf(d); ops != nil && p.target != nil && p.target.hits(t.w) {
					b.json(p, d, ops, t)
				}
				for _, w := range d.Workloads {
					if p.target != nil && p.target.hits(t.w) || p.target == nil && w.Kind == t.w.Kind && w.Name == t.w.Name {
						b.strategic(p, w, t)
					}
				}
			}
		}
	}
}

// hits reports whether a workload is meant. Names are regular expressions.
func (t *target) hits(w *workload.Workload) bool {
	match := func(pattern, text string) bool {
		re, err := regexp.Compile("^(?:" + pattern + ")$")
		return pattern == "" || err == nil && re.MatchString(text)
	}
	return t.LabelSelector == "" && match(t.Kind, w.Kind) && match(t.Name, w.Name)
}

// strategic merges the names of a patch into a workload's.
func (b *build) strategic(p patch, w *workload.Workload, t *patched) {
	raw := rawSpec(w)
	for i, c := range w.Spec().Containers {
		b.merge(p, w, t, "containers", i, c.Name, c.Image, raw)
	}
	for i, c := range w.Spec().InitContainers {
		b.merge(p, w, t, "initContainers", i, c.Name, c.Image, raw)
	}
}

func (b *build) merge(p patch, w *workload.Workload, t *patched, list string, i int, name, image string, raw map[string]any) {
	own, other, otherList := &t.regulars, t.inits, "initContainers"
	if list == "initContainers" {
		own, other, otherList = &t.inits, t.regulars, "containers"
	}
	switch {
	case directive(raw, list, i) == "delete":
		*own = slices.DeleteFunc(*own, func(n string) bool { return n == name })
		return
	case slices.Contains(*own, name):
		return
	case image != "": // it adds one
		*own = append(*own, name)
		return
	}
	message := fmt.Sprintf("the patch names %s under %s, where %s has no container of that name: kustomize adds one without an image", name, list, t.w)
	step := do("Name a container that %s has.", t.w.Name)
	if slices.Contains(other, name) {
		message = fmt.Sprintf("the patch names %s under %s, but %s has it under %s: kustomize adds a second one without an image", name, list, t.w, otherList)
		step = do("Write %s instead of %s in the patch.", otherList, list)
	}
	b.found(p, placeOf(w.At(list, strconv.Itoa(i))), t, name, message, fmt.Sprintf("%s: %s[name=%q]", p.file(w), list, name), step)
}

// file is where a patch stands, in words.
func (p patch) file(w *workload.Workload) string {
	if p.at.File != "" {
		return p.at.String()
	}
	return w.Place.File
}

func (b *build) found(p patch, place checks.Place, t *patched, container, message, evidence string, step checks.Step) {
	if p.at.File != "" {
		place = p.at
	}
	b.findings = append(b.findings, checks.Finding{
		Object: checks.Object{Kind: t.w.Kind, Namespace: t.w.Namespace, Name: t.w.Name}, Container: container, Place: place, Message: message,
		Evidence: []string{evidence, fmt.Sprintf("%s: containers: %s; initContainers: %s", placeOf(t.w.Place), prose.OrNone(strings.Join(t.regulars, ", ")), prose.OrNone(strings.Join(t.inits, ", ")))},
		Steps:    []checks.Step{step},
	})
}

// containerPath is a path of a JSON patch into a list of containers.
var containerPath = pattern.New(`^(/.*)?/(containers|initContainers)/(\d+|-)(/.+)?$`)

// json follows what the operations of a JSON patch do to the lists.
func (b *build) json(p patch, d *workload.Document, ops []op, t *patched) {
	for i, o := range ops {
		m := containerPath.FindStringSubmatch(o.Path)
		if m == nil || m[1] != "/"+strings.Join(t.w.Way, "/") {
			continue
		}
		list := &t.regulars
		if m[2] == "initContainers" {
			list = &t.inits
		}
		if n, fits := o.change(list, m[3], m[4] == ""); !fits {
			b.found(p, placeOf(workload.InDocument(d).AtObject(strconv.Itoa(i))), t, "",
				fmt.Sprintf("the patch changes %s[%d], but %s has %s there: kustomize fails", m[2], n, t.w, prose.Counted(len(*list), "container")),
				fmt.Sprintf("%s %s", o.Op, o.Path), do("Correct the list and the index, or patch by name with a strategic merge patch."))
		}
	}
}

// change does to a list of names what an operation does to the containers; fits is false where there is no such index.
// whole is set where the operation is about a container, not a field of it.
func (o op) change(list *[]string, index string, whole bool) (n int, fits bool) {
	name, _ := o.Value["name"].(string)
	adds := whole && o.Op == "add"
	n, err := strconv.Atoi(index)
	switch {
	case err != nil: // "-" is behind the last one
		if adds {
			*list = append(*list, name)
		}
	case n > len(*list) || n == len(*list) && !adds:
		return n, false
	case adds:
		*list = slices.Insert(*list, n, name)
	case whole && o.Op == "remove":
		*list = slices.Delete(*list, n, n+1)
	}
	return n, true
}

// rawSpec is the pod spec as it is written, with kustomize's directives.
func rawSpec(w *workload.Workload) map[string]any {
	var at any = w.Object
	for _, key := range w.Way {
		fields, _ := at.(map[string]any)
		at = fields[key]
	}
	out, _ := at.(map[string]any)
	return out
}

// directive is the $patch of an item of a list.
func directive(spec map[string]any, list string, i int) string {
	items, _ := spec[list].([]any)
	if i >= len(items) {
		return ""
	}
	fields, _ := items[i].(map[string]any)
	out, _ := fields["$patch"].(string)
	return out
}
