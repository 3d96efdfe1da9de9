package roles

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

type (
	envVar      = corev1.EnvVar
	volumeMount = corev1.VolumeMount
)

const defaultContainer = "kubectl.kubernetes.io/default-container"

func (j *judge) signal(c *Container, kind SignalKind, certainty Certainty, by string, evidence ...Evidence) {
	for i := range c.Signals {
		if s := &c.Signals[i]; s.Kind == kind && s.By == by {
			if certainty == High {
				s.Certainty = High
			}
			s.Evidence = append(s.Evidence, evidence...)
			return
		}
	}
	c.Signals = append(c.Signals, Signal{kind, certainty, by, evidence})
}

// signals are those that do not depend on who does the work.
func (j *judge) signals() {
	for i := range j.Containers {
		c := &j.Containers[i]
		if c.Init && !c.native() {
			j.neverExits(i)
			continue
		}
		j.ownSignals(i)
	}
	for _, e := range j.Edges {
		from, to := j.Container(e.From), j.Container(e.To)
		switch e.Kind {
		case Reads:
			j.signal(from, FollowsFiles, e.Certainty, to.Name, e.Evidence...)
			if t, ok := j.writes(j.place(to.Name), from, e.File); ok {
				j.signal(from, FilesWritten, High, to.Name, j.evidence(to, t.value, t.field...))
			}
		case Feeds:
			j.signal(from, FeedsFiles, e.Certainty, to.Name, e.Evidence...)
		case Waits:
			j.signal(to, Awaited, e.Certainty, from.Name, e.Evidence...)
		case Stops:
			j.signal(to, StoppedByMain, e.Certainty, from.Name, e.Evidence...)
		}
	}
}

// writes is the field in which a container names the file that another one reads.
func (j *judge) writes(writer int, reader *Container, file string) (text, bool) {
	volume, rest := j.mountOf(j.place(reader.Name), file)
	if volume == "" || rest == "\x00" {
		return text{}, false
	}
	return j.names(writer, volume, rest)
}

func (j *judge) neverExits(i int) {
	c := &j.Containers[i]
	if signs := software.Signs(c.Container); software.AnyStrong(signs) {
		j.signal(c, NeverExits, High, "", j.evidence(c, signs[0].Text))
		j.software(c)
	}
}

func (j *judge) software(c *Container) {
	if c.Software == nil {
		return
	}
	field, quote := "image", c.Image
	if image := facts.ImageName(c.Image); known.SidecarOf("", image) == nil {
		field, quote = "name", c.Name
		if known.SidecarOf(c.Name, "") == nil {
			field, quote = "command", software.CommandLine(c.Container)
		}
	}
	j.signal(c, KnownSoftware, High, "", j.evidence(c, quote, field))
}

// ownSignals are those that stand in a container itself, and in the metadata of its pod.
func (j *judge) ownSignals(i int) {
	c, w := &j.Containers[i], j.Workload
	j.software(c)
	if t, ok := j.holds(i); ok {
		j.signal(c, Awaited, High, "", j.evidence(c, t.value, t.field...))
	}
	if v := "KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT"; software.HasEnv(c.Container, v) {
		j.signal(c, StoppedByMain, High, "", j.evidence(c, v, fieldOf(c, v)...))
	}
	if name := w.Template.Annotations[defaultContainer]; name != "" && name != c.Name && j.Container(name) != nil {
		j.signal(c, NotDefault, Medium, name, j.specEvidence(name, "metadata", "annotations", defaultContainer))
	}
	if twin := j.twin(c); twin != nil {
		j.signal(c, InitTwin, Medium, twin.Name, j.evidence(twin, twin.Image, "image"))
	}
	if j.inJob(i) {
		j.signal(c, ServerInJob, Medium, "", j.serverEvidence(c))
	}
	if m := software.SidecarNames.FindString(c.Name); m != "" {
		j.signal(c, NamedSo, Low, "", j.evidence(c, c.Name, "name"))
	}
}

// holds: a postStart hook waits for the container's own port, and holds back the containers after it.
func (j *judge) holds(i int) (text, bool) {
	for _, t := range j.texts[i] {
		if t.hook == "postStart" && len(waitsFor(t.value)) > 0 {
			return t, true
		}
	}
	return text{}, false
}

// twin is an init container with the same image and volumes, which exits.
func (j *judge) twin(c *Container) *Container {
	if c.Init {
		return nil
	}
	for i := range j.Containers {
		o := &j.Containers[i]
		if !o.Init || o.native() || o.Image != c.Image || len(o.VolumeMounts) == 0 {
			continue
		}
		if slices.ContainsFunc(o.VolumeMounts, func(m corev1.VolumeMount) bool { return mount(c.Container, m.Name) != nil }) {
			return o
		}
	}
	return nil
}

// inJob reports whether a container is a server in a pod that is to complete, and another one is not.
func (j *judge) inJob(i int) bool {
	if !j.Workload.Completes() || j.Containers[i].Init || !j.looksServer(i) || j.Containers[i].onlyWatched() {
		return false
	}
	for o := range j.Containers {
		if o != i && !j.Containers[o].Init && !j.looksServer(o) {
			return true
		}
	}
	return false
}

// watched are names of ports at which a program is looked at, rather than used.
var watched = pattern.New(`(?i)metric|prom|health|probe|pprof|debug|jmx|status|liveness|readiness`)

// onlyWatched reports whether all that makes a container look like a server are ports at which it is looked at: work has
// such ports, too.
func (c *Container) onlyWatched() bool {
	if len(c.Ports) == 0 || c.Software != nil || software.SidecarNames.MatchString(c.Name) || software.SidecarNames.MatchString(facts.ImageName(c.Image)) {
		return false
	}
	plain := c.DeepCopy()
	plain.Ports, plain.StartupProbe, plain.ReadinessProbe, plain.LivenessProbe = nil, nil, nil, nil
	return !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return !watched.MatchString(p.Name) }) && !software.AnyStrong(software.Signs(plain))
}

func (j *judge) serverEvidence(c *Container) Evidence {
	switch {
	case len(c.Ports) > 0:
		return j.evidence(c, fmt.Sprintf("containerPort: %d", c.Ports[0].ContainerPort), "ports", "0")
	case c.ReadinessProbe != nil:
		return j.evidence(c, "readinessProbe", "readinessProbe")
	case c.LivenessProbe != nil:
		return j.evidence(c, "livenessProbe", "livenessProbe")
	}
	return j.evidence(c, strings.TrimSpace(software.CommandLine(c.Container)), "command")
}

var order = map[Certainty]int{High: 0, Medium: 1, Low: 2}

func sortSignals(list []Signal) {
	slices.SortStableFunc(list, func(a, b Signal) int { return cmp.Compare(order[a.Certainty], order[b.Certainty]) })
}
