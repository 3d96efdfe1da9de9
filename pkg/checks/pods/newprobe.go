package pods

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

// A newProbe is the startup probe that a fix gives a container: one that the kubelet can pass, as far as that is known.
// A probe that cannot pass holds the pod forever, which is worse than none.
type newProbe struct {
	// fields is the probe; nil where none is known that can pass.
	fields map[string]any
	// copied is the container's probe of which the rest is a copy, where what it asks with must not be printed.
	copied string
	// words change the command line, so the probe can pass.
	words []wordEdit
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

// A wordEdit replaces a word of a command line, or adds one at its end where old is empty.
type wordEdit struct {
	list     string
	at       int
	old, new string
}

// newHandler is a probe that is patient enough for a slow start.
func newHandler(kind string, handler map[string]any) map[string]any {
	return map[string]any{"periodSeconds": 1, "failureThreshold": 60, kind: handler}
}

func newTCP(port int) map[string]any { return newHandler("tcpSocket", map[string]any{"port": port}) }

func newHTTP(e known.Endpoint) map[string]any {
	return newHandler("httpGet", map[string]any{"port": e.Port, "path": e.Path})
}

func newExec(command []string) map[string]any {
	out := newHandler("exec", map[string]any{"command": command})
	out["timeoutSeconds"] = 5 // a program has to be started for each
	return out
}

// probeOf is the startup probe to give a container. In this order: what its own probes ask; what its software is known
// to answer; a port that the kubelet reaches; a port that can be opened for it; a port of which nothing more is known.
// wanted are ports that others are known to connect to; 0 for none.
func (p subject) probeOf(c container, wanted ...int) newProbe {
	t, k := p.inTemplate(c), softwareOf(c.Container)
	if own, ok := p.ownProbe(c, t, k); ok {
		return own
	}
	switch {
	case k == nil:
	case len(k.Exec) > 0:
		return newProbe{fields: newExec(k.Exec)}
	case k.Ready != nil && k.Ready.Needs == "" && !p.shut(c, k.Ready.Port):
		return newProbe{fields: newHTTP(*k.Ready)}
	}
	opening, opens := p.opening(c, t, k)
	if opens && len(opening.words) == 0 {
		return opening
	}
	open, unsure, shut := p.sorted(c, append(wanted, p.tcpPorts(c)...))
	switch {
	case open > 0:
		return newProbe{fields: newTCP(open)}
	case opens:
		return opening
	case unsure > 0:
		return newProbe{fields: newTCP(unsure), note: fmt.Sprintf("The probe asks port %d on the pod's IP: it never passes if %s listens on 127.0.0.1 only.", unsure, c.Name)}
	case shut.from != "":
		return p.widened(c, t, shut)
	}
	return unprobed(c, k)
}

// sorted are the first of ports that the kubelet reaches, that it may reach, and that it does not reach; 0 for none.
func (p subject) sorted(c container, ports []int) (open, unsure int, shut bind) {
	for _, port := range ports {
		if port == 0 {
			continue
		}
		switch r, because := p.reachOf(c, port); r {
		case reached:
			return port, unsure, shut
		case reachUnknown:
			unsure = cmp.Or(unsure, port)
		case loopbackOnly:
			if shut.from == "" {
				shut = because
				shut.port = port
			}
		}
	}
	return 0, unsure, shut
}

// unprobed says what is missing for a probe of a container that nothing is known to answer for.
func unprobed(c container, k *known.Sidecar) newProbe {
	if k != nil && k.Ready != nil && k.Ready.Needs != "" {
		return newProbe{note: fmt.Sprintf("No startup probe is offered: the health endpoint of %s, port %d, requires %s.", k.Name, k.Ready.Port, k.Ready.Needs)}
	}
	return newProbe{note: fmt.Sprintf("No startup probe is offered: nothing says on which port %s listens, if it does. With a probe that asks it the next container also waits until it answers.", c.Name)}
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
	return r == loopbackOnly
}

// ownProbe makes a startup probe of what another probe of the container asks, unless that fails now.
func (p subject) ownProbe(c container, t *corev1.Container, k *known.Sidecar) (newProbe, bool) {
	unready := c.running() && started(c) && !c.status.Ready && p.startedAt(c).atLeast(settle)
	for _, own := range []struct {
		name  string
		probe *corev1.Probe
		fails bool
	}{{"readinessProbe", t.ReadinessProbe, unready}, {"livenessProbe", t.LivenessProbe, len(p.livenessFailures(c)) > 0}} {
		if own.probe == nil || own.fails || !p.mayPass(c, t, own.probe) {
			continue
		}
		out := asStartup(own.name, own.probe)
		if get, ok := out.fields["httpGet"].(map[string]any); ok && k != nil && k.Ready != nil && probePort(t, own.probe) == k.Ready.Port {
			get["path"] = k.Ready.Path
		}
		return out, true
	}
	return newProbe{}, false
}

// asStartup is a startup probe that asks what another probe of the container asks, and is patient enough for a slow
// start. name is the field of that one.
func asStartup(name string, probe *corev1.Probe) newProbe {
	out := newProbe{fields: map[string]any{"periodSeconds": 1, "failureThreshold": 60}}
	if hides(probe) {
		out.copied, out.fields["initialDelaySeconds"], out.fields["successThreshold"] = name, 0, 1
		return out
	}
	maps.Copy(out.fields, handlerOf(probe))
	if probe.TimeoutSeconds > 1 {
		out.fields["timeoutSeconds"] = probe.TimeoutSeconds
	}
	return out
}

// mayPass reports whether nothing speaks against a probe of a container: it is not known to ask where nobody answers
// before the containers after it have started.
func (p subject) mayPass(c container, t *corev1.Container, probe *corev1.Probe) bool {
	if probe.Exec != nil {
		return true
	}
	port := probePort(t, probe)
	return port > 0 && !p.shut(c, port) && p.ownerOf(c, port) == nil && (probe.HTTPGet == nil || probe.HTTPGet.Host == "")
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

// hides reports whether a probe has what must not be printed, or was not read: it can only be copied.
func hides(probe *corev1.Probe) bool {
	secret := func(s string) bool { return strings.Contains(s, "REDACTED") }
	switch {
	case probe.HTTPGet != nil:
		return len(probe.HTTPGet.HTTPHeaders) > 0 || secret(probe.HTTPGet.Path)
	case probe.Exec != nil:
		return slices.ContainsFunc(probe.Exec.Command, secret)
	}
	return false
}

// handlerOf is what a probe asks, as it stands in YAML, without defaults.
func handlerOf(probe *corev1.Probe) map[string]any {
	out := map[string]any{}
	if json.Unmarshal([]byte(encode(probe.ProbeHandler)), &out) != nil {
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

// opening is the probe of a health endpoint that flags open; ok is false where none is known.
func (p subject) opening(c container, t *corev1.Container, k *known.Sidecar) (newProbe, bool) {
	if k == nil {
		return newProbe{}, false
	}
	o := k.Opening(facts.ImageName(c.Image), commandLine(c.Container))
	if o == nil {
		return newProbe{}, false
	}
	at := o.Endpoint
	list := words(c.Container)
	for _, w := range list {
		if flag, value, _ := strings.Cut(w.text, "="); o.PortFlag != "" && flag == o.PortFlag && portNumber(value) > 0 {
			at.Port = portNumber(value)
		}
	}
	out := newProbe{fields: newHTTP(at)}
	var added []string
	for _, arg := range o.Args {
		has := func(w word) bool { return w.text == arg || w.text == arg+"=true" || w.text == "-"+arg }
		if !slices.ContainsFunc(list, has) {
			added = append(added, arg)
		}
	}
	if len(added) == 0 {
		return out, true
	}
	flags := strings.Join(added, " ")
	if out.words = appended(t, added); out.words == nil {
		return newProbe{note: fmt.Sprintf("No startup probe is offered, because %s has no endpoint that the kubelet reaches. %s opens one, GET %s on port %d: add that to its command, with a probe that asks it.",
			c.Name, flags, at.Path, at.Port)}, true
	}
	out.note = fmt.Sprintf("%s opens a health endpoint of %s that the kubelet reaches; where it listens for the application stays as it is.", flags, k.Name)
	return out, true
}

// appended puts words behind a command line; nil where a shell would not pass them on.
func appended(t *corev1.Container, added []string) []wordEdit {
	list := "args"
	if len(t.Args) == 0 && len(t.Command) > 0 {
		list = "command"
	}
	if viaShell(t) {
		return nil
	}
	var out []wordEdit
	for _, word := range added {
		out = append(out, wordEdit{list: list, new: word})
	}
	return out
}

var shells = []string{"sh", "bash", "ash", "dash", "zsh"}

// viaShell reports whether a shell reads the container's command line.
func viaShell(t *corev1.Container) bool {
	all := slices.Concat(t.Command, t.Args)
	return len(all) > 0 && (slices.Contains(shells, path.Base(all[0])) || slices.Contains(all, "-c"))
}

// widened lets a container listen on all addresses, where its command line says that it listens on one.
func (p subject) widened(c container, t *corev1.Container, shut bind) newProbe {
	out := newProbe{narrow: fmt.Sprintf("No startup probe is offered: %s listens on 127.0.0.1 only (%s), where the kubelet's HTTP, TCP and gRPC probes do not reach it. "+
		"Add an exec probe with a client that its image has, or let it listen on all addresses.", c.Name, shut.from)}
	list := bindsOf(t)
	from := slices.IndexFunc(list, func(b bind) bool {
		return b.list != "" && b.loopback() && (b.port == shut.port || b.port == 0 && b.topic == topicOf(t, shut.port))
	})
	if from < 0 {
		return out.unopened()
	}
	b := list[from]
	raw := t.Args
	if b.list == "command" {
		raw = t.Command
	}
	old := raw[b.at]
	wide := strings.Replace(old, b.word, strings.Replace(b.word, b.host, "0.0.0.0", 1), 1)
	if strings.Contains(old, "REDACTED") || wide == old {
		return out.unopened()
	}
	out.fields, out.words = newTCP(shut.port), []wordEdit{{list: b.list, at: b.at, old: old, new: wide}}
	out.note = fmt.Sprintf("The kubelet's probes ask the pod's IP, so %s has to listen on all addresses for them (%s), and other pods reach it then. "+
		"Where that is not wanted, use an exec probe with a client that its image has.", c.Name, shut.from)
	return out
}

// asks reports whether it is an HTTP probe of a port.
func (n newProbe) asks(port int) bool {
	get, ok := n.fields["httpGet"].(map[string]any)
	return ok && get["port"] == port
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
		list := at + "/" + w.list
		switch {
		case w.old != "":
			place := fmt.Sprintf("%s/%d", list, w.at)
			out = append(out, op{Op: "test", Path: place, Value: w.old}, op{Op: "replace", Path: place, Value: w.new})
		case w.list == "args" && missing:
			out = append(out, op{Op: "add", Path: list, Value: []string{w.new}})
			missing = false
		default:
			out = append(out, op{Op: "add", Path: list + "/-", Value: w.new})
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
		return append(p.edited(text, c, notes, []edit{{c.Name, fields}}), n.notes()...)
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
