package pods

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A rollout is what keeps a changed template from reaching the pods of an owner.
type rollout struct {
	// paused is that nothing is rolled out; manual that a pod gets the new template only when somebody deletes it.
	paused, manual bool
	// surges is that a Deployment starts a new pod before it stops an old one, selector by which labels it knows its pods.
	surges   bool
	selector string
	// partition is from which ordinal on pods get the new template.
	partition int32
}

func (m *maker) rollsOutDeployment(d *appsv1.DeploymentSpec) {
	m.rollout.paused = d.Paused
	if d.Selector != nil {
		m.rollout.selector = metav1.FormatLabelSelector(d.Selector)
	}
	if d.Strategy.Type != appsv1.RecreateDeploymentStrategyType {
		r := d.Strategy.RollingUpdate
		m.rollout.surges = r == nil || r.MaxSurge == nil || *r.MaxSurge != intstr.FromInt32(0) && *r.MaxSurge != intstr.FromString("0%")
	}
}

func (m *maker) rollsOutStatefulSet(s *appsv1.StatefulSetUpdateStrategy) {
	m.rollout.manual = s.Type == appsv1.OnDeleteStatefulSetStrategyType
	if s.RollingUpdate != nil {
		m.rollout.partition = ptr.Deref(s.RollingUpdate.Partition, 0)
	}
}

// heldBackFrom is the ordinal of the pod where a partition keeps the template of its StatefulSet from it.
func (p subject) heldBackFrom(m maker) (ordinal int32, is bool) {
	n, err := strconv.ParseInt(p.Name[strings.LastIndex(p.Name, "-")+1:], 10, 32)
	return int32(n), m.Kind == "StatefulSet" && err == nil && m.rollout.partition > int32(n)
}

// delivery is what it takes after the change of a template for the pod to get it, as commands.
func (p subject) delivery(m maker) []string {
	deletion := []string{prose.Shell("kubectl delete pod %s -n %s", p.Name, m.Namespace)}
	switch {
	case p.unmade:
		deletion = nil
	case p.finished(): // its owner may be quicker
		deletion[0] += " --ignore-not-found"
	}
	switch m.Kind {
	case "Deployment":
		var out []string
		if m.rollout.paused {
			out = append(out, prose.Shell("kubectl rollout resume deployment %s -n %s", m.Name, m.Namespace))
		}
		if p.finished() && !p.unmade { // nobody else deletes what has failed for good
			out = append(out, prose.Shell("kubectl delete pods -n %s -l %s --field-selector status.phase=Failed", m.Namespace, cmp.Or(m.rollout.selector, labels.FormatLabels(p.Labels))))
		}
		return out
	case "DaemonSet":
		if m.rollout.manual {
			return deletion
		}
	case "CronJob":
		if len(p.makers) > 1 {
			return []string{prose.Shell("kubectl delete job %s -n %s", p.makers[0].Name, m.Namespace)}
		}
	case "StatefulSet", "ReplicaSet":
		// Neither replaces a pod that is not ready on its own.
		if ordinal, held := p.heldBackFrom(m); held {
			patch := fmt.Sprintf(`{"spec":{"updateStrategy":{"rollingUpdate":{"partition":%d}}}}`, ordinal)
			return append([]string{prose.Shell("kubectl patch statefulset %s -n %s --type=merge -p %s", m.Name, m.Namespace, patch)}, deletion...)
		}
		return deletion
	}
	return nil
}

// deliveryHarm says what these commands do, before they are run.
func (p subject) deliveryHarm(m maker) []string {
	which := "second"
	switch m.Kind {
	case "Deployment":
		var out []string
		if m.rollout.paused {
			out, which = append(out, "Its rollout is paused: the second command resumes it, with whatever else has been changed since"), "third"
		}
		if p.finished() && !p.unmade {
			out = append(out, fmt.Sprintf("The %s command deletes its pods that have failed for good", which))
		}
		return out
	case "DaemonSet":
		if !m.rollout.manual {
			return nil
		}
	case "StatefulSet":
		if ordinal, held := p.heldBackFrom(m); held {
			which = "third"
			text := fmt.Sprintf("Its partition (%d) keeps the change from pods below that number: the second command lowers it to %d, so all pods from there on get the new template", m.rollout.partition, ordinal)
			return append([]string{text}, p.deletionHarm(m, which)...)
		}
	case "ReplicaSet":
	default:
		return nil
	}
	return p.deletionHarm(m, which)
}

func (p subject) deletionHarm(m maker, which string) []string {
	if p.unmade {
		return nil
	}
	lead := "The"
	if m.Kind == "DaemonSet" {
		lead = "The DaemonSet replaces no pod on its own (updateStrategy: OnDelete): the"
	}
	return []string{fmt.Sprintf("%s %s command deletes pod %s%s and the %s creates it again", lead, which, p.Name, cmp.Or(p.lost(), ","), m.Kind)}
}
