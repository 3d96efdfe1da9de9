package roles

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// SidecarRun is the program that stands before commands where sidecars cannot be native yet.
const SidecarRun WorkaroundKind = "sidecar-run"

// A Run is all that sidecar-run is in a pod template.
type Run struct {
	// Strategy is what convert has written, Sidecars are what it was for; empty where somebody else has.
	Strategy string
	Sidecars []string
	// Installs are the indexes of the init containers that copy the program, Volume is where to.
	Installs []int
	Volume   string
	Wrapped  []Wrapped
	// Unclear is set where a command has more to it than options and what they stand before.
	Unclear bool
}

// A Wrapped is a container whose command sidecar-run stands before.
type Wrapped struct {
	Name  string
	Init  bool
	Index int
	// Words is how many words of the command are sidecar-run's, the "--" included.
	Words int
	// Options are its own, in their order.
	Options []RunOption
	// OfImage is set where the rest of the command is that of the image.
	OfImage bool
	// Universal is native or old, for a sidecar that is in the pod twice.
	Universal string
}

// A RunOption is an option of sidecar-run with its value, and the index of the value in the command.
type RunOption struct {
	Name, Value string
	At          int
}

// Native reports whether the container is the native one of a sidecar that is there twice.
func (w Wrapped) Native() bool { return w.Init && w.Universal == "native" }

// RunOf is what sidecar-run is in a template; nil where it is not there.
func RunOf(w *workload.Workload) *Run {
	notes := w.Template.Annotations
	r := &Run{Strategy: notes[facts.StrategyAnnotation], Sidecars: listed(notes[facts.SidecarsAnnotation])}
	ofImage := listed(notes[facts.ImageCommandsAnnotation])
	spec := w.Spec()
	for i, c := range spec.InitContainers {
		entry := len(c.Command) == 0 && len(c.Args) > 0 && c.Args[0] == "--install" && slices.Contains(runImages, facts.ImageName(c.Image))
		if !startsRun(c.Command) && !entry {
			continue
		}
		if entry || slices.Contains(c.Command, "--install") || slices.Contains(c.Args, "--install") {
			r.Installs = append(r.Installs, i)
			for _, m := range c.VolumeMounts {
				r.Volume = m.Name
			}
			continue
		}
		r.wrapped(c.Name, c.Command, true, i, ofImage)
	}
	for i, c := range spec.Containers {
		if startsRun(c.Command) {
			r.wrapped(c.Name, c.Command, false, i, ofImage)
		}
	}
	if len(r.Wrapped)+len(r.Installs) == 0 {
		return nil
	}
	return r
}

// runImages are the names of images that have sidecar-run as their entry point.
var runImages = []string{"kubectl-sidecar", "sidecar-run"}

func startsRun(command []string) bool {
	return len(command) > 0 && path.Base(command[0]) == string(SidecarRun)
}

