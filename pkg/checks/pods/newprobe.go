package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A newProbe is the startup probe that a fix gives a container: one that the kubelet can pass, as far as that is known.
// A probe that cannot pass holds the pod forever, which is worse than none.
type newProbe struct {
	// fields is the probe; nil where none is known that can pass.
	fields map[string]any
	// copied is the container's probe of which the rest is a copy, where what it asks with must not be printed.
	copied string
	// words change the command line, so the probe can pass.
	words []software.WordEdit
	// note says what is missing, or not certain; empty where nothing is.
	note string
	// narrow is the note without the probe, where other pods reach the container's own port with it and did not before.
	narrow string
}

// unopened is the probe for a fix that does not need one: nothing is opened to other pods for its sake.
func (n newProbe) unopened() newProbe {
	if n.narrow == "" {
		return n
	}
	return newProbe{note: n.narrow}
}

// probeOf is the startup probe to give a container. wanted are ports that others are known to connect to; 0 for none.
func (p subject) probeOf(c container, wanted ...int) newProbe {
	return told(c, software.FindProbe(software.Question{
		Container: c.Container, Template: p.inTemplate(c), Binds: p.binds(c), Failing: p.failingProbes(c), Wanted: wanted,
		Elsewhere: func(port int) bool { return p.ownerOf(c, port) != nil },
	}))
}

// failingProbes are the fields of the container's probes that fail now.
func (p subject) failingProbes(c container) []string {
	var out []string
	if c.running() && started(c) && !c.status.Ready && p.startedAt(c).atLeast(settle) {
		out = append(out, "readinessProbe")
	}
	if len(p.livenessFailures(c)) > 0 {
		out = append(out, "livenessProbe")
	}
	return out
}

// told is a probe with what has to be said of it.
func told(c container, p software.Probe) newProbe {
	out := newProbe{fields: p.Fields, copied: p.Copied, words: p.Words}
	switch p.Basis {
	case software.FromFlags:
		if len(p.Missing) > 0 {
			out.note = p.Opens()
		}
	case software.NoneThroughShell:
		out.note = fmt.Sprintf("No startup probe is offered, because %s has no endpoint that the kubelet reaches. %s opens one, GET %s on port %d: add that to its command, with a probe that asks it.",
			c.Name, strings.Join(p.Missing, " "), p.Endpoint.Path, p.Endpoint.Port)
	case software.FromUnsurePort:
		out.note = fmt.Sprintf("The probe asks port %d on the pod's IP: it never passes if %s listens on 127.0.0.1 only.", p.Port, c.Name)
	case software.NoneLoopback, software.FromWidened:
		out.narrow = fmt.Sprintf("No startup probe is offered: %s listens on 127.0.0.1 only (%s), where the kubelet's HTTP, TCP and gRPC probes do not reach it. "+
			"Add an exec probe with a client that its image has, or let it listen on all addresses.", c.Name, p.Shut.From)
		if p.Basis == software.NoneLoopback {
			return out.unopened()
		}
		out.note = fmt.Sprintf("The kubelet's probes ask the pod's IP, so %s has to listen on all addresses for them (%s), and other pods reach it then. "+
			"Where that is not wanted, use an exec probe with a client that its image has.", c.Name, p.Shut.From)
	case software.NoneNeeds:
		out.note = fmt.Sprintf("No startup probe is offered: the health endpoint of %s, port %d, requires %s.", p.Software.Name, p.Endpoint.Port, p.Endpoint.Needs)
	case software.NoneUnknown:
		out.note = fmt.Sprintf("No startup probe is offered: nothing says on which port %s listens, if it does. With a probe that asks it the next container also waits until it answers.", c.Name)
	}
	return out
}

// inTemplate is the container as the object to change has it; as the pod has it where that was not seen.
func (p subject) inTemplate(c container) *corev1.Container {
	if found, _, _ := p.target().container(c.Name); found != nil {
		return found
	}
	return c.Container
}

// shut reports whether the kubelet does not reach a port.
func (p subject) shut(c container, port int) bool {
	r, _ := p.reachOf(c, port)
	return r == software.LoopbackOnly
}

