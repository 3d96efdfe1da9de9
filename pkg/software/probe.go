package software

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

// A Basis is what a startup probe for a container is taken from, or why there is none.
type Basis string

const (
	// FromProbe: one of the container's own probes asks the same.
	FromProbe Basis = "own-probe"
	// FromSoftware: its software is known to answer it.
	FromSoftware Basis = "software"
	// FromFlags: its flags open an endpoint of its software; Missing are those to add.
	FromFlags Basis = "flags"
	// FromPort: the container listens there on every address.
	FromPort Basis = "port"
	// FromUnsurePort: nothing says on which address it listens there. The probe never passes if that is loopback.
	FromUnsurePort Basis = "unsure-port"
	// FromWidened: it listens on loopback only, and Words let it listen on every address.
	FromWidened Basis = "widened"
	// NoneThroughShell: flags would open an endpoint, but a shell reads its command line. There is no probe.
	NoneThroughShell Basis = "none-shell"
	// NoneLoopback: it listens on loopback only, and its command line does not say where.
	NoneLoopback Basis = "none-loopback"
	// NoneNeeds: the endpoint of its software has to be switched on.
	NoneNeeds Basis = "none-needs"
	// NoneUnknown: nothing says on which port it listens, if it does.
	NoneUnknown Basis = "none-unknown"
)

// A Probe is the startup probe that can be given to a container: one that the kubelet can pass, as far as that is known.
// A probe that cannot pass holds the pod forever, which is worse than none.
type Probe struct {
	Basis Basis
	// Fields is the probe; nil where none is known that can pass.
	Fields map[string]any
	// Copied is the container's probe of which the rest is a copy, where what it asks with must not be printed.
	Copied string
	// Own is the field of the container's probe that asks the same.
	Own string
	// Words change the command line, so the probe can pass.
	Words []WordEdit
	// Missing are flags that open an endpoint, at Endpoint.
	Missing  []string
	Endpoint known.Endpoint
	// Port is the one of FromPort, FromUnsurePort, FromWidened and NoneLoopback.
	Port int
	// Shut says that the container listens on loopback only.
	Shut Bind
	// Software is what the container runs; nil where that is not known.
	Software *known.Sidecar
}

// Known reports whether there is a probe.
func (p Probe) Known() bool { return p.Fields != nil || p.Copied != "" }

// Question is what is known when a probe is looked for.
type Question struct {
	// Container is as it runs, Template as the object to change has it. They may be the same.
	Container, Template *corev1.Container
	// Binds are where it listens: [Binds] of it, and what its log says.
	Binds []Bind
	// Failing are its own probes that fail now, by their fields.
	Failing []string
	// Elsewhere reports whether another container answers at a port. It may be nil.
	Elsewhere func(port int) bool
	// Wanted are ports that others are known to connect to; 0 for none.
	Wanted []int
}

// FindProbe is the startup probe to give a container. In this order: what its own probes ask; what its software is known
// to answer; a port that the kubelet reaches; a port that can be opened for it; a port of which nothing more is known.
func FindProbe(q Question) Probe {
	k := Of(q.Container)
	if own, ok := q.own(k); ok {
		return own
	}
	if answer, ok := q.answers(k); ok {
		return answer
	}
	opening, opens := FindOpening(q.Container, q.Template)
	if opens && len(opening.Words) == 0 {
		return opening
	}
	open, unsure, shut := q.sorted(append(slices.Clone(q.Wanted), TCPPorts(q.Container, q.Binds)...))
	switch {
	case open > 0:
		return Probe{Basis: FromPort, Fields: NewTCP(open), Port: open, Software: k}
	case opens:
		return opening
	case unsure > 0:
		return Probe{Basis: FromUnsurePort, Fields: NewTCP(unsure), Port: unsure, Software: k}
	case shut.From != "":
		return Widened(q.Template, shut)
	case k != nil && k.Ready != nil && k.Ready.Needs != "":
		return Probe{Basis: NoneNeeds, Endpoint: *k.Ready, Software: k}
	}
	return Probe{Basis: NoneUnknown, Software: k}
}