func listed(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func (r *Run) wrapped(name string, command []string, init bool, index int, ofImage []string) {
	out := Wrapped{Name: name, Init: init, Index: index, OfImage: slices.Contains(ofImage, name)}
	end := slices.Index(command, "--")
	if end < 0 || end == len(command)-1 {
		r.Unclear = true
		return
	}
	out.Words = end + 1
	for i := 1; i < end; i++ {
		name, value, found := strings.Cut(command[i], "=")
		if !found && i+1 < end && !strings.HasPrefix(command[i+1], "--") {
			i++
			value = command[i]
		}
		out.Options = append(out.Options, RunOption{name, value, i})
		if name == "--universal" {
			out.Universal = value
		}
	}
	r.Wrapped = append(r.Wrapped, out)
}

// Twins are the names of the native ones of sidecars that are there twice.
func (r *Run) Twins() []string {
	var out []string
	if r != nil {
		for _, w := range r.Wrapped {
			if w.Native() {
				out = append(out, w.Name)
			}
		}
	}
	return out
}

// without are the texts of a container without the words that are sidecar-run's.
func (r *Run) without(c *corev1.Container, texts []text) []text {
	if r == nil {
		return texts
	}
	i := slices.IndexFunc(r.Wrapped, func(w Wrapped) bool { return w.Name == c.Name })
	if i < 0 {
		return texts
	}
	return slices.DeleteFunc(texts, func(t text) bool {
		return len(t.field) == 2 && t.field[0] == "command" && number(t.field[1]) < r.Wrapped[i].Words && isNumber(t.field[1])
	})
}

func isNumber(word string) bool { return word != "" && strings.Trim(word, "0123456789") == "" }

// ofOptions adds whom sidecar-run waits for and whom it stops.
func (j *judge) ofOptions() {
	if j.Run == nil {
		return
	}
	for _, w := range j.Run.Wrapped {
		at := j.place(w.Name)
		from := &j.Containers[at]
		for _, o := range w.Options {
			kind := map[string]EdgeKind{"--wait": Waits, "--quit": Stops}[o.Name]
			m := hostPort.FindStringSubmatch(o.Value)
			if kind == "" || m == nil {
				continue
			}
			if to, _ := j.serverOf(at, number(m[1])); to != nil {
				j.edge(from, to, kind, High, Edge{Port: number(m[1]), Evidence: []Evidence{j.evidence(from, o.Value, "command", itoa(o.At))}})
			}
		}
	}
}

// Twin reports whether a container is the native one of a sidecar that is in the pod twice.
func (j *Judgment) Twin(name string) bool { return slices.Contains(j.Run.Twins(), name) }

// Edits take all of it out of the pod spec.
func (r *Run) Edits(w *workload.Workload) []Edit {
	spec := w.Spec()
	var out []Edit
	gone := map[string]bool{}
	remove := func(i int) {
		out = append(out, Edit{Path: []string{"initContainers", itoa(i)}, Old: spec.InitContainers[i].Name})
		gone[spec.InitContainers[i].Name] = true
	}
	for _, i := range r.Installs {
		remove(i)
	}
	for _, c := range r.Wrapped {
		list := "containers"
		if c.Init {
			list = "initContainers"
		}
		switch {
		case c.Native():
			remove(c.Index)
		case c.OfImage:
			out = append(out, Edit{Path: []string{list, itoa(c.Index), "command"}, Old: c.Name})
		default:
			for word := range c.Words {
				out = append(out, Edit{Path: []string{list, itoa(c.Index), "command", itoa(word)}, Old: c.Name})
			}
		}
	}
	if r.Volume == "" {
		return out
	}
	for i, c := range spec.InitContainers {
		if !gone[c.Name] {
			out = append(out, r.mounts(c.VolumeMounts, "initContainers", i)...)
		}
	}
	for i, c := range spec.Containers {
		out = append(out, r.mounts(c.VolumeMounts, "containers", i)...)
	}
	for i, v := range spec.Volumes {
		if r.owns(v.Name) {
			out = append(out, Edit{Path: []string{"volumes", itoa(i)}, Old: v.Name})
		}
	}
	return out
}

// owns reports whether a volume is that of the program, or one beside it in which two containers meet.
func (r *Run) owns(volume string) bool {
	number, beside := strings.CutPrefix(volume, r.Volume+"-")
	return volume == r.Volume || beside && strings.Trim(number, "0123456789") == ""
}

func (r *Run) mounts(list []volumeMount, of string, at int) []Edit {
	var out []Edit
	for i, m := range list {
		if r.owns(m.Name) {
			out = append(out, Edit{Path: []string{of, itoa(at), "volumeMounts", itoa(i)}, Old: m.Name})
		}
	}
	return out
}

// shared reports whether a container that sidecar-run does not stand before mounts its volume, too.
func (r *Run) shared(w *workload.Workload) bool {
	wrapped := func(name string) bool {
		return slices.ContainsFunc(r.Wrapped, func(c Wrapped) bool { return c.Name == name })
	}
	for i, c := range w.Spec().InitContainers {
		if !slices.Contains(r.Installs, i) && !wrapped(c.Name) && len(r.mounts(c.VolumeMounts, "", i)) > 0 {
			return true
		}
	}
	for i, c := range w.Spec().Containers {
		if !wrapped(c.Name) && len(r.mounts(c.VolumeMounts, "", i)) > 0 {
			return true
		}
	}
	return false
}

// sidecarRun is one set over all containers: the program before their commands, its volume, and what copies it there.
func (j *judge) sidecarRun() {
	r := j.Run
	if r == nil {
		return
	}
	w := Workaround{Kind: SidecarRun, Understood: !r.Unclear && !r.shared(j.Workload)}
	for _, c := range r.Wrapped {
		if !c.Native() {
			at := &j.Containers[j.place(c.Name)]
			w.Evidence = append(w.Evidence, j.evidence(at, at.Command[0], "command", "0"))
		}
	}
	for _, i := range r.Installs {
		at := &j.Containers[i]
		w.Evidence = append(w.Evidence, j.evidence(at, "--install"))
	}
	w.Edits = r.Edits(j.Workload)
	sidecars := j.ofRun(&w)
	if len(sidecars) == 0 {
		j.found(w)
	}
	for _, name := range sidecars {
		w.Sidecar = name
		j.found(w)
	}
}

// ofRun are the sidecars that it is for; the container that waits for them is written into the set.
func (j *judge) ofRun(w *Workaround) []string {
	sidecars := slices.Clone(j.Run.Sidecars)
	for _, c := range j.Run.Wrapped {
		switch {
		case c.Universal == "old" && !slices.Contains(sidecars, c.Name):
			sidecars = append(sidecars, c.Name)
		case c.Universal == "" && w.Container == "" && !slices.Contains(sidecars, c.Name):
			w.Container = c.Name
		}
	}
	if len(sidecars) > 0 {
		return sidecars
	}
	for i := range j.Containers { // which it is for, only its options say
		if c := &j.Containers[i]; (c.Role == Sidecar || c.Role == Native) && c.Name != w.Container {
			sidecars = append(sidecars, c.Name)
		}
	}
	return sidecars
}
