package manifests

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// What convert has written for a cluster that was not ready is to go once it is. Whether it is, a version that was named
// says, or a cluster whose gates are all known to be on.
var strategyCanGo = rule{checks.Rule[*scene]{
	Check: checks.Check{
		ID:       "strategy-can-go",
		Title:    "what was written for clusters that are not ready is still needed",
		Severity: checks.Info,
		Category: checks.Manifests,
		Needs:    []facts.Kind{facts.Workloads},
		Uses:     versions,
	},
	Run: func(s *scene) checks.Outcome {
		out := s.ofPods("strategy-can-go", (*pod).needless)
		out.Tried = prose.Counted(len(s.pods), "workload")
		return out
	},
}, (*pod).needless}

// needless is whether a strategy of the pod template can go.
func (p *pod) needless() checks.Outcome {
	r := p.judged.Run
	if r == nil || r.Strategy == "" {
		return checks.Outcome{}
	}
	because, gaps := p.nativeEverywhere()
	out := checks.Outcome{Missing: gaps}
	if because == nil {
		return out
	}
	note := []string{"metadata", "annotations", facts.StrategyAnnotation}
	out.Findings = []checks.Finding{p.finding(nil, placeOf(p.AtTemplate(note...)),
		fmt.Sprintf("strategy %s is not needed anymore: native sidecars run wherever this workload does", r.Strategy),
		append([]string{"template." + note[0] + "." + note[1] + "[" + note[2] + "]: " + r.Strategy}, because...), p.backSteps()...)}
	return out
}

// backSteps say how to make it native.
func (p *pod) backSteps() []checks.Step {
	text := "Take sidecar-run out, and make native sidecars of what it stood for; with --verify the API server admits the result first"
	if p.Place.File == "" || p.Place.File == "-" || p.built {
		return []checks.Step{do("%s.", text)}
	}
	return []checks.Step{{Text: text + ":", Command: prose.Shell("kubectl sidecar convert -f %s --strategy native --write", p.Place.File)}}
}

// nativeEverywhere is what says that native sidecars run wherever a pod can be; nil where they do not, or where that is not
// known.
func (p *pod) nativeEverywhere() (because []string, gaps []facts.Gap) {
	if p.s.view == nil {
		return p.nativeInVersion()
	}
	servers := p.s.view.APIServers()
	for _, a := range servers.Seen {
		if a.Sidecars() == gate.Off || a.Sidecars() == gate.Unsupported {
			return nil, nil
		}
		if a.Sidecars() != gate.On {
			gaps = append(gaps, facts.NewGap(facts.APIServers, facts.Instance{Kind: facts.KindAPIServer, Name: a.Object.Name, Part: facts.PartGate}, "whether its SidecarContainers gate is on is not known", facts.Do("kubectl sidecar doctor says more")))
		}
	}
	land := cluster.Landing(p.Spec())
	for _, n := range p.s.view.Nodes() {
		switch {
		case n.Virtual != "" || !land(n) || n.Gate == gate.On:
		case n.Gate == gate.Off || n.Gate == gate.Unsupported:
			return nil, nil
		default:
			gaps = append(gaps, facts.NewGap(facts.Nodes, facts.Instance{Kind: "Node", Name: n.Name}, "whether its SidecarContainers gate is on is not known", facts.Do("kubectl sidecar doctor says more")))
		}
	}
	if len(gaps) > 0 || len(servers.Seen) == 0 || slices.ContainsFunc(webhookStripsWorkload.Run(p.s).Findings, func(f checks.Finding) bool { return f.Object == p.object() }) {
		return nil, gaps
	}
	return []string{"every API server, and every node on which it can land, runs native sidecars"}, nil
}

// nativeInVersion is the same where no cluster is asked.
func (p *pod) nativeInVersion() (because []string, gaps []facts.Gap) {
	switch {
	case !p.s.Named:
		at := p.instance()
		return nil, []facts.Gap{facts.NewGap(facts.Workloads, at, "which versions it is meant for was not said, so whether its strategy can go is not known",
			facts.Do("name the oldest with --kubernetes-version, or let the cluster decide with --cluster"))}
	case !gate.ByDefault(p.oldest.minor):
		return nil, nil
	}
	return []string{p.oldest.evidence()}, nil
}
