package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A capture is the proxy of a mesh that an init container needs, and that does not run yet.
type capture struct {
	mesh  *known.Mesh
	proxy container
	// plain is that traffic is not redirected to it yet: what a peer gets is not of the mesh.
	plain bool
	proof []string
}

// captured is what takes the traffic of an init container that fails or waits; nil when nothing does, or nothing
// shows that it needs the network.
func (p subject) captured(c container) *capture {
	after := p.after(c)
	i := slices.IndexFunc(after, func(x container) bool { return known.MeshOfProxy(x.Name) != nil })
	if i < 0 || known.MeshOfInit(c.Name) != nil || software.Of(c.Container) != nil {
		return nil
	}
	out := &capture{mesh: known.MeshOfProxy(after[i].Name), proxy: after[i]}
	before := p.redirected(c, out.mesh)
	words, port := p.networkWords(c)
	switch {
	case words == "":
		return nil
	case before == "" && !resets.MatchString(words):
		return nil
	case before == "":
		out.plain = true
		out.proof = []string{words, fmt.Sprintf("%s has not started, and no traffic is redirected to it before that", out.proxy.Name)}
		return out
	case p.bypassed(c, out.mesh, port):
		return nil
	}
	out.proof = []string{words, fmt.Sprintf("%s: the pod's traffic is redirected to %s, which has not started", before, out.proxy.Name)}
	return out
}

// redirected is what shows that the pod's traffic is redirected when c runs: an init container before it. A pod that has
// the proxy and no init container for it leaves that to a CNI plugin, which was even earlier. It is "" when nothing
// shows it.
func (p subject) redirected(c container, m *known.Mesh) string {
	byPlugin, past := true, false
	for _, x := range p.inits {
		past = past || x.Name == c.Name
		if known.MeshOfInit(x.Name) != m {
			continue
		}
		if !past && x.passed() {
			return x.Name + " is through"
		}
		byPlugin = false
	}
	if byPlugin {
		return "no init container sets up the redirection, so " + m.Name + "'s CNI plugin has"
	}
	return ""
}

var (
	// networkFailures is what programs say when a connection fails, wherever to.
	networkFailures = regexp.MustCompile(`(?i)connection (?:refused|reset|timed out)|ECONN(?:REFUSED|RESET)|i/o timeout|context deadline exceeded|` +
		`no route to host|network is unreachable|(?:could ?n[o']t|can'?t|cannot|unable to|failed to) (?:connect|resolve)|name resolution|no such host|bad address|EAI_AGAIN`)
	// networkCommands are in command lines that use the network.
	networkCommands = regexp.MustCompile(`\b(?:curl|wget|nc|ncat|telnet|pg_isready|psql|mysql|mysqladmin|mongo|mongosh|redis-cli|nslookup|dig|ping|git|kubectl|vault|aws|gsutil|gcloud|dockerize|wait-for\S*)(?:\s|$)|\b[a-z]+://`)
	// resets is what a peer does that speaks only the mesh's mutual TLS.
	resets = regexp.MustCompile(`(?i)connection reset|ECONNRESET|reset by peer`)
	// waitsByName are names of init containers that do nothing but wait for others.
	waitsByName   = regexp.MustCompile(`^(?:wait|check)[-_]|^dependenc`)
	portAfterHost = regexp.MustCompile(`[\w\])]:(\d{2,5})\b`)
)

// networkWords shows that a container that failed, or waits, needs the network: what it says, else its command line.
// port is the one that it connects to, 0 where that is not known.
func (p subject) networkWords(c container) (proof string, port int) {
	lines := p.logs(c)
	if end := c.ended(); end != nil && end.Message != "" {
		lines = append(slices.Clone(lines), strings.Split(end.Message, "\n")...)
	}
	for _, line := range slices.Backward(lines) {
		if networkFailures.MatchString(line) {
			return "log of " + c.Name + ": " + prose.OneLine(line), portIn(line)
		}
	}
	line, works := software.EveryCommand(c.Container), c.running() && !p.failsAgain(c)
	switch {
	case !works && len(strings.TrimSpace(strings.Join(lines, ""))) > 0:
		return "", 0 // it says that something else is wrong
	case networkCommands.MatchString(line) && (!works || waits.MatchString(line)):
		return fmt.Sprintf("command of %s uses the network: %s", c.Name, prose.OneLine(line)), portIn(line)
	case waitsByName.MatchString(c.Name):
		return fmt.Sprintf("%s is named as one that waits for something elsewhere", c.Name), 0
	}
	return "", 0
}

