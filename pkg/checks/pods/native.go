package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// Where a native sidecar is not known as one, it is worse than what it replaces: a plain init container that never
// exits. So one place decides whether the next pod of an owner can have one, and every step that makes or moves a
// native sidecar asks it.

// versioned is what that is decided by.
var versioned = []facts.Kind{facts.Nodes, facts.Kubelets, facts.APIServers, facts.ControlPlane}

// A support is whether native sidecars run where the next pod of an owner can: yes, no because, or not known because.
type support struct {
	// lacks are the API servers and nodes that do not run them; none for yes and not known.
	lacks []lack
	// others is that other nodes the pod can go to do run them.
	others bool
	// open is what was not seen; empty where the answer is known.
	open string
}

// A lack is one API server or node that does not run native sidecars. page is the check that says what to do about it.
type lack struct{ what, page string }

// ofServer reports whether it is an API server, which drops the field, and not a node.
func (l lack) ofServer() bool {
	return l.page == checks.APIServerTooOld || l.page == checks.APIServerGateOff
}

// skew is by how many minor versions a kubelet may be older than its API server, which is never older than any kubelet
// (https://kubernetes.io/releases/version-skew-policy/). From 1.28 on it is three; what was two before does not matter.
const skew = 3

func (p subject) native() support {
	var out support
	for _, a := range p.s.cluster.APIServers().Seen {
		out.addServer(a)
	}
	var seen []cluster.Node
	canLand := p.landing()
	for _, n := range p.s.cluster.Nodes() {
		if canLand(n) {
			seen = append(seen, n)
			out.addNode(n)
		}
	}
	if len(out.lacks) == 0 {
		out.open = p.unseen(seen, p.s.newestMinor())
	}
	return out
}

func (s *support) addServer(a cluster.Process) {
	name := "API server " + prose.OrNone(a.Version())
	switch a.Sidecars() {
	case gate.Unsupported:
		s.add(name+" does not know them", checks.APIServerTooOld)
	case gate.Off:
		s.add(name+" has the SidecarContainers gate off", checks.APIServerGateOff)
	}
}

func (s *support) addNode(n cluster.Node) {
	name := fmt.Sprintf("kubelet %s of node %s", prose.OrNone(n.Status.NodeInfo.KubeletVersion), n.Name)
	switch state := n.Sidecars(); {
	case n.Virtual != "":
		s.add(fmt.Sprintf("node %s is a virtual one (%s)", n.Name, n.Virtual), checks.NodeCannotRunSidecars)
	case state == gate.Unsupported:
		s.add(name+" does not know them", checks.KubeletTooOld)
	case state == gate.Off && n.Gate == gate.Unknown:
		s.add(name+" has the SidecarContainers gate off by default", checks.KubeletGateOff)
	case state == gate.Off:
		s.add(name+" has the SidecarContainers gate off", checks.KubeletGateOff)
	case state == gate.On:
		s.others = true
	}
}

func (s *support) add(what, page string) {
	if l := (lack{what, page}); !slices.Contains(s.lacks, l) {
		s.lacks = append(s.lacks, l)
	}
}

// unseen is what would have to be known of API servers and nodes, of which none was seen that does not run native
// sidecars; empty when that is known. seen are the nodes that the pod can go to, newest is the newest minor version of
// anything.
func (p subject) unseen(seen []cluster.Node, newest int) string {
	switch unread := slices.IndexFunc(seen, func(n cluster.Node) bool { return n.Sidecars() == gate.Unknown }); {
	case unread >= 0:
		return "the version of node " + seen[unread].Name + " was not seen"
	case newest <= gate.FirstMinor && !p.s.keepsSidecars():
		return "the version of this cluster was not seen"
	case newest >= gate.FirstMinor+1+skew, p.pinned() && len(seen) > 0, len(seen) > 0 && p.s.listsNodes():
		return ""
	case len(seen) == 0:
		return "the nodes were not seen"
	}
	return fmt.Sprintf("node %s has %s, other nodes were not seen", seen[0].Name, seen[0].Status.NodeInfo.KubeletVersion)
}

// keepsSidecars reports whether the API server has stored a native sidecar.
func (s *scene) keepsSidecars() bool {
	return slices.ContainsFunc(s.Pods, func(p corev1.Pod) bool {
		return slices.ContainsFunc(p.Spec.InitContainers, func(c corev1.Container) bool { return facts.RestartsAlways(&c) })
	})
}

// listsNodes reports whether all nodes were read, not only those of pods.
func (s *scene) listsNodes() bool {
	if len(s.GapsOf(facts.Nodes, "")) > 0 {
		return false
	}
	return s.Has(facts.Kubelets) || slices.ContainsFunc(s.Nodes, func(n corev1.Node) bool {
		return !slices.ContainsFunc(s.Pods, func(p corev1.Pod) bool { return p.Spec.NodeName == n.Name })
	})
}

// pinned reports whether the template names the node of its pods.
func (p subject) pinned() bool { return p.pinnedTo() != "" }

func (p subject) pinnedTo() string {
	if m := p.target(); m.Kind != "Pod" && m.template != nil {
		return m.template.Spec.NodeName
	}
	return ""
}

// landing reports whether the next pod of the owner can go to a node, as far as its name, labels and taints tell. Taints
// that say how a node is now, not what it is for, do not count.
func (p subject) landing() func(cluster.Node) bool {
	lands := cluster.Landing(&p.Spec)
	return func(n cluster.Node) bool {
		switch {
		case n.Name == p.Spec.NodeName:
			return true
		case p.pinned():
			return n.Name == p.pinnedTo()
		}
		return lands(n)
	}
}

// conditions are what has to hold for a fix with a native sidecar, and was not seen.
func (s support) conditions() []string {
	if s.open == "" {
		return nil
	}
	return []string{"This needs Kubernetes 1.29 or later in API servers and nodes (" + s.open + ")"}
}

// warnings are what keeps a native sidecar from running where one was meant to be from the beginning. API servers are
// not among it: the steps before say what to do about one that drops the field.
func (s support) warnings() []string {
	nodes := slices.DeleteFunc(slices.Clone(s.lacks), lack.ofServer)
	if len(nodes) == 0 {
		return nil
	}
	return []string{"Native sidecars do not run everywhere the pod can go: " + whats(nodes) + ". Upgrade that first, or keep the pod away from there"}
}

func whats(list []lack) string {
	var out []string
	for _, l := range list {
		out = append(out, l.what)
	}
	return prose.Some(out, 3)
}

// makesNative reports whether edits make a native sidecar of a container.
func makesNative(edits []edit) bool {
	return slices.ContainsFunc(edits, func(e edit) bool {
		return e.fields["restartPolicy"] == string(corev1.ContainerRestartPolicyAlways)
	})
}
