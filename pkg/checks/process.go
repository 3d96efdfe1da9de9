package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// The components of the control plane, as kubeadm labels their static pods.
const (
	apiServer         = "kube-apiserver"
	scheduler         = "kube-scheduler"
	controllerManager = "kube-controller-manager"
)

// A process is one instance of a control plane component of which something was read.
type process struct {
	object Object
	// version is as reported, v the same parsed, nil when it cannot be.
	version   string
	v         *version.Version
	emulation *version.Version
	gate      Gate
	evidence  []string
	// proof is the one line of evidence that decides the gate.
	proof string
	// probed is that its gate was seen from outside, which counts less than flags.
	probed bool
	// pod is the static pod it runs in; nil when it is not known to run in one.
	pod *facts.ControlPlanePod
}

// effective is the version that a process behaves as; nil when it is not known.
func (p process) effective() *version.Version { return lower(p.v, p.emulation) }

// fromPod is a process of which only its static pod was seen.
func fromPod(pod *facts.ControlPlanePod) process {
	p := process{
		object:  Object{Kind: "Pod", Namespace: "kube-system", Name: pod.Name},
		version: pod.Version, v: parseVersion(pod.Version), emulation: parseEmulation(pod.EmulatedVersion),
		pod: pod,
	}
	flags := flagReading(*pod, p.effective())
	p.gate, p.proof = JudgeGate(p.v, p.emulation, flags), flags.Evidence
	p.evidence = []string{"image version of pod " + pod.Name + ": " + orNone(pod.Version)}
	if pod.EmulatedVersion != "" {
		p.evidence = append(p.evidence, "command line of pod "+pod.Name+": --emulated-version="+pod.EmulatedVersion)
	}
	p.evidence = append(p.evidence, flags.Evidence)
	return p
}

// fromAnswer is an API server of which only its answers were seen.
func fromAnswer(a facts.APIServer, name string, readings []facts.FeatureReading) process {
	p := process{
		object:  Object{Kind: "APIServer", Name: name},
		version: a.Version, v: parseVersion(a.Version), emulation: parseEmulation(a.Emulation),
		evidence: []string{"version: " + orNone(a.Version)},
	}
	if emulates(p.v, p.emulation) {
		p.evidence = append(p.evidence, "emulated version: "+a.Emulation)
	}
	p.gate = JudgeGate(p.v, p.emulation, readings...)
	p.probed = slices.ContainsFunc(readings, func(r facts.FeatureReading) bool { return r.Source == facts.SourceProbe })
	for _, r := range byDirectness(readings) {
		p.evidence = append(p.evidence, quote(r))
	}
	p.proof = p.evidence[min(1, len(p.evidence)-1)]
	return p
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// staticPods are the processes of a component that run in static pods, by name.
func staticPods(s *facts.Snapshot, component string) []process {
	var out []process
	for i := range s.ControlPlane {
		if s.ControlPlane[i].Component == component {
			out = append(out, fromPod(&s.ControlPlane[i]))
		}
	}
	slices.SortStableFunc(out, func(a, b process) int { return cmp.Compare(a.object.Name, b.object.Name) })
	return out
}

// having returns the processes whose gate is in one of the states.
func having(list []process, states ...Gate) []process {
	var out []process
	for _, p := range list {
		if slices.Contains(states, p.gate) {
			out = append(out, p)
		}
	}
	return out
}

// versions lists the versions of processes, each once: "v1.29.3, v1.30.1".
func versions(list []process) string {
	var out []string
	for _, p := range list {
		if v := orNone(p.version); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// noGate is the gap of a process whose version leaves the gate open and whose reading is missing.
func noGate(kind facts.Kind, p process, remedy string) facts.Gap {
	g := p.gap(kind, remedy)
	g.Reason = fmt.Sprintf("version %s leaves open whether the SidecarContainers gate is on", orNone(p.version))
	if p.proof != "" && p.proof != p.evidence[0] {
		g.Reason += "; " + p.proof
	}
	return g
}

// noVersion is the gap of a process whose version cannot be read.
func noVersion(kind facts.Kind, p process, remedy string) facts.Gap {
	g := p.gap(kind, remedy)
	g.Reason = fmt.Sprintf("its version is %q, which is no version of Kubernetes", p.version)
	return g
}

func (p process) gap(kind facts.Kind, remedy string) facts.Gap {
	return facts.Gap{Kind: kind, Scope: strings.ToLower(p.object.Kind) + "/" + p.object.Name, Remedy: remedy}
}
