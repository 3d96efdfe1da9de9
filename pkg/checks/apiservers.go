package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A fleet is all API servers of a cluster: those of which something was read, and how many more
// there are.
type fleet struct {
	seen []process
	// total is how many live ones there are, as far as Leases, endpoints and static pods tell;
	// counted is false when none of them does.
	total   int
	counted bool
	// fresh is how many of the unseen ones are 1.36 or later, by their Lease.
	fresh int
	// addresses are where the unseen ones can be reached, possibly with seen ones among them; hosts
	// are where they run.
	addresses, hosts []string
}

// apiServers finds out which API servers there are and what each of them does with the field.
//
// One address may hide several processes, so that three sources are put together: the processes that
// answered, told apart by their start time; the static pods, whose command line speaks for a process
// that did not answer; and the identity Leases and endpoints, which only count.
func apiServers(s *facts.Snapshot) fleet {
	f := fleet{seen: joined(staticPods(s, apiServer), answered(s))}
	leases := s.LiveLeases()
	pods := slices.DeleteFunc(slices.Clone(f.seen), func(p process) bool { return p.pod == nil })
	f.total = max(len(f.seen), len(leases), len(s.APIServerEndpoints))
	f.counted = len(leases) > 0 || len(pods) > 0 && len(pods) >= len(s.APIServerEndpoints)
	if f.unseen() > 0 {
		f.fresh = min(f.unseen(), freshLeases(leases, f.seen))
		f.addresses = unclaimed(s.APIServerEndpoints, pods, func(p *facts.ControlPlanePod) string { return p.Address })
		f.hosts = unclaimed(hosts(leases), pods, func(p *facts.ControlPlanePod) string { return p.Node })
	}
	return f
}

// unseen is how many live API servers nothing was read of.
func (f fleet) unseen() int { return f.total - len(f.seen) }

// answered is one process for each API server that answered, and one more when /version came from a
// version that none of them has.
func answered(s *facts.Snapshot) []process {
	var out []process
	for _, a := range s.APIServers {
		if only := len(s.APIServers) == 1 && s.ServerVersion != nil; only && (a.Version == "" || a.Version == s.ServerVersion.GitVersion) {
			a.Version = s.ServerVersion.GitVersion
			a.Emulation = cmp.Or(a.Emulation, emulationOf(s))
		}
		name := apiServer
		if len(s.APIServers) > 1 {
			name += "@" + startTime(a.Started)
		}
		out = append(out, fromAnswer(a, name))
	}
	if s.ServerVersion == nil || slices.ContainsFunc(out, func(p process) bool {
		return p.version == "" || p.version == s.ServerVersion.GitVersion
	}) {
		return out
	}
	other := facts.APIServer{Version: s.ServerVersion.GitVersion, Emulation: emulationOf(s)}
	name := apiServer
	if len(out) > 0 {
		name += "@" + other.Version
	}
	return append(out, fromAnswer(other, name))
}

// emulationOf is the emulated version that /version tells since 1.33.
func emulationOf(s *facts.Snapshot) string {
	if s.ServerVersion.EmulationMinor == "" {
		return ""
	}
	return s.ServerVersion.EmulationMajor + "." + s.ServerVersion.EmulationMinor
}

