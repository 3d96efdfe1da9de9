// Package roles judges what the containers of a pod template are to each other: who calls whom, who reads whose files,
// who waits for whom, who stops whom, and which of them are sidecars. Everything comes with the field that says it, and
// nothing is certain that only looks so: a sidecar is called by the work, a helper calls it.
package roles

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A Role is what a container is in its pod.
type Role string

const (
	// Main does the work.
	Main Role = "main"
	// Sidecar serves the work, or follows its files: it can be a native sidecar.
	Sidecar Role = "sidecar"
	// Native is one already.
	Native Role = "native"
	// Helper needs the work to run: it must not start before it.
	Helper Role = "helper"
	// OneShot exits on its own: as a native sidecar it would be restarted forever.
	OneShot Role = "one-shot"
	// Ask is one of which too little is known, or of which signs contradict each other.
	Ask Role = "ask"
	// Init is an init container that exits.
	Init Role = "init"
)

// Certainty is how much something is worth.
type Certainty string

const (
	High   Certainty = "high"
	Medium Certainty = "medium"
	Low    Certainty = "low"
)

// Evidence is a field that says something.
type Evidence struct {
	// Path are the keys from the pod spec, or from the template where they begin with "metadata".
	Path []string `json:"path"`
	// Field is the same as people read it, where somebody has filled it in; see workload.FieldName.
	Field string         `json:"field,omitempty"`
	Place workload.Place `json:"place,omitzero"`
	// Quote is what stands there, or the part of it that counts, in one line.
	Quote string `json:"quote,omitempty"`
}

// A SignalKind is a kind of reason to take a container for a sidecar.
type SignalKind string

const (
	KnownSoftware SignalKind = "known-software"
	// CalledByMain: another container connects to it on localhost or a socket.
	CalledByMain SignalKind = "called"
	// FollowsFiles: it reads files that another container writes, as long as that runs.
	FollowsFiles SignalKind = "follows-files"
	// FilesWritten: another container names the file as one that it writes.
	FilesWritten SignalKind = "files-written"
	// Awaited: somebody waits until it answers.
	Awaited SignalKind = "awaited"
	// StoppedByMain: somebody stops it when the work is done.
	StoppedByMain SignalKind = "stopped"
	// ServerInJob: in a pod that is to complete it is a server, and another container is not.
	ServerInJob SignalKind = "server-in-job"
	// NotDefault: the pod names another container as its default.
	NotDefault SignalKind = "not-default-container"
	// InitTwin: an init container has the same image and volumes.
	InitTwin SignalKind = "init-twin"
	// FeedsFiles: another container reads files that it writes.
	FeedsFiles SignalKind = "feeds-files"
	// NamedSo: people give such names to sidecars.
	NamedSo SignalKind = "name"
	// NeverExits: it is an init container, and a server.
	NeverExits SignalKind = "never-exits"
)

// A Signal is one reason to take a container for a sidecar.
type Signal struct {
	Kind      SignalKind `json:"kind"`
	Certainty Certainty  `json:"certainty"`
	// By is the other container; empty where there is none.
	By       string     `json:"by,omitempty"`
	Evidence []Evidence `json:"evidence"`
}

// An EdgeKind is what one container has to do with another.
type EdgeKind string

const (
	Calls EdgeKind = "calls"
	Reads EdgeKind = "reads"
	// Feeds: it writes files that the other one reads when it starts.
	Feeds EdgeKind = "feeds"
	Waits EdgeKind = "waits"
	Stops EdgeKind = "stops"
	// Follows: it begins when the other one has done its work and exited.
	Follows EdgeKind = "follows"
)

// An Edge is what one container does with another.
type Edge struct {
	From      string    `json:"from"`
	To        string    `json:"to"`
	Kind      EdgeKind  `json:"kind"`
	Certainty Certainty `json:"certainty"`
	// Port is where it calls, File what it reads or connects to.
	Port     int        `json:"port,omitempty"`
	File     string     `json:"file,omitempty"`
	Evidence []Evidence `json:"evidence"`
}

// A Container is a container of the template with what is known of it.
type Container struct {
	*corev1.Container
	// Init says in which list it is, Index where.
	Init  bool
	Index int
	Role  Role
	// Signals are why it may be a sidecar, the most certain first.
	Signals []Signal
	// Software is what it runs; nil where that is not known.
	Software *known.Sidecar
	// Proposal is the startup probe to give it as a native sidecar.
	Proposal Proposal
	// Obstacles are what stands in the way, or has to change with it.
	Obstacles []Obstacle
	// Before is the init container that needs it, and so must come after it; empty for none.
	Before string
}

// A Judgment is what the containers of a template are to each other.
type Judgment struct {
	Workload    *workload.Workload
	Containers  []Container
	Edges       []Edge
	Workarounds []Workaround
	// Run is what sidecar-run does in the pod; nil where it is not there.
	Run *Run
}

// Trusted is how many different kinds of certain signals a container has.
func (c *Container) Trusted() int {
	kinds := map[SignalKind]bool{}
	for _, s := range c.Signals {
		if s.Certainty == High {
			kinds[s.Kind] = true
		}
	}
	return len(kinds)
}

