package pods

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A deadEnd is why a startup probe cannot succeed, however long it goes on.
type deadEnd struct {
	// why ends the message.
	why      string
	evidence []string
	steps    []checks.Step
}

// A failing is a startup probe that has not succeeded, with what it got, the newest first.
type failing struct {
	subject
	c       container
	answers []corev1.Event
	// got is the newest answer; empty where no event says it.
	got string
	// port is what it asks; 0 for a command, and for the name of a port that is not declared.
	port int
}

// deadEnds are the ways for a probe to fail that waiting does not mend, with how long one has to have failed like that;
// the first that fits counts.
var deadEnds = []struct {
	after time.Duration
	find  func(f failing) *deadEnd
}{
	{0, failing.commandMissing},
	{0, failing.unnamedPort},
	{quickly, failing.wrongScheme},
	{quickly, failing.notHTTP},
	{quickly, failing.rejected},
	{quickly, failing.misasked},
	{quickly, failing.unknownService},
	{settle, failing.asksNode},
	{settle, failing.notOpened},
	{settle, failing.asksLater},
	{settle, failing.onLoopback},
	{settle, failing.wrongPort},
}

// deadEnd is why the startup probe of a container cannot succeed; nil where it still may, or where that is not known.
func (p subject) deadEnd(c container) *deadEnd {
	if c.StartupProbe == nil || started(c) || !c.ran() || p.passedElsewhere(c) {
		return nil
	}
	killed := p.killedByProbe(c)
	if !c.running() && !killed {
		return nil // it exits on its own: that is what is wrong
	}
	f := failing{subject: p, c: c, answers: p.startupFailures(c), port: software.ProbePort(c.Container, c.StartupProbe)}
	if len(f.answers) > 0 {
		f.got = answer(f.answers[0])
	}
	for _, d := range deadEnds {
		if killed || f.lasts(d.after) {
			if found := d.find(f); found != nil {
				return found
			}
		}
	}
	return nil
}

// lasts reports whether the probe has gone on failing for a while, several times.
func (f failing) lasts(d time.Duration) bool {
	running := f.startedAt(f.c)
	if len(f.answers) == 0 {
		return running.atLeast(hangTime) // its events are gone, or were not read
	}
	e := f.answers[0]
	span := eventTime(e).Sub(e.FirstTimestamp.Time)
	long := running.atLeast(d) || !e.FirstTimestamp.IsZero() && span >= d && f.c.restarts() == 0
	return d == 0 || long && times(f.answers) >= someFailures
}

// passedElsewhere reports whether the same container of another pod of the same owner has passed the same probe.
func (p subject) passedElsewhere(c container) bool {
	if len(p.OwnerReferences) == 0 {
		return false
	}
	return slices.ContainsFunc(p.s.siblings[p.OwnerReferences[0].UID], func(o *corev1.Pod) bool {
		return o.Name != p.Name && slices.ContainsFunc(p.s.subject(o).all(), func(x container) bool { return x.Name == c.Name && x.running() && started(x) })
	})
}

// refused reports whether nobody listened where the probe asked; also where no event says what it got. Of a gRPC probe
// the kubelet says the same, whether it is refused or gets no answer (k8s.io/kubernetes pkg/probe/grpc).
func (f failing) refused() bool {
	silent := f.c.StartupProbe.GRPC != nil && strings.Contains(f.got, "failed to connect service")
	return f.port > 0 && (f.got == "" || silent || strings.Contains(f.got, "connection refused"))
}

// noCommand matches what runtimes and shells say of a program that is not there.
var noCommand = regexp.MustCompile(`executable file .*not found|unable to start container process: exec:|exec format error|(?:^|[\s/])(?:ba|da|a|z|k)?sh: (?:line )?(?:\d+: )?\S+: (?:command )?not found`)

