package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The components of the control plane, as kubeadm labels their static pods.
const (
	APIServer         = "kube-apiserver"
	Scheduler         = "kube-scheduler"
	controllerManager = "kube-controller-manager"
)

// A Process is one instance of a control plane component of which something was read.
type Process struct {
	Object checks.Object
	// version is as reported, v the same parsed, nil when it cannot be.
	version   string
	v         *version.Version
	emulation *version.Version
	Gate      gate.State
	Evidence  []string
	// shows is the line of evidence that has the version.
	shows string
	// proof is the one line of evidence that decides the gate: shows where the version does.
	proof string
	// probed is set when its gate was seen from outside, which counts less than flags.
	probed bool
	// pod is the static pod it runs in; nil when it is not known to run in one.
	pod *facts.ControlPlanePod
}

// effective is the version that a process behaves as; nil when it is not known.
func (p Process) effective() *version.Version { return gate.Lower(p.v, p.emulation) }

// Minor is the minor of the version that a process behaves as; 0 when it is not known.
func (p Process) Minor() int {
	if v := p.effective(); v != nil {
		return gate.Minor(v)
	}
	return 0
}

// Version is as reported; empty when it was not.
func (p Process) Version() string { return p.version }

// Sidecars is whether it keeps native sidecars: its gate, or where that was not read its default. Unknown is a
// version that is none.
func (p Process) Sidecars() gate.State { return gate.OrDefault(p.Gate, p.effective()) }

// VersionEvidence is the version of a process, quoted.
func (p Process) VersionEvidence() string { return p.shows }

// fromPod is a process of which only its static pod was seen.
func fromPod(pod *facts.ControlPlanePod) Process {
	p := Process{
		Object:  checks.Object{Kind: "Pod", Namespace: "kube-system", Name: pod.Name},
		version: pod.Version, v: gate.ParseVersion(pod.Version), emulation: gate.ParseEmulation(pod.EmulatedVersion),
		pod: pod, shows: "image version of pod " + pod.Name + ": " + prose.OrNone(pod.Version),
	}
	flags := gate.FlagReading(*pod, p.effective())
	p.Gate, p.proof = gate.StateOf(p.v, p.emulation, flags), flags.Evidence
	p.Evidence = []string{p.shows}
	if pod.EmulatedVersion != "" {
		p.Evidence = append(p.Evidence, "command line of pod "+pod.Name+": --emulated-version="+pod.EmulatedVersion)
	}
	p.Evidence = append(p.Evidence, flags.Evidence)
	return p
}

// fromAnswer is an API server of which only its answers were seen.
func fromAnswer(a facts.APIServer, name string, readings []facts.FeatureReading) Process {
	p := Process{
		Object:  checks.Object{Kind: "APIServer", Name: name},
		version: a.Version, v: gate.ParseVersion(a.Version), emulation: gate.ParseEmulation(a.Emulation),
		shows: "version: " + prose.OrNone(a.Version),
	}
	p.Evidence = []string{p.shows}
	if gate.Emulates(p.v, p.emulation) {
		p.Evidence = append(p.Evidence, "emulated version: "+a.Emulation)
	}
	p.Gate = gate.StateOf(p.v, p.emulation, readings...)
	p.probed = slices.ContainsFunc(readings, func(r facts.FeatureReading) bool { return r.Source == facts.SourceProbe })
	for _, r := range gate.ByDirectness(readings) {
		p.Evidence = append(p.Evidence, gate.Quote(r))
	}
	p.proof = p.Evidence[min(1, len(p.Evidence)-1)] // what comes next is an emulated version, else the most direct reading
	return p
}

// StaticPods are the processes of a component that run in static pods, by name.
func StaticPods(s *facts.Snapshot, component string) []Process {
	var out []Process
	for i := range s.ControlPlane {
		if s.ControlPlane[i].Component == component {
			out = append(out, fromPod(&s.ControlPlane[i]))
		}
	}
	slices.SortStableFunc(out, func(a, b Process) int { return cmp.Compare(a.Object.Name, b.Object.Name) })
	return out
}

// Having returns the processes whose gate is in one of the states.
func Having(list []Process, states ...gate.State) []Process {
	var out []Process
	for _, p := range list {
		if slices.Contains(states, p.Gate) {
			out = append(out, p)
		}
	}
	return out
}

// versions lists the versions of processes, each once: "v1.29.3, v1.30.1".
func versions(list []Process) string {
	var out []string
	for _, p := range list {
		if v := prose.OrNone(p.version); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// noGate is the gap of a process whose version leaves the gate open and whose reading is missing.
func noGate(kind facts.Kind, p Process, remedy facts.Remedy) facts.Gap {
	g := p.gap(kind, remedy)
	g.Reason = fmt.Sprintf("version %s leaves open whether the SidecarContainers gate is on", prose.OrNone(p.version))
	if p.proof != "" && p.proof != p.VersionEvidence() {
		g.Reason += "; " + p.proof
	}
	return g
}

// noVersion is the gap of a process whose version cannot be read.
func noVersion(kind facts.Kind, p Process, remedy facts.Remedy) facts.Gap {
	g := p.gap(kind, remedy)
	g.Reason = fmt.Sprintf("its version is %q, which is not a Kubernetes version", p.version)
	return g
}

// gap is a gap of the process, for its reason to be filled in.
func (p Process) gap(kind facts.Kind, remedy facts.Remedy) facts.Gap {
	return facts.Gap{
		Kind: kind, Scope: strings.ToLower(p.Object.Kind) + "/" + p.Object.Name,
		Instance: facts.Instance{Kind: p.Object.Kind, Namespace: p.Object.Namespace, Name: p.Object.Name},
	}.ClosedBy(remedy)
}
