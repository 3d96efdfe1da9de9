package pods

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// A static pod is made by its kubelet from a file. What the API server shows is a mirror: it cannot be changed, and when
// it is deleted, the containers run on and the kubelet shows them again.

// static reports whether the pod is one.
func (p subject) static() bool {
	_, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]
	return mirror
}

// inManifest is where a static pod is changed.
func (p subject) inManifest() string {
	return fmt.Sprintf("%s is a static pod, which can be changed only in its manifest on node %s "+
		"(staticPodPath of the kubelet, usually /etc/kubernetes/manifests); the kubelet then creates it anew", p.Name, p.Spec.NodeName)
}

// staticSteps are the edits of a container of a static pod.
func (p subject) staticSteps(c container, edits []edit) []checks.Step {
	return []checks.Step{{Text: p.inManifest() + ":", Command: snippet(c, edits), Language: checks.YAML}}
}

// recreateStatic creates a static pod anew.
func (p subject) recreateStatic(text string) checks.Step {
	return checks.Step{Text: fmt.Sprintf("%s. %s is a static pod: move its manifest on node %s out of the kubelet's staticPodPath (usually /etc/kubernetes/manifests), "+
		"wait until the pod is gone, and move it back.", text, p.Name, p.Spec.NodeName)}
}