func (f failing) commandMissing() *deadEnd {
	if f.c.StartupProbe.Exec == nil || !noCommand.MatchString(f.got) {
		return nil
	}
	d := &deadEnd{why: "the image does not have that command"}
	if n := f.probeOf(f.c); n.fields != nil {
		d.steps = f.replaceProbe("Ask its port instead", n)
	} else {
		d.steps = append([]checks.Step{{Text: "Use a command that is in the image of " + f.c.Name + ", or an HTTP or TCP probe."}}, n.notes()...)
	}
	return d
}

func (f failing) unnamedPort() *deadEnd {
	name := software.ProbePortName(f.c.StartupProbe)
	if name == "" || f.port > 0 {
		return nil
	}
	return &deadEnd{why: fmt.Sprintf("%s declares no port named %s", f.c.Name, name), steps: f.askInstead()}
}

// tlsPort matches the names and numbers of ports that are customary for TLS.
var tlsPort = regexp.MustCompile(`(?i)https|tls|ssl|^\d*443$|^10250$`)

func (f failing) wrongScheme() *deadEnd {
	get := f.c.StartupProbe.HTTPGet
	if get == nil {
		return nil
	}
	secure := get.Scheme == corev1.URISchemeHTTPS
	plainServer := strings.Contains(f.got, "server gave HTTP response to HTTPS client") || strings.Contains(f.got, "does not look like a TLS handshake")
	tlsServer := strings.Contains(f.got, `malformed HTTP response "\x15\x03`) ||
		strings.Contains(f.got, "statuscode: 400") && (tlsPort.MatchString(get.Port.String()) || tlsPort.MatchString(strconv.Itoa(f.port)))
	scheme := func(to string) []checks.Step {
		return f.editSteps("Ask with "+to, f.c, edit{f.c.Name, map[string]any{"startupProbe": map[string]any{"httpGet": map[string]any{"scheme": to}}}})
	}
	switch {
	case secure && plainServer:
		return &deadEnd{why: "the probe asks with HTTPS, and the server speaks plain HTTP", steps: scheme("HTTP")}
	case !secure && tlsServer:
		return &deadEnd{why: "the probe asks with plain HTTP, and the server speaks TLS", steps: scheme("HTTPS")}
	case secure && strings.Contains(f.got, "remote error: tls:"):
		return &deadEnd{why: "the server rejects the TLS handshake: the kubelet has no certificate to show", steps: f.onlyConnect()}
	}
	return nil
}

func (f failing) notHTTP() *deadEnd {
	if f.c.StartupProbe.HTTPGet == nil || !strings.Contains(f.got, "malformed HTTP") {
		return nil
	}
	return &deadEnd{why: fmt.Sprintf("what listens on port %d does not speak HTTP/1", f.port), steps: f.onlyConnect()}
}

// clientErrors says what answers of the 4xx kind mean that stay as they are.
var clientErrors = map[string]string{
	"401": "the server wants credentials", "403": "the server does not allow it", "404": "the server does not have that path",
	"405": "the server does not allow GET there", "410": "the server does not have that path",
	"400": "the server does not accept the request (with this status Go's and nginx's servers also answer plain HTTP on a TLS port)",
}

// passing are answers of the 4xx kind that can come right: timeouts, and too many requests.
var passing = []string{"408", "423", "425", "429"}

var clientError = regexp.MustCompile(`statuscode: (4\d\d)\b`)

func (f failing) rejected() *deadEnd {
	m := clientError.FindStringSubmatch(f.got)
	if m == nil || slices.Contains(passing, m[1]) {
		return nil
	}
	d := &deadEnd{why: cmp.Or(clientErrors[m[1]], "the server does not accept the request")}
	n := f.probeOf(f.c)
	get, _ := n.fields["httpGet"].(map[string]any)
	if f.c.StartupProbe.HTTPGet != nil && get != nil && n.plain() && get["path"] != f.c.StartupProbe.HTTPGet.Path {
		d.steps = f.replaceProbe("Ask a path that it has", n)
		return d
	}
	d.steps = append([]checks.Step{{Text: "Correct the path, the headers or the scheme of the probe."}}, f.onlyConnect()...)
	return d
}

