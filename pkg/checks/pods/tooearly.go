package pods

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A saying is a line that a container wrote before it failed. before is the line above it: some programs name the
// address there.
type saying struct {
	from, text, before string
}

// said is what a container wrote: the logs of its runs and its termination message, else the log of the same
// container of another pod of the same owner that failed the same way. silent is that there is nothing at all.
func (p subject) said(c container) (out []saying, silent bool) {
	add := func(from string, lines []string) {
		for i, line := range lines {
			if strings.TrimSpace(line) != "" {
				out = append(out, saying{from, line, strings.Join(lines[max(0, i-1):i], "")})
			}
		}
	}
	for _, l := range p.s.Logs {
		if l.Namespace == p.Namespace && l.Pod == p.Name && l.Container == c.Name {
			add("log of "+c.Name, l.Lines)
		}
	}
	add("log of "+c.Name, strings.Split(c.ended().Message, "\n"))
	if len(out) == 0 {
		for _, l := range p.s.Logs {
			if l.Container == c.Name && p.failedAlike(c, l.Namespace, l.Pod) {
				add("log of "+c.Name+" in pod "+l.Pod+", which failed the same way", l.Lines)
			}
		}
	}
	return out, len(out) == 0
}

// failedAlike reports whether the same container of another pod of the same owner exited with the same code.
func (p subject) failedAlike(c container, namespace, pod string) bool {
	if namespace != p.Namespace || pod == p.Name || len(p.OwnerReferences) == 0 {
		return false
	}
	for _, o := range p.s.siblings[p.OwnerReferences[0].UID] {
		if o.Namespace == namespace && o.Name == pod {
			end := facts.LastTermination(facts.ContainerStatusOf(o.Status.ContainerStatuses, c.Name))
			return end != nil && end.ExitCode == c.ended().ExitCode
		}
	}
	return false
}

// refusedBy is the line that says that a proxy, which is one of list, refused a connection, and its port; proof is ""
// when there is none.
func refusedBy(said []saying, early, proxy container, list []container) (port int, proof string) {
	for _, s := range said {
		port := refusedPort(s.text)
		local := port > 0 || localhost.MatchString(s.text) || !remote.MatchString(s.text)
		if port == 0 && local && refusedWords.MatchString(s.text) {
			port = refusedPort(s.before + " " + s.text)
		}
		fits := answersAt(proxy, port, list)
		if port == 0 {
			fits = refusedWords.MatchString(s.text) && startedTogether(early, proxy) && refusesAll(proxy, local, list)
		}
		if fits {
			return port, s.from + ": " + prose.OneLine(s.text)
		}
	}
	return 0, ""
}

// refusesAll reports whether a refusal without a port is one of the proxy, which is one of list: connections of the pod
// go through it, whatever they are to, or it is local, and there is nobody else to refuse.
func refusesAll(proxy container, local bool, list []container) bool {
	return redirects(proxy) || local && len(list) == 1 && len(sidecarSigns(proxy)) > 0
}

// remote matches a line that names the address of something else: a host with a port, or an IP address.
var remote = regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}\b|[a-z][\w-]*(?:\.[\w-]+)*:\d{2,5}\b`)

// answersAt reports whether a port of the pod is one of the proxy, which is one of list.
func answersAt(proxy container, port int, list []container) bool {
	ports := software.Ports(proxy.Container)
	if slices.Contains(ports, port) {
		return true
	}
	for _, o := range list {
		if o.Name != proxy.Name && slices.Contains(software.Ports(o.Container), port) {
			return false
		}
	}
	for _, digits := range colonPort.FindAllStringSubmatch(software.CommandLine(proxy.Container), -1) {
		if software.PortNumber(digits[1]) == port {
			return true
		}
	}
	return len(ports) == 0 && len(list) == 1
}

// colonPort is the port of an address in a command line.
var colonPort = regexp.MustCompile(`:(\d{2,5})\b`)

// startedTogether reports whether a container failed within a short run of the start of another one.
func startedTogether(early, proxy container) bool {
	begin, end := firstStart([]container{proxy}), early.ended().FinishedAt
	return !begin.IsZero() && !end.IsZero() && end.Sub(begin) < shortRun
}

// redirecting are the proxies through which every connection of the pod goes.
var redirecting = []string{"istio", "linkerd", "kuma", "consul"}

func redirects(c container) bool {
	k := software.Of(c.Container)
	return k != nil && slices.Contains(redirecting, k.ID)
}

// LogsToRead are the containers whose logs tell whether they were too early for a sidecar, where their status does not:
// those that failed soon after their start, next to one that listens. They are without lines, and one for each owner,
// since its pods fail alike. Previous asks for the run before the current one as well.
func (j Judgment) LogsToRead() []facts.ContainerLog {
	seen := map[string]bool{}
	var out []facts.ContainerLog
	for _, p := range j.scene.subjects() {
		for _, c := range p.tellingOnlyThemselves() {
			key := strings.Join([]string{p.Namespace, p.top().Kind, p.top().Name, c.Name}, "/")
			if !seen[key] {
				seen[key] = true
				out = append(out, facts.ContainerLog{Namespace: p.Namespace, Pod: p.Name, Container: c.Name, Previous: c.restarts() > 0})
			}
		}
	}
	return out
}

// tellingOnlyThemselves are the containers that may have been too early for another one, where only their log says so.
func (p subject) tellingOnlyThemselves() []container {
	out := p.mutelyBlocked()
	if !p.mayRace() {
		return out
	}
	for _, c := range p.mains {
		if !p.mayHaveRaced(c) || !c.failedSoon() {
			continue
		}
		if r := p.raced(c); r != nil && !r.byTimes {
			continue // it has said so in its termination message
		}
		if slices.ContainsFunc(p.proxiesFor(c), func(o container) bool { return o.sidecar() || len(software.Signs(o.Container)) > 0 }) {
			out = append(out, c)
		}
	}
	return out
}

// mutelyBlocked is the init container that the pod does not get past, where it failed soon, and only its log says
// whether it needs what starts after it.
func (p subject) mutelyBlocked() []container {
	c := p.blocked()
	if c == nil || c.sidecar() || !c.failed() || !c.failedSoon() {
		return nil
	}
	listens := func(o container) bool { return o.sidecar() || !o.init && len(software.Signs(o.Container)) > 0 }
	if later, _, _ := p.needs(*c); later != nil || !slices.ContainsFunc(p.all(), listens) {
		return nil
	}
	return []container{*c}
}

// failedSoon reports whether the last run of a container that has exited was a short one.
func (c container) failedSoon() bool {
	begin := begun(c.ended())
	return !begin.IsZero() && c.ended().FinishedAt.Sub(begin) < shortRun
}