// answers is what the software of the container is known to answer.
func (q Question) answers(k *known.Sidecar) (Probe, bool) {
	switch {
	case k == nil:
	case len(k.Exec) > 0:
		return Probe{Basis: FromSoftware, Fields: NewExec(k.Exec), Software: k}, true
	case k.Ready != nil && k.Ready.Needs == "" && !q.shut(k.Ready.Port):
		return Probe{Basis: FromSoftware, Fields: NewHTTP(*k.Ready), Endpoint: *k.Ready, Port: k.Ready.Port, Software: k}, true
	}
	return Probe{}, false
}

// sorted are the first of ports that the kubelet reaches, that it may reach, and that it does not reach; 0 for none.
func (q Question) sorted(ports []int) (open, unsure int, shut Bind) {
	for _, port := range ports {
		if port == 0 {
			continue
		}
		switch r, because := ReachOf(q.Container, q.Binds, port); r {
		case Reached:
			return port, unsure, shut
		case ReachUnknown:
			unsure = cmp.Or(unsure, port)
		case LoopbackOnly:
			if shut.From == "" {
				shut = because
				shut.Port = port
			}
		}
	}
	return 0, unsure, shut
}

// shut reports whether the kubelet does not reach a port.
func (q Question) shut(port int) bool {
	r, _ := ReachOf(q.Container, q.Binds, port)
	return r == LoopbackOnly
}

// own makes a startup probe of what another probe of the container asks, unless that fails now.
func (q Question) own(k *known.Sidecar) (Probe, bool) {
	for _, own := range []struct {
		name  string
		probe *corev1.Probe
	}{{"readinessProbe", q.Template.ReadinessProbe}, {"livenessProbe", q.Template.LivenessProbe}} {
		if own.probe == nil || slices.Contains(q.Failing, own.name) || !q.mayPass(own.probe) {
			continue
		}
		out := AsStartup(own.name, own.probe)
		out.Software, out.Port = k, ProbePort(q.Template, own.probe)
		if get, ok := out.Fields["httpGet"].(map[string]any); ok && k != nil && k.Ready != nil && out.Port == k.Ready.Port {
			get["path"] = k.Ready.Path
		}
		return out, true
	}
	return Probe{}, false
}

// AsStartup is a startup probe that asks what another probe of the container asks, and is patient enough for a slow
// start. name is the field of that one.
func AsStartup(name string, probe *corev1.Probe) Probe {
	out := Probe{Basis: FromProbe, Own: name, Fields: map[string]any{"periodSeconds": 1, "failureThreshold": 60}}
	if Hides(probe) {
		out.Copied, out.Fields["initialDelaySeconds"], out.Fields["successThreshold"] = name, 0, 1
		return out
	}
	maps.Copy(out.Fields, HandlerOf(probe))
	if probe.TimeoutSeconds > 1 {
		out.Fields["timeoutSeconds"] = probe.TimeoutSeconds
	}
	return out
}

// mayPass reports whether nothing speaks against a probe of a container: it is not known to ask where nobody answers
// before the containers after it have started.
func (q Question) mayPass(probe *corev1.Probe) bool {
	if probe.Exec != nil {
		return true
	}
	port := ProbePort(q.Template, probe)
	elsewhere := q.Elsewhere != nil && !slices.Contains(TCPPorts(q.Container, q.Binds), port) && q.Elsewhere(port)
	return port > 0 && !q.shut(port) && !elsewhere && ProbeHost(probe) == ""
}

// FindOpening is the probe of a health endpoint that flags open; ok is false where none is known.
func FindOpening(c, template *corev1.Container) (Probe, bool) {
	k := Of(c)
	if k == nil {
		return Probe{}, false
	}
	line, list := CommandLine(c), Words(c)
	for _, w := range list {
		if w.variable() != "" {
			line += " " + w.Text
		}
	}
	o := k.Opening(facts.ImageName(c.Image), line)
	if o == nil {
		return Probe{}, false
	}
	at := o.Endpoint
	for _, w := range list {
		if flag, value, _ := strings.Cut(w.Text, "="); o.PortFlag != "" && flag == o.PortFlag && PortNumber(value) > 0 {
			at.Port = PortNumber(value)
		}
	}
	out := Probe{Basis: FromFlags, Fields: NewHTTP(at), Endpoint: at, Port: at.Port, Software: k}
	for _, arg := range o.Args {
		has := func(w Word) bool { return w.Text == arg || w.Text == arg+"=true" || w.Text == "-"+arg }
		if !slices.ContainsFunc(list, has) {
			out.Missing = append(out.Missing, arg)
		}
	}
	if len(out.Missing) == 0 {
		return out, true
	}
	if out.Words = appended(template, out.Missing); out.Words == nil {
		out.Basis, out.Fields = NoneThroughShell, nil
	}
	return out, true
}