// ownerOf is another container that declares a port which this one does not; nil when there is none.
func (p subject) ownerOf(c container, port int) *container {
	declares := func(x container) bool {
		return slices.ContainsFunc(x.Ports, func(own corev1.ContainerPort) bool { return int(own.ContainerPort) == port })
	}
	if slices.Contains(p.tcpPorts(c), port) {
		return nil
	}
	for _, x := range p.all() {
		if x.Name != c.Name && declares(x) {
			return &x
		}
	}
	return nil
}

// known reports whether there is a probe.
func (n newProbe) known() bool { return n.fields != nil }

// plain reports whether the probe takes a startupProbe and nothing else.
func (n newProbe) plain() bool { return n.copied == "" && len(n.words) == 0 }

// ops are the probe as operations on the container at a path of a JSON patch. t is the container there.
func (n newProbe) ops(at string, t *corev1.Container) []op {
	var out []op
	to := at + "/startupProbe"
	switch {
	case n.copied != "":
		out = append(out, op{Op: "copy", From: at + "/" + n.copied, Path: to})
		out = append(out, mergeOps(to, nil, n.fields)...)
	case n.fields != nil:
		out = append(out, op{Op: "add", Path: to, Value: n.fields})
	}
	missing := len(t.Args) == 0
	for _, w := range n.words {
		list := at + "/" + w.List
		switch {
		case w.Old != "":
			place := fmt.Sprintf("%s/%d", list, w.At)
			out = append(out, op{Op: "test", Path: place, Value: w.Old}, op{Op: "replace", Path: place, Value: w.New})
		case w.List == "args" && missing:
			out = append(out, op{Op: "add", Path: list, Value: []string{w.New}})
			missing = false
		default:
			out = append(out, op{Op: "add", Path: list + "/-", Value: w.New})
		}
	}
	return out
}

// notes is the note as a step of its own.
func (n newProbe) notes() []checks.Step {
	if n.note == "" {
		return nil
	}
	return []checks.Step{{Text: n.note}}
}

// editWithProbe says to make edits in a container and to give it a startup probe, with the command. Where the edits
// make a native sidecar and those do not run, it says what else helps.
func (p subject) editWithProbe(text string, c container, n newProbe, fields map[string]any) []checks.Step {
	var notes []string
	if native := p.native(); makesNative([]edit{{c.Name, fields}}) {
		if len(native.lacks) > 0 && !c.sidecar() {
			return p.fallback(c, native, beforeOthers)
		}
		notes = native.conditions()
	}
	m := p.target()
	found, init, i := m.container(c.Name)
	if n.plain() || found == nil {
		if n.fields != nil {
			fields["startupProbe"] = n.fields
		}
		if len(fields) == 0 {
			return append([]checks.Step{{Text: text + "."}}, n.notes()...)
		}
		return slices.Concat(p.edited(text, c, notes, []edit{{c.Name, fields}}), p.wordSteps(c, n), n.notes())
	}
	ops := append(setOps(m.listPath(init), i, found, edit{c.Name, fields}), n.ops(fmt.Sprintf("%s/%d", m.listPath(init), i), found)...)
	return append([]checks.Step{p.changeStep(text, p.command(m, "json", encode(ops)), notes...)}, n.notes()...)
}

// moveWithProbe says to make a native sidecar of a container, with a startup probe where one is known.
func (p subject) moveWithProbe(text string, c container, to int, n newProbe) []checks.Step {
	if n.plain() {
		return append(p.moveSteps(text, c, to, n.fields), n.notes()...)
	}
	t := p.inTemplate(c)
	return append(p.moveSteps(text, c, to, nil, func(at string) []op { return n.ops(at, t) }), n.notes()...)
}

// wordSteps say in words what else has to be in the command line of a container whose template was not seen.
func (p subject) wordSteps(c container, n newProbe) []checks.Step {
	if len(n.words) == 0 || p.injected(c.Name) {
		return nil
	}
	var more, other []string
	for _, w := range n.words {
		if w.Old != "" {
			other = append(other, fmt.Sprintf("%s instead of %s", w.New, w.Old))
		} else {
			more = append(more, w.New)
		}
	}
	text := "The probe passes only with these words in the command line of " + c.Name + ": " + strings.Join(append(more, other...), ", ") + "."
	return []checks.Step{{Text: text}}
}
