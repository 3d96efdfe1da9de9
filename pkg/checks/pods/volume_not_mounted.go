package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var volumeName = regexp.MustCompile(`for volume "([^"]+)"|unmounted volumes=\[([^\]]+)\]`)

var volumeNotMounted = podCheck(checks.Check{
	ID:    "volume-not-mounted",
	Title: "every pod's volumes can be mounted",
	Uses:  witnessed,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if c := p.downServer(); c != nil {
		return p.unservedFinding(*c), nil
	}
	if !p.untouched() {
		return nil, nil
	}
	events := tellingFirst(p.events("FailedMount", "FailedAttachVolume", "FailedMapVolume"))
	if len(events) == 0 && p.born().below(settle) {
		return nil, nil
	}
	if len(events) == 0 {
		return nil, p.noEvents("no container has been created yet, and only events would say why")
	}
	return &checks.Finding{
		Message:  fmt.Sprintf("no container can be created, %s: %s is not mounted: %s", p.born().words(), firstVolume(events), prose.Clause(events[0].Message)),
		Evidence: append(newest(p.s.Snapshot, events, 3), p.volumeSources(events[0].Message)...),
		Steps:    p.volumeSteps(events[0].Message),
	}, nil
})

// tellingFirst puts behind the others those that only say that the kubelet has waited for long enough.
func tellingFirst(events []corev1.Event) []corev1.Event {
	slices.SortStableFunc(events, func(a, b corev1.Event) int {
		return boolInt(strings.Contains(a.Message, gaveUpWaiting)) - boolInt(strings.Contains(b.Message, gaveUpWaiting))
	})
	return events
}

// gaveUpWaiting is in what the kubelet says of all volumes that it still waits for.
const gaveUpWaiting = "unmounted volumes=["

// volumeSteps say what to do about a volume, by the words of an event.
func (p subject) volumeSteps(text string) []checks.Step {
	fix := "Create what is missing, or correct the volume in the template. Sidecars are not to blame. See the claim and the driver:"
	if strings.Contains(text, "Multi-Attach error") {
		fix = "Another node has the volume, which only one may have at a time. It is released when the pods there that use it are gone, and that node has detached it, " +
			"which takes minutes if it does not report. Sidecars are not to blame. See who has it:"
	}
	return []checks.Step{{Text: fix, Command: p.describe() + prose.Shell("\nkubectl get persistentvolumeclaims,volumeattachments -n %s", p.Namespace)}}
}

// firstVolume is the newest volume that events name.
func firstVolume(events []corev1.Event) string {
	for _, e := range events {
		if m := volumeName.FindStringSubmatch(e.Message); m != nil {
			return "volume " + m[1] + m[2]
		}
	}
	return "a volume"
}

// downServer is a sidecar that was left down, and since whose exit volumes are not mounted anymore; nil when there is
// none.
func (p subject) downServer() *container {
	if p.stopping() {
		return nil
	}
	for _, c := range p.all() {
		since, left := p.leftDown(c)
		if left && p.beside(c) && since.atLeast(settle) && len(p.mountFailures(c)) > 0 {
			return &c
		}
	}
	return nil
}

func (p subject) unservedFinding(c container) *checks.Finding {
	events := p.mountFailures(c)
	return &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("%s is not mounted since %s exited: %s", firstVolume(events), c.Name, prose.Clause(events[0].Message)),
		Evidence:  append(newest(p.s.Snapshot, events, 3), p.volumeSources(events[0].Message)...),
		Steps:     []checks.Step{{Text: "Do what sidecar-crash-looping says."}},
		Because:   []string{sidecarCrashLooping.ID},
	}
}

// untouched reports whether a pod has a node and none of its containers has been created.
func (p subject) untouched() bool {
	if p.finished() || p.deleting() || p.Spec.NodeName == "" || p.born().below(firstTries) {
		return false
	}
	for _, c := range p.all() {
		// A container that was created waits for a reason of its own.
		if c.ran() || c.reached() {
			return false
		}
	}
	return true
}

// volumeSources says what the volumes that a text names are made of.
func (p subject) volumeSources(text string) []string {
	var out []string
	for _, v := range p.Spec.Volumes {
		if !strings.Contains(text, v.Name) {
			continue
		}
		switch {
		case v.ConfigMap != nil:
			out = append(out, fmt.Sprintf("volume %s: configMap %s", v.Name, v.ConfigMap.Name))
		case v.Secret != nil:
			out = append(out, fmt.Sprintf("volume %s: secret %s", v.Name, v.Secret.SecretName))
		case v.PersistentVolumeClaim != nil:
			out = append(out, fmt.Sprintf("volume %s: persistentVolumeClaim %s", v.Name, v.PersistentVolumeClaim.ClaimName))
		case v.CSI != nil:
			out = append(out, fmt.Sprintf("volume %s: csi driver %s", v.Name, v.CSI.Driver))
		}
	}
	return out
}