func (f failing) unknownService() *deadEnd {
	if f.c.StartupProbe.GRPC == nil || !strings.Contains(f.got, "code = NotFound") {
		return nil
	}
	return &deadEnd{why: "the server does not have the gRPC health service that the probe asks", steps: f.onlyConnect()}
}

func (f failing) asksNode() *deadEnd {
	kind, host := "httpGet", software.ProbeHost(f.c.StartupProbe)
	if f.c.StartupProbe.TCPSocket != nil {
		kind = "tcpSocket"
	}
	if !f.refused() || !software.AsksNode(&f.Spec, f.c.Container, f.c.StartupProbe) {
		return nil
	}
	return &deadEnd{
		why:   fmt.Sprintf("host: %s in a probe is the node, not the pod", host),
		steps: f.editSteps("Ask the pod's IP, which is the default", f.c, edit{f.c.Name, map[string]any{"startupProbe": map[string]any{kind: map[string]any{"host": nil}}}}),
	}
}

// notOpened: it asks a health endpoint of known software that has to be switched on.
func (f failing) notOpened() *deadEnd {
	k := software.Of(f.c.Container)
	n, known := software.FindOpening(f.c.Container, f.inTemplate(f.c))
	if !known || !f.refused() || len(n.Missing) == 0 || n.Fields == nil || n.Endpoint.Port != f.port {
		return nil
	}
	return &deadEnd{
		why:   fmt.Sprintf("%s does not answer there with its flags", k.Name),
		steps: f.replaceProbe("Switch its health endpoint on, where the kubelet reaches it", told(f.c, n)),
	}
}

func (f failing) onLoopback() *deadEnd {
	if !f.refused() {
		return nil
	}
	r, because := f.reachOf(f.c, f.port)
	if r != software.LoopbackOnly {
		return nil
	}
	d := &deadEnd{
		why:      fmt.Sprintf("%s listens on 127.0.0.1 only, and the kubelet asks the pod's IP", f.c.Name),
		evidence: []string{because.From},
	}
	t, n := f.inTemplate(f.c), f.probeOf(f.c)
	if _, opens := software.FindOpening(f.c.Container, t); opens || n.fields != nil && n.note == "" {
		d.steps = f.replaceProbe("Ask what the kubelet reaches", n)
		return d
	}
	because.Port = f.port
	n = told(f.c, software.Widened(t, because))
	if n.fields == nil {
		d.steps = []checks.Step{{Text: "Let it listen on all addresses, or use an exec probe with a client that its image has."}}
		return d
	}
	n.fields = nil // the probe is right then
	d.steps = f.editWithProbe("Let it listen on all addresses", f.c, n, map[string]any{})
	return d
}

// asksLater: it asks the port of a container that starts only after the probe has succeeded.
func (f failing) asksLater() *deadEnd {
	owner := f.ownerOf(f.c, f.port)
	if owner == nil || !f.refused() || !f.c.sidecar() || !slices.ContainsFunc(f.after(f.c), func(x container) bool { return x.Name == owner.Name }) {
		return nil
	}
	d := &deadEnd{why: fmt.Sprintf("that port is %s's, which starts only after this probe has succeeded", owner.Name)}
	if len(f.tcpPorts(f.c)) > 0 {
		d.steps = f.askInstead()
		return d
	}
	d.steps = f.editSteps("Remove the probe, or ask something that "+f.c.Name+" answers itself", f.c, edit{f.c.Name, map[string]any{"startupProbe": nil}})
	return d
}

