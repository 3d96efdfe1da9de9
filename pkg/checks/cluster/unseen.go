package cluster

import (
	"fmt"
	"slices"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// minorPeers is the first version whose API servers write facts.PeerAddressAnnotation into their
// Lease (gate UnknownVersionInteroperabilityProxy, on since 1.36).
const minorPeers = 36

// freshLeases counts the unseen API servers that must be 1.36 or later: all Leases that say so,
// but for those of the seen ones that are.
func freshLeases(leases []coordinationv1.Lease, seen []Process) int {
	n := 0
	for _, l := range leases {
		if l.Annotations[facts.PeerAddressAnnotation] != "" {
			n++
		}
	}
	for _, p := range seen {
		if p.v == nil || gate.Minor(p.v) >= minorPeers {
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
func unclaimed(places []string, pods []Process, place func(*facts.ControlPlanePod) string) []string {
	return slices.DeleteFunc(slices.Clone(places), func(at string) bool {
		return slices.ContainsFunc(pods, func(p Process) bool { return place(p.pod) == at })
	})
}

// newest and oldest are minor versions of the seen API servers; 0 when one has no known version.
func (f Fleet) newest() int { return f.extreme(func(a, b int) int { return max(a, b) }) }
func (f Fleet) oldest() int { return f.extreme(func(a, b int) int { return min(a, b) }) }

func (f Fleet) extreme(choose func(a, b int) int) int {
	if len(f.Seen) == 0 || slices.ContainsFunc(f.Seen, func(p Process) bool { return p.v == nil }) {
		return 0
	}
	out := gate.Minor(f.Seen[0].v)
	for _, p := range f.Seen {
		out = choose(out, gate.Minor(p.v))
	}
	return out
}

// emulating reports whether a seen API server behaves as an older version.
func (f Fleet) emulating() bool {
	return slices.ContainsFunc(f.Seen, func(p Process) bool { return gate.Emulates(p.v, p.emulation) })
}

// atLeast reports whether every API server that was not seen must be of the minor version or newer,
// and why. It rests on the version skew policy: the newest and the oldest API server of a cluster are
// within one minor version. Where a seen one emulates an older version nothing is inferred.
func (f Fleet) atLeast(minor int) (bool, string) {
	unseen := f.unseen()
	if f.counted && unseen == 0 {
		return true, ""
	}
	if newest := f.newest(); newest > minor && !f.emulating() {
		return true, fmt.Sprintf("the others follow from the version skew policy: API servers are within one minor version, so next to %s none is older than %s",
			gate.Release(newest), gate.Release(newest-1))
	}
	if f.counted && unseen <= f.fresh && minor <= minorPeers {
		return true, fmt.Sprintf("%s by their Leases: only 1.36 and later write the annotation %s", prose.Counted(unseen, "other"), facts.PeerAddressAnnotation)
	}
	return false, ""
}

// unread is why the unseen API servers are missing, and how to see them.
func (f Fleet) unread(s *facts.Snapshot) []facts.Gap {
	switch {
	case !s.Has(facts.APIServers):
		return checks.Unread(s, facts.APIServers)
	case !f.counted:
		g := facts.NewGap(facts.APIServers, facts.APIServerInstance(facts.PartUnseen),
			fmt.Sprintf("%s answered; how many there are is not known (their Leases or static pods would tell)", prose.Counted(len(f.Seen), "API server")),
			facts.Do("let it list leases in kube-system (kubectl sidecar rbac prints the role)"))
		return withWords(g, s.GapsOf(facts.APIServers, ""), gapsOfServers(s, facts.PartLeases), gapsOfServers(s, facts.PartEndpoints))
	}
	g := facts.NewGap(facts.APIServers, facts.APIServerInstance(facts.PartUnseen),
		fmt.Sprintf("%d of %s answered%s", len(f.Seen), prose.Counted(f.total, "API server"), through(s.Server)),
		facts.Do("run it again: each run opens new connections, which a load balancer may spread"))
	if closed := gapsOfServers(s, facts.PartMetrics); len(closed) > 0 {
		return withWords(g, closed) // without it nothing tells them apart
	}
	g = worded(s, g)
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
		g = g.ClosedBy(facts.AskEach(f.addresses))
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
func (f Fleet) tried(inferred string) string {
	out := fmt.Sprintf("%d of %s", len(f.Seen), prose.Counted(f.total, "API server"))
	if !f.counted {
		out = prose.Counted(len(f.Seen), "API server") + " of an unknown number"
	}
	if v := versions(f.Seen); len(f.Seen) > 0 {
		out += " (" + v + ")"
	}
	if inferred != "" {
		out += "; " + inferred
	}
	return out
}

// undecided is why the gate of a seen API server is not known.
func (f Fleet) undecided(s *facts.Snapshot) []facts.Gap {
	var out []facts.Gap
	for _, p := range Having(f.Seen, gate.Unknown) {
		g := noGate(facts.APIServers, p, facts.Do("let it get /metrics (kubectl sidecar rbac prints the role)"))
		out = append(out, withWords(g, s.GapsOf(facts.APIServers, ""), gapsOfServers(s, facts.PartMetrics), gapsOfServers(s, facts.PartGate), gapsOfServers(s, facts.PartVersion))...)
	}
	return out
}

// worded prefers the collector's account of the unseen: it knows how often it tried.
func worded(s *facts.Snapshot, g facts.Gap) facts.Gap {
	if known := gapsOfServers(s, facts.PartUnseen); len(known) > 0 {
		g.Reason = known[0].Reason
		return g.ClosedBy(known[0].HowToClose())
	}
	return g
}

// withWords adds to g what the collector, who knows what the server said, recorded: the first gap of recorded.
func withWords(g facts.Gap, recorded ...[]facts.Gap) []facts.Gap {
	if all := slices.Concat(recorded...); len(all) > 0 {
		g.Reason += "; " + all[0].Reason
		g = g.ClosedBy(all[0].HowToClose())
	}
	return []facts.Gap{g}
}

// gapsOfServers are the gaps of one part of what is asked of the API servers.
func gapsOfServers(s *facts.Snapshot, part facts.Part) []facts.Gap {
	return slices.DeleteFunc(s.GapsOf(facts.APIServers, "*"), func(g facts.Gap) bool { return g.Instance != facts.APIServerInstance(part) })
}

// checked is the outcome of a check that every API server has to pass: what was found, what is missing of the
// seen ones, and the unseen ones, unless they must be of the minor version from which on all pass.
func (f Fleet) checked(s *facts.Snapshot, minor int, missing []facts.Gap, findings []checks.Finding) checks.Outcome {
	o := checks.Outcome{Findings: findings, Missing: missing}
	ok, why := f.atLeast(minor)
	if !ok {
		o.Missing = append(o.Missing, f.unread(s)...)
	}
	o.Tried = f.tried(why)
	return o
}

// having are the findings of the API servers whose gate is in a state.
func (f Fleet) having(state gate.State, message string, steps func(Process) []checks.Step) []checks.Finding {
	var out []checks.Finding
	for _, p := range Having(f.Seen, state) {
		out = append(out, checks.Finding{Object: p.Object, Message: message, Evidence: p.Evidence, Steps: steps(p)})
	}
	return out
}

// versionless are the gaps of seen API servers whose version is not known.
func (f Fleet) versionless() []facts.Gap {
	var out []facts.Gap
	for _, p := range Having(f.Seen, gate.Unknown) {
		if p.v == nil {
			out = append(out, noVersion(facts.APIServers, p, facts.HowToGet(facts.APIServers)))
		}
	}
	return out
}
