package facts

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// impossibleName is an error about the first name in the snapshot that no cluster would have.
func (s *Snapshot) impossibleName() error {
	var n names
	n.infrastructure(s)
	n.admission(s)
	n.pods(s)
	n.workloads(s)
	n.network(s)
	return n.err
}

func (n *names) infrastructure(s *Snapshot) {
	for i := range s.APIServerLeases {
		n.object("Lease", &s.APIServerLeases[i].ObjectMeta, subdomain)
	}
	for _, p := range s.ControlPlane {
		n.is(subdomain, "ControlPlane", "the name", p.Name)
		n.is(label, "ControlPlane "+quoteShort(p.Name), "the component", p.Component)
		n.is(subdomain, "ControlPlane "+quoteShort(p.Name), "the node", p.Node)
	}
	for i := range s.Nodes {
		n.object("Node", &s.Nodes[i].ObjectMeta, subdomain)
	}
	for _, name := range s.GoneNodes {
		n.is(subdomain, "goneNodes", "the name", name)
	}
	for _, k := range s.Kubelets {
		n.is(subdomain, "the reading of a kubelet", "the node", k.Instance)
	}
	for i := range s.Namespaces {
		n.object("Namespace", &s.Namespaces[i].ObjectMeta, label)
	}
	for _, c := range s.CustomResourceDefinitions {
		n.is(subdomain, "CustomResourceDefinition", "the name", c.Name)
		n.is(subdomain, "CustomResourceDefinition "+c.Name, "the group", c.Group)
		n.is(kindName, "CustomResourceDefinition "+c.Name, "the kind", c.Kind)
		for _, v := range c.Versions {
			n.is(label, "CustomResourceDefinition "+c.Name, "the version", v.Name)
		}
	}
}

func (n *names) admission(s *Snapshot) {
	for i := range s.MutatingWebhooks {
		c := &s.MutatingWebhooks[i]
		what := n.object("MutatingWebhookConfiguration", &c.ObjectMeta, subdomain)
		for _, w := range c.Webhooks {
			n.is(subdomain, what, "the webhook", w.Name)
		}
	}
	for _, p := range s.MutatingPolicies {
		n.is(subdomain, "MutatingAdmissionPolicy", "the name", p.Name)
		for _, b := range p.Bindings {
			n.is(subdomain, "MutatingAdmissionPolicy "+p.Name, "the binding", b)
		}
	}
	n.validating(s)
	for i := range s.Classes {
		n.class(&s.Classes[i])
	}
	for i := range s.Canaries {
		n.canary(&s.Canaries[i])
	}
	for i := range s.Workloads {
		w := &s.Workloads[i]
		n.is(kindName, "the trial "+quoteShort(w.Class.ID), "the kind", w.Kind)
		n.is(subdomain, "the trial "+quoteShort(w.Class.ID), "the resource", w.Resource)
		n.class(&w.Class)
		n.canary(w.Canary)
		n.canary(w.Control)
		n.canary(w.Bare)
	}
	for i := range s.PodUpdates {
		u := &s.PodUpdates[i]
		n.is(subdomain, "the trial "+quoteShort(u.Class.ID), "the pod", u.Pod)
		n.class(&u.Class)
		n.canary(u.Canary)
	}
	for _, w := range s.WebhookCalls {
		n.is(configured, "the calls of a webhook", "the webhook", w.Webhook)
	}
	for _, b := range s.WebhookBackends {
		n.is(configured, "the backend of a webhook", "the webhook", b.Webhook)
	}
}

func (n *names) validating(s *Snapshot) {
	for i := range s.ValidatingWebhooks {
		c := &s.ValidatingWebhooks[i]
		what := n.object("ValidatingWebhookConfiguration", &c.ObjectMeta, subdomain)
		for _, w := range c.Webhooks {
			n.is(subdomain, what, "the webhook", w.Name)
		}
	}
	for _, p := range s.ValidatingPolicies {
		n.is(subdomain, "ValidatingAdmissionPolicy", "the name", p.Name)
		for _, b := range slices.Concat(p.Bindings, p.Advising) {
			n.is(subdomain, "ValidatingAdmissionPolicy "+p.Name, "the binding", b)
		}
	}
}

func (n *names) class(c *Class) {
	what := "class " + quoteShort(c.ID)
	for _, name := range c.Namespaces {
		n.is(label, what, "the namespace", name)
	}
	for _, w := range c.Webhooks {
		n.is(configured, what, "the webhook", w)
	}
	for _, p := range c.Policies {
		n.is(subdomain, what, "the policy", p)
	}
	for _, v := range c.Validating {
		n.is(validator, what, "the validating webhook or policy", v.Called)
	}
}