func portIn(text string) int {
	for _, pattern := range []*regexp.Regexp{portAfterHost, afterPort} {
		if m := pattern.FindStringSubmatch(text); m != nil {
			return software.PortNumber(m[1])
		}
	}
	return 0
}

// bypassed reports whether the traffic of a container may go past the proxy: it has the proxy's user ID, or the pod has
// an annotation that may let the port through.
func (p subject) bypassed(c container, m *known.Mesh, port int) bool {
	if uid := runsAs(p.Pod, c.Container); uid != nil && *uid == m.UID {
		return true
	}
	for _, name := range m.Bypasses {
		value, there := p.Annotations[name]
		ports := strings.Split(value, ",")
		onlyPorts := strings.HasSuffix(strings.ToLower(name), "outboundports") || strings.HasSuffix(name, "outbound-ports")
		if there && (!onlyPorts || port == 0 || slices.Contains(ports, fmt.Sprint(port))) {
			return true
		}
	}
	return false
}

func runsAs(p *corev1.Pod, c *corev1.Container) *int64 {
	switch {
	case c.SecurityContext != nil && c.SecurityContext.RunAsUser != nil:
		return c.SecurityContext.RunAsUser
	case p.Spec.SecurityContext != nil:
		return p.Spec.SecurityContext.RunAsUser
	}
	return nil
}

func (p subject) capturedFinding(c container, to *capture) *checks.Finding {
	kind := "a regular container, which starts after all init containers"
	if to.proxy.init {
		kind = "a sidecar, which is declared after it"
	}
	needs := fmt.Sprintf("the network, and all traffic of the pod is redirected to %s (%s)", to.proxy.Name, to.mesh.Name)
	if to.plain {
		needs = fmt.Sprintf("the mesh: a peer resets what does not come from %s (%s)", to.proxy.Name, to.mesh.Name)
	}
	return &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("init container %s needs %s, %s: it cannot succeed before that (%s)", c.Name, needs, kind, p.doing(c)),
		Evidence:  slices.Concat(to.proof, p.orderEvidence(c, to.proxy)[1:], p.ending(c)),
		Steps:     p.captureSteps(c, to),
	}
}

func (p subject) captureSteps(c container, to *capture) []checks.Step {
	var out []checks.Step
	k := software.Of(to.proxy.Container)
	switch {
	case to.proxy.init:
		out = append(out, checks.Step{Text: fmt.Sprintf("Let the webhook that injects %s come after those that add init containers, so it can put %s before them.", to.proxy.Name, to.proxy.Name)})
	case len(to.mesh.Native) > 0 && k != nil:
		out = append(out, p.annotateStep(fmt.Sprintf("Make %s a native sidecar, which starts before the application's init containers: %s", to.proxy.Name, k.Native), to.mesh.Native))
	case k != nil:
		out = append(out, checks.Step{Text: fmt.Sprintf("Make %s a native sidecar, which starts before the application's init containers: %s.", to.proxy.Name, k.Native)})
	}
	if to.plain {
		return append(out, p.logStep(c))
	}
	return append(out, checks.Step{Text: fmt.Sprintf("Or let the traffic of %s past the proxy: give it runAsUser: %d, the proxy's, or set %s.", c.Name, to.mesh.UID, to.mesh.Bypass)}, p.logStep(c))
}

// annotateStep sets annotations on the pods of the owner.
func (p subject) annotateStep(text string, annotations map[string]string) checks.Step {
	m := p.target()
	if m.custom {
		return checks.Step{Text: text + "."}
	}
	path := strings.TrimSuffix(m.path, "/spec") + "/metadata"
	return p.changeStep(text, p.command(m, "strategic", encode(nest(path, map[string]any{"annotations": annotations}))))
}

// exited says how the last run of a container ended. What known software means by an exit code goes before what shells
// mean by it.
func (c container) exited() string {
	t := c.ended()
	if m := known.MeshOfInit(c.Name); c.init && m != nil && slices.Contains(m.Checks, c.Name) && t.ExitCode == m.Code {
		return fmt.Sprintf("exit code %d (%s)", t.ExitCode, m.Means)
	}
	return exit(t)
}
