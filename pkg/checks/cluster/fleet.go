package cluster

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// A Fleet is all API servers of a cluster: those of which something was read, and how many more
// there are.
type Fleet struct {
	Seen []Process
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

// apiServersOf finds out which API servers there are and what each of them does with the field.
//
// One address can hide several processes, so three sources are put together: the processes that
// answered, told apart by their start time; the static pods, whose command line speaks for a process
// that did not answer; and the identity Leases and endpoints, which only count.
func apiServersOf(s *facts.Snapshot) Fleet {
	f := Fleet{Seen: joined(StaticPods(s, APIServer), answered(s))}
	leases := s.LiveLeases()
	pods := slices.DeleteFunc(slices.Clone(f.Seen), func(p Process) bool { return p.pod == nil })
	f.total = max(len(f.Seen), len(leases), len(s.APIServerEndpoints))
	// Endpoints alone do not count: a managed control plane shows its load balancer there. Leases alone
	// do not, where the endpoints could not be read: API servers on one host share a Lease.
	f.counted = len(s.GapsOf(facts.APIServers, "")) == 0 && len(gapsOfServers(s, facts.PartEndpoints)) == 0 &&
		(len(leases) > 0 || len(pods) > 0 && len(pods) >= len(s.APIServerEndpoints) && len(s.GapsOf(facts.ControlPlane, "")) == 0)
	if f.unseen() > 0 {
		f.fresh = min(f.unseen(), freshLeases(leases, f.Seen))
		if len(s.APIServerEndpoints) == f.total { // else they are a load balancer's
			f.addresses = unclaimed(s.APIServerEndpoints, pods, func(p *facts.ControlPlanePod) string { return p.Address })
		}
		f.hosts = unclaimed(hosts(leases), pods, func(p *facts.ControlPlanePod) string { return p.Node })
	}
	return f
}

// unseen is how many live API servers nothing was read of.
func (f Fleet) unseen() int { return f.total - len(f.Seen) }

// answered is one process for each API server that answered, and one more when /version came from a
// version that none of them has.
func answered(s *facts.Snapshot) []Process {
	told, probes := toldApart(s)
	var out []Process
	for _, a := range told {
		name, readings := APIServer, readingsOf(a)
		if len(told) > 1 {
			name += "@" + mark(a)
		} else if s.APIServerCount() <= 1 {
			// There is no other that the probes can have met.
			readings = append(readings, probes...)
		}
		out = append(out, fromAnswer(a, name, readings))
	}
	if s.ServerVersion == nil || slices.ContainsFunc(out, func(p Process) bool {
		return p.version == "" || p.version == s.ServerVersion.GitVersion
	}) {
		return out
	}
	name := APIServer
	if len(out) > 0 {
		name += "@" + s.ServerVersion.GitVersion
	}
	return append(out, fromAnswer(facts.APIServer{Version: s.ServerVersion.GitVersion, Emulation: emulationOf(s)}, name, nil))
}

// toldApart separates the processes from the probes, which met one of them, nobody knows which. Where
// no process told itself, each result of a probe is one: two different ones are two API servers.
func toldApart(s *facts.Snapshot) (told []facts.APIServer, probes []facts.FeatureReading) {
	var probed []facts.APIServer
	for _, a := range s.APIServers {
		if a.Reading != nil && a.Reading.Source == facts.SourceProbe {
			probed, probes = append(probed, a), append(probes, *a.Reading)
		} else {
			told = append(told, a)
		}
	}
	if len(told) == 0 {
		told, probes = probed, nil
	}
	if v := s.ServerVersion; len(told) == 1 && v != nil && (told[0].Version == "" || told[0].Version == v.GitVersion) {
		told[0].Version = v.GitVersion
		told[0].Emulation = cmp.Or(told[0].Emulation, emulationOf(s))
	}
	return told, probes
}

func readingsOf(a facts.APIServer) []facts.FeatureReading {
	if a.Reading == nil {
		return nil
	}
	return []facts.FeatureReading{*a.Reading}
}

// emulationOf is the emulated version that /version tells since 1.33.
func emulationOf(s *facts.Snapshot) string {
	if s.ServerVersion.EmulationMinor == "" {
		return ""
	}
	return s.ServerVersion.EmulationMajor + "." + s.ServerVersion.EmulationMinor
}

// mark tells an API server from the others: the time of its start, or what the probe showed.
func mark(a facts.APIServer) string {
	seconds, err := strconv.ParseFloat(a.Started, 64)
	switch {
	case err == nil:
	case a.Reading != nil && a.Reading.Enabled != nil:
		return map[bool]string{true: "keeps-it", false: "drops-it"}[*a.Reading.Enabled]
	default:
		return "unknown"
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC().Format("2006-01-02T15:04:05.99Z07:00")
}

// joined pairs the processes that answered with the static pods they run in: nothing names the pod in
// an answer, so equals go together first. What a process said of itself counts more than flags.
func joined(pods, answers []Process) []Process {
	paired := make([]bool, len(pods))
	rules := []func(pod, answer Process) bool{
		func(pod, answer Process) bool { return pod.version == answer.version && pod.Gate == answer.Gate },
		func(pod, answer Process) bool { return pod.version == answer.version },
		func(pod, answer Process) bool { return true },
	}
	for _, alike := range rules {
		answers = slices.DeleteFunc(answers, func(answer Process) bool {
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
func merge(pod, answer Process) Process {
	if answer.v != nil {
		pod.version, pod.v, pod.shows = answer.version, answer.v, answer.shows
	}
	pod.emulation = gate.Lower(pod.emulation, answer.emulation)
	if pod.Gate == gate.Unknown || answer.Gate != gate.Unknown && !answer.probed {
		pod.Gate, pod.proof = answer.Gate, answer.proof
	}
	pod.Evidence = append(slices.Clone(answer.Evidence), pod.Evidence...)
	return pod
}