func (n *names) canary(c *Canary) {
	if c == nil {
		return
	}
	what := "the canary of class " + quoteShort(c.Class)
	n.is(label, what, "the namespace", c.Namespace)
	for _, p := range []*corev1.Pod{c.Sent, c.Returned} {
		if p != nil {
			n.podSpec(what, &p.Spec)
		}
	}
	for _, r := range c.Reviews {
		n.is(configured, what, "the webhook", r.Webhook)
	}
	for _, e := range c.Exempted {
		n.is(configured, what, "the webhook", e.Webhook)
	}
}

// configured is the rule for "configuration/webhook". A configuration that is older than
// admissionregistration/v1 may have webhooks whose names have less than three segments.
func configured(s string) []string {
	configuration, webhook, _ := strings.Cut(s, "/")
	return append(subdomain(configuration), subdomain(webhook)...)
}

// validator is the rule for "configuration/webhook", and for the name of a policy.
func validator(s string) []string {
	if strings.Contains(s, "/") {
		return configured(s)
	}
	return subdomain(s)
}

func (n *names) pods(s *Snapshot) {
	for i := range s.Pods {
		what := n.object("Pod", &s.Pods[i].ObjectMeta, subdomain)
		n.podSpec(what, &s.Pods[i].Spec)
		nameless := slices.ContainsFunc(slices.Concat(s.Pods[i].Spec.InitContainers, s.Pods[i].Spec.Containers), func(c corev1.Container) bool { return c.Name == "" })
		if nameless && !manifest(&s.Pods[i]) && n.err == nil {
			n.err = fmt.Errorf("%s: a container without a name cannot come from a cluster", what)
		}
	}
	for i := range s.Events {
		e := &s.Events[i]
		// The API server wants of an event's name only that it fits into a path.
		n.is(label, "Event "+quoteShort(e.Name), "the namespace", e.Namespace)
		n.is(label, "Event "+quoteShort(e.Name), "the namespace of what it is about", e.InvolvedObject.Namespace)
	}
	for _, l := range s.Logs {
		n.is(label, "a log", "the namespace", l.Namespace)
		n.is(subdomain, "a log", "the pod", l.Pod)
		n.is(label, "a log", "the container", l.Container)
	}
}

func (n *names) workloads(s *Snapshot) {
	add := func(kind string, m *metav1.ObjectMeta, t *corev1.PodTemplateSpec) {
		n.template(n.object(kind, m, subdomain), t)
	}
	for i := range s.Deployments {
		add("Deployment", &s.Deployments[i].ObjectMeta, &s.Deployments[i].Spec.Template)
	}
	for i := range s.ReplicaSets {
		add("ReplicaSet", &s.ReplicaSets[i].ObjectMeta, &s.ReplicaSets[i].Spec.Template)
	}
	for i := range s.StatefulSets {
		add("StatefulSet", &s.StatefulSets[i].ObjectMeta, &s.StatefulSets[i].Spec.Template)
	}
	for i := range s.DaemonSets {
		add("DaemonSet", &s.DaemonSets[i].ObjectMeta, &s.DaemonSets[i].Spec.Template)
	}
	for i := range s.Jobs {
		add("Job", &s.Jobs[i].ObjectMeta, &s.Jobs[i].Spec.Template)
	}
	for i := range s.CronJobs {
		add("CronJob", &s.CronJobs[i].ObjectMeta, &s.CronJobs[i].Spec.JobTemplate.Spec.Template)
	}
	for _, w := range s.CustomWorkloads {
		// What is in the template is a matter of the CRD's schema, which may allow everything.
		what := w.Kind + " " + quoteShort(w.Name)
		n.is(kindName, "an object with a pod template", "the kind", w.Kind)
		n.is(subdomain, what, "the name", w.Name)
		n.is(label, what, "the namespace", w.Namespace)
		if !possible(w.APIVersion, w.Kind, w.Name) {
			n.is(never, what, "the apiVersion", w.APIVersion)
		}
	}
}

func (n *names) network(s *Snapshot) {
	for i := range s.Services {
		what := n.object("Service", &s.Services[i].ObjectMeta, label)
		for _, p := range s.Services[i].Spec.Ports {
			n.is(label, what, "the port", p.Name)
		}
	}
	for i := range s.EndpointSlices {
		n.object("EndpointSlice", &s.EndpointSlices[i].ObjectMeta, subdomain)
	}
}