// startTime writes facts.APIServer.Started as a time.
func startTime(started string) string {
	seconds, err := strconv.ParseFloat(started, 64)
	if err != nil {
		return orNone(started)
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC().Format("2006-01-02T15:04:05.99Z07:00")
}

// joined pairs the processes that answered with the static pods they run in: nothing names the pod in
// an answer, so that equals go together first. What a process said of itself counts more than flags.
func joined(pods, answers []process) []process {
	paired := make([]bool, len(pods))
	rules := []func(pod, answer process) bool{
		func(pod, answer process) bool { return pod.version == answer.version && pod.gate == answer.gate },
		func(pod, answer process) bool { return pod.version == answer.version },
		func(pod, answer process) bool { return true },
	}
	for _, alike := range rules {
		answers = slices.DeleteFunc(answers, func(answer process) bool {
			for i := range pods {
				if !paired[i] && alike(pods[i], answer) {
					pods[i], paired[i] = merge(pods[i], answer), true
					return true
				}
			}
			return false
		})
	}
	return append(pods, answers...)
}

// merge is a static pod with what its process answered.
func merge(pod, answer process) process {
	if answer.v != nil {
		pod.version, pod.v = answer.version, answer.v
	}
	pod.emulation = lower(pod.emulation, answer.emulation)
	if answer.gate != GateUnknown {
		pod.gate = answer.gate
	}
	pod.evidence = append(slices.Clone(answer.evidence), pod.evidence...)
	return pod
}

// minorPeers is the first version whose API servers write facts.PeerAddressAnnotation into their
// Lease (gate UnknownVersionInteroperabilityProxy, on since 1.36).
const minorPeers = 36

// freshLeases counts the unseen API servers that must be 1.36 or later: all Leases that say so,
// but for those of the seen ones that are.
func freshLeases(leases []coordinationv1.Lease, seen []process) int {
	n := 0
	for _, l := range leases {
		if l.Annotations[facts.PeerAddressAnnotation] != "" {
			n++
		}
	}
	for _, p := range seen {
		if p.v == nil || minor(p.v) >= minorPeers {
			n--
		}
	}
	return max(n, 0)
}

// hosts are where the holders of leases run.
func hosts(leases []coordinationv1.Lease) []string {
	var out []string
	for _, l := range leases {
		if host := l.Labels[corev1.LabelHostname]; host != "" {
			out = append(out, host)
		}
	}
	return out
}

// unclaimed are the places that are not a static pod's.
func unclaimed(places []string, pods []process, place func(*facts.ControlPlanePod) string) []string {
	return slices.DeleteFunc(slices.Clone(places), func(at string) bool {
		return slices.ContainsFunc(pods, func(p process) bool { return place(p.pod) == at })
	})
}

// newest and oldest are minor versions of the seen API servers; 0 when one has no known version.
func (f fleet) newest() int { return f.extreme(func(a, b int) int { return max(a, b) }) }
func (f fleet) oldest() int { return f.extreme(func(a, b int) int { return min(a, b) }) }

func (f fleet) extreme(choose func(a, b int) int) int {
	if len(f.seen) == 0 || slices.ContainsFunc(f.seen, func(p process) bool { return p.v == nil }) {
		return 0
	}
	out := minor(f.seen[0].v)
	for _, p := range f.seen {
		out = choose(out, minor(p.v))
	}
	return out
}

// emulating reports whether a seen API server behaves as an older version.
func (f fleet) emulating() bool {
	return slices.ContainsFunc(f.seen, func(p process) bool { return emulates(p.v, p.emulation) })
}

// atLeast reports whether every API server that was not seen must be of the minor version or newer,
// and why. It rests on the version skew policy: the newest and the oldest API server of a cluster are
// within one minor version. Where a seen one emulates an older version nothing is inferred.
func (f fleet) atLeast(minor int) (bool, string) {
	unseen := f.unseen()
	if f.counted && unseen == 0 {
		return true, ""
	}
	if newest := f.newest(); newest > minor && !f.emulating() {
		return true, fmt.Sprintf("the others follow from the version skew policy: API servers are within one minor version, so that next to %s none is older than %s",
			release(newest), release(newest-1))
	}
	if f.counted && unseen <= f.fresh && minor <= minorPeers {
		return true, fmt.Sprintf("%s by their Leases: only 1.36 and later write the annotation %s", counted(unseen, "other"), facts.PeerAddressAnnotation)
	}
	return false, ""
}

// unread is why the unseen API servers are missing, and how to see them.
func (f fleet) unread(s *facts.Snapshot) []facts.Gap {
	switch {
	case !s.Has(facts.APIServers):
		return unread(s, facts.APIServers)
	case !f.counted:
		g := facts.Gap{
			Kind: facts.APIServers, Scope: facts.ScopeUnseen,
			Reason: fmt.Sprintf("%s answered; how many there are is not known, because no identity Lease and no static pod was seen", counted(len(f.seen), "API server")),
			Remedy: "let it list leases in kube-system (kubectl sidecar rbac prints the role)",
		}
		return withWords(s, g, "", facts.ScopeLeases, facts.ScopeEndpoints)
	}
	g := facts.Gap{
		Kind: facts.APIServers, Scope: facts.ScopeUnseen,
		Reason: fmt.Sprintf("%d of %s answered%s", len(f.seen), counted(f.total, "API server"), through(s.Server)),
		Remedy: "run it again: each run opens new connections, which a load balancer may spread",
	}
	places := f.addresses
	if len(places) == 0 {
		places = f.hosts
	}
	if len(places) == 0 {
		return []facts.Gap{g}
	}
	g.Reason += "; not seen: "
	if f.unseen() < len(places) {
		g.Reason += fmt.Sprintf("%d of ", f.unseen())
	}
	g.Reason += strings.Join(places, ", ")
	if len(f.addresses) > 0 {
		g.Remedy = "ask each by its own address, where the network allows it:"
		for _, address := range f.addresses {
			g.Remedy += "\n" + indent("kubectl sidecar doctor --server https://"+address+" --tls-server-name kubernetes.default.svc")
		}
	}
	return []facts.Gap{g}
}

func through(server string) string {
	if server == "" {
		return ""
	}
	return " through " + server
}

// tried says how many API servers were looked at.
func (f fleet) tried(inferred string) string {
	out := fmt.Sprintf("%d of %s", len(f.seen), counted(f.total, "API server"))
	if !f.counted {
		out = counted(len(f.seen), "API server") + " of an unknown number"
	}
	if v := versions(f.seen); len(f.seen) > 0 {
		out += " (" + v + ")"
	}
	if inferred != "" {
		out += "; " + inferred
	}
	return out
}

// undecided is why the gate of a seen API server is not known.
func (f fleet) undecided(s *facts.Snapshot) []facts.Gap {
	var out []facts.Gap
	for _, p := range having(f.seen, GateUnknown) {
		g := noGate(facts.APIServers, p, "let it get /metrics (kubectl sidecar rbac prints the role)")
		out = append(out, withWords(s, g, "", facts.ScopeMetrics, facts.ScopeGate, facts.ScopeVersion)...)
	}
	return out
}

// withWords replaces the words of g by those of the collector, who knows what the server said, if it
// recorded a gap of the same kind with one of the scopes.
func withWords(s *facts.Snapshot, g facts.Gap, scopes ...string) []facts.Gap {
	for _, scope := range scopes {
		for _, known := range s.GapsOf(g.Kind, scope) {
			g.Reason += ": " + known.Reason
			g.Remedy = known.Remedy
			return []facts.Gap{g}
		}
	}
	return []facts.Gap{g}
}
