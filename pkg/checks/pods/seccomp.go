package pods

import (
	"fmt"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// A container with a seccomp profile of its node cannot be created on nodes that do not have the file.

// noProfile is what containerd and CRI-O say of it.
var noProfile = regexp.MustCompile(`(?:cannot load|unable to load local|failed to load)(?: seccomp)? profile "?([^":\s]+)"?`)

// missingProfile is the file of a profile that the node does not have; "" where the words do not say so.
func missingProfile(why string) string {
	if m := noProfile.FindStringSubmatch(why); m != nil {
		return m[1]
	}
	return ""
}

// localProfile is the profile of its node that a container asks for, by itself or because the pod does; nil for none.
func (p subject) localProfile(c container) (profile *corev1.SeccompProfile, own bool) {
	local := func(s *corev1.SeccompProfile) bool { return s != nil && s.Type == corev1.SeccompProfileTypeLocalhost }
	if s := c.SecurityContext; s != nil && s.SeccompProfile != nil {
		if local(s.SeccompProfile) {
			return s.SeccompProfile, true
		}
		return nil, false
	}
	if s := p.Spec.SecurityContext; s != nil && local(s.SeccompProfile) {
		return s.SeccompProfile, false
	}
	return nil, false
}

func (p subject) profileEvidence(c container) []string {
	profile, own := p.localProfile(c)
	switch {
	case profile == nil:
		return nil
	case own:
		return []string{fmt.Sprintf("securityContext.seccompProfile of %s: Localhost %s", c.Name, ptr.Deref(profile.LocalhostProfile, ""))}
	}
	return []string{"spec.securityContext.seccompProfile: Localhost " + ptr.Deref(profile.LocalhostProfile, "")}
}

// profileSteps are nil where something else is wrong.
func (p subject) profileSteps(c container, why string) []checks.Step {
	file := missingProfile(why)
	profile, own := p.localProfile(c)
	if file == "" || profile == nil {
		return nil
	}
	out := []checks.Step{{Text: fmt.Sprintf("Put the profile where the kubelet looks for it, %s, on node %s and on every other node that the pod can go to, as a DaemonSet does; the kubelet tries again.", file, p.Spec.NodeName)}}
	instead := map[string]any{"securityContext": map[string]any{"seccompProfile": map[string]any{"type": string(corev1.SeccompProfileTypeRuntimeDefault), "localhostProfile": nil}}}
	const text = "Or use the default profile of the container runtime"
	if own {
		return append(out, p.editSteps(text, c, edit{c.Name, instead})...)
	}
	return append(out, p.specStep(text, instead))
}