// wrongPort: nothing says that the container listens on the port, and something says that it listens on another.
func (f failing) wrongPort() *deadEnd {
	ports := f.tcpPorts(f.c)
	if r, _ := f.reachOf(f.c, f.port); !f.refused() || r != software.ReachUnknown || slices.Contains(ports, f.port) || f.mentions(f.port) {
		return nil
	}
	udp := slices.ContainsFunc(f.c.Ports, func(x corev1.ContainerPort) bool {
		return int(x.ContainerPort) == f.port && x.Protocol != "" && x.Protocol != corev1.ProtocolTCP
	})
	switch {
	case udp:
		return &deadEnd{why: fmt.Sprintf("port %d of %s is not a TCP port", f.port, f.c.Name), steps: f.askInstead()}
	case len(ports) == 0:
		return nil
	}
	d := &deadEnd{why: fmt.Sprintf("as far as its ports and its command line say, %s listens on %s", f.c.Name, portText(ports)), steps: f.askInstead()}
	if budget(f.c.StartupProbe) < settle {
		d.steps = append(d.steps, f.moreTime(f.c)...)
	}
	for _, b := range f.binds(f.c) {
		if b.Port > 0 {
			d.evidence = prose.AddOnce(d.evidence, b.From)
		}
	}
	return d
}

// mentions reports whether the number of a port stands in the container's command line, in its environment or in what
// is known of its software: it may listen there once it is up.
func (f failing) mentions(port int) bool {
	number := regexp.MustCompile(`(?:^|\D)` + strconv.Itoa(port) + `(?:\D|$)`)
	inEnv := slices.ContainsFunc(f.c.Env, func(e corev1.EnvVar) bool { return number.MatchString(e.Value) })
	return inEnv || number.MatchString(software.CommandLine(f.c.Container)) || slices.Contains(software.PortsOfSoftware(f.c.Container), port)
}

// askInstead asks the first port of the container that the kubelet reaches.
func (f failing) askInstead() []checks.Step {
	ports := f.tcpPorts(f.c)
	i := slices.IndexFunc(ports, func(port int) bool { return !f.shut(f.c, port) })
	if i < 0 {
		return f.replaceProbe("Ask something that the kubelet reaches", f.probeOf(f.c))
	}
	field, handler := "tcpSocket", map[string]any{"port": ports[i]}
	switch probe := f.c.StartupProbe; {
	case probe.HTTPGet != nil:
		field, handler["path"] = "httpGet", probe.HTTPGet.Path
	case probe.GRPC != nil: // whether the server there has the health service is not known
		return f.replaceProbe("Ask whether the port of "+f.c.Name+" listens", newProbe{fields: map[string]any{field: handler}})
	}
	text := "Ask the port on which it listens"
	if slices.ContainsFunc(f.c.Ports, func(x corev1.ContainerPort) bool { return int(x.ContainerPort) == ports[i] }) {
		text = "Ask the port that it declares"
	}
	return f.editSteps(text, f.c, edit{f.c.Name, map[string]any{"startupProbe": map[string]any{field: handler}}})
}

// onlyConnect asks whether the port can be connected to, whatever it answers.
func (f failing) onlyConnect() []checks.Step {
	return f.replaceProbe("Or ask only whether it listens", newProbe{fields: map[string]any{"tcpSocket": map[string]any{"port": f.port}}})
}

// replaceProbe replaces what the startup probe asks; how long it may go on failing stays, where it can.
func (f failing) replaceProbe(text string, n newProbe) []checks.Step {
	if n.fields == nil {
		return append([]checks.Step{{Text: text + "."}}, n.notes()...)
	}
	if !n.plain() {
		return f.editWithProbe(text, f.c, n, map[string]any{})
	}
	fields := map[string]any{}
	for key, value := range n.fields {
		if key != "periodSeconds" && key != "failureThreshold" {
			fields[key] = value
		}
	}
	for kind, old := range software.HandlerOf(f.c.StartupProbe) {
		now, same := fields[kind].(map[string]any)
		if !same {
			fields[kind] = nil
			continue
		}
		was, _ := old.(map[string]any)
		for key := range was {
			if _, kept := now[key]; !kept {
				now[key] = nil
			}
		}
	}
	return append(f.editSteps(text, f.c, edit{f.c.Name, map[string]any{"startupProbe": fields}}), n.notes()...)
}