// A WordEdit replaces a word of a command line, or adds one at its end where Old is empty.
type WordEdit struct {
	List     string
	At       int
	Old, New string
}

// appended puts words behind a command line; nil where a shell would not pass them on.
func appended(t *corev1.Container, added []string) []WordEdit {
	list := "args"
	if len(t.Args) == 0 && len(t.Command) > 0 {
		list = "command"
	}
	if ViaShell(t) {
		return nil
	}
	var out []WordEdit
	for _, word := range added {
		out = append(out, WordEdit{List: list, New: word})
	}
	return out
}

// Widened lets a container listen on all addresses, where its command line says that it listens on one.
func Widened(t *corev1.Container, shut Bind) Probe {
	out := Probe{Basis: NoneLoopback, Shut: shut, Port: shut.Port, Software: Of(t)}
	list := Binds(t)
	from := slices.IndexFunc(list, func(b Bind) bool {
		return b.List != "" && b.Loopback() && (b.Port == shut.Port || b.Port == 0 && b.Topic == TopicOf(t, shut.Port))
	})
	if from < 0 {
		return out
	}
	b := list[from]
	raw := t.Args
	if b.List == "command" {
		raw = t.Command
	}
	old := raw[b.At]
	wide := strings.Replace(old, b.Word, strings.Replace(b.Word, b.Host, "0.0.0.0", 1), 1)
	if strings.Contains(old, "REDACTED") || wide == old {
		return out
	}
	out.Basis, out.Fields, out.Words = FromWidened, NewTCP(shut.Port), []WordEdit{{List: b.List, At: b.At, Old: old, New: wide}}
	return out
}

// Hides reports whether a probe has what must not be printed, or was not read: it can only be copied.
func Hides(probe *corev1.Probe) bool {
	secret := func(s string) bool { return strings.Contains(s, "REDACTED") }
	switch {
	case probe.HTTPGet != nil:
		return len(probe.HTTPGet.HTTPHeaders) > 0 || secret(probe.HTTPGet.Path)
	case probe.Exec != nil:
		return slices.ContainsFunc(probe.Exec.Command, secret)
	}
	return false
}

// HandlerOf is what a probe asks, as it stands in YAML, without defaults.
func HandlerOf(probe *corev1.Probe) map[string]any {
	out := map[string]any{}
	text, err := json.Marshal(probe.ProbeHandler)
	if err != nil || json.Unmarshal(text, &out) != nil {
		return nil
	}
	if get, ok := out["httpGet"].(map[string]any); ok && get["scheme"] == "HTTP" {
		delete(get, "scheme")
	}
	if call, ok := out["grpc"].(map[string]any); ok && call["service"] == nil {
		delete(call, "service")
	}
	return out
}

// NewHandler is a probe that is patient enough for a slow start.
func NewHandler(kind string, handler map[string]any) map[string]any {
	return map[string]any{"periodSeconds": 1, "failureThreshold": 60, kind: handler}
}

// NewTCP asks whether somebody listens.
func NewTCP(port int) map[string]any { return NewHandler("tcpSocket", map[string]any{"port": port}) }

// NewHTTP asks an endpoint.
func NewHTTP(e known.Endpoint) map[string]any {
	return NewHandler("httpGet", map[string]any{"port": e.Port, "path": e.Path})
}

// NewExec runs a command.
func NewExec(command []string) map[string]any {
	out := NewHandler("exec", map[string]any{"command": command})
	out["timeoutSeconds"] = 5 // a program has to be started for each
	return out
}