// Movable reports whether a container may be made a native sidecar without asking: two trusted signals say what it is,
// and nothing forbids it.
func (c *Container) Movable() bool { return c.Role == Sidecar && c.Trusted() >= 2 && !c.Forbidden() }

// Forbidden reports whether something forbids to make a native sidecar of it as things are.
func (c *Container) Forbidden() bool {
	return slices.ContainsFunc(c.Obstacles, func(o Obstacle) bool { return o.Forbids })
}

// Path is the way from the pod spec to a field of a container.
func (c *Container) Path(field ...string) []string {
	list := "containers"
	if c.Init {
		list = "initContainers"
	}
	return append([]string{list, strconv.Itoa(c.Index)}, field...)
}

// Container is the one with that name; nil when there is none.
func (j *Judgment) Container(name string) *Container {
	i := slices.IndexFunc(j.Containers, func(c Container) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &j.Containers[i]
}

// Sidecars are the containers that are to be moved, or of which that has to be asked.
func (j *Judgment) Sidecars() []*Container {
	var out []*Container
	for i := range j.Containers {
		if r := j.Containers[i].Role; r == Sidecar || r == Ask {
			out = append(out, &j.Containers[i])
		}
	}
	return out
}

// DependedOn reports whether somebody needs a container when it starts.
func (j *Judgment) DependedOn(name string) bool {
	return slices.ContainsFunc(j.Edges, func(e Edge) bool {
		return e.To == name && (e.Kind == Calls || e.Kind == Waits) || e.From == name && e.Kind == Feeds
	})
}

// Judge judges a template.
func Judge(w *workload.Workload) Judgment {
	j := judge{Judgment: Judgment{Workload: w, Run: RunOf(w)}}
	spec := w.Spec()
	for i := range spec.InitContainers {
		j.add(&spec.InitContainers[i], true, i)
	}
	for i := range spec.Containers {
		j.add(&spec.Containers[i], false, i)
	}
	j.listen()
	j.calls()
	j.sockets()
	j.files()
	j.waits()
	j.stops()
	j.ofOptions()
	j.signals()
	j.roles()
	j.workarounds()
	for i := range j.Containers {
		c := &j.Containers[i]
		if c.Role == Sidecar || c.Role == Ask || c.Role == Native {
			c.Proposal = j.propose(c)
			c.Obstacles = j.obstacles(c)
			c.Before = j.neededBy(c)
		}
	}
	return j.Judgment
}

// A judge is a judgment in the making.
type judge struct {
	Judgment
	texts [][]text
	ports []map[int]claim
	// servers says which containers look like a server, binds where they listen: both cost much to find out.
	servers []bool
	binds   [][]software.Bind
}

func (j *judge) add(c *corev1.Container, init bool, index int) {
	out := Container{Container: c, Init: init, Index: index, Software: softwareOf(c)}
	j.Containers = append(j.Containers, out)
	j.texts = append(j.texts, j.Run.without(c, textsOf(c)))
	if alone := len(j.Workload.Spec().InitContainers)+len(j.Workload.Spec().Containers) == 1; alone {
		j.servers, j.binds = []bool{false}, [][]software.Bind{nil} // nobody is there to call it
		return
	}
	j.servers = append(j.servers, software.AnyStrong(software.Signs(c)))
	j.binds = append(j.binds, software.Binds(c))
}

// bindsOf is where a container listens, found out once.
func (j *judge) bindsOf(c *Container) []software.Bind {
	i := c.Index
	if !c.Init {
		i += len(j.Workload.Spec().InitContainers)
	}
	if len(j.Containers) == 1 || i >= len(j.binds) {
		return software.Binds(c.Container)
	}
	return j.binds[i]
}

// softwareOf is what a container runs, by its name, its image or its command.
func softwareOf(c *corev1.Container) *known.Sidecar {
	if k := software.Of(c); k != nil {
		return k
	}
	return byCommand(c)
}

// evidence is a field of a container as evidence.
func (j *judge) evidence(c *Container, quote string, field ...string) Evidence {
	return j.specEvidence(quote, c.Path(field...)...)
}

func (j *judge) specEvidence(quote string, path ...string) Evidence {
	out := Evidence{Path: path, Quote: quoted(quote)}
	if path[0] == "metadata" {
		out.Place = j.Workload.AtTemplate(path...)
	} else {
		out.Place = j.Workload.At(path...)
	}
	return out
}

func (j *judge) edge(from, to *Container, kind EdgeKind, certainty Certainty, e Edge) {
	same := func(o Edge) bool {
		return o.From == from.Name && o.To == to.Name && o.Kind == kind && o.Port == e.Port && o.File == e.File
	}
	if from == to || slices.ContainsFunc(j.Edges, same) {
		return
	}
	e.From, e.To, e.Kind, e.Certainty = from.Name, to.Name, kind, certainty
	j.Edges = append(j.Edges, e)
}

// native reports whether a container is a native sidecar already.
func (c *Container) native() bool { return c.Init && facts.RestartsAlways(c.Container) }
