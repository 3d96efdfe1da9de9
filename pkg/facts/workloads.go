package facts

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// A WorkloadTrial is one workload (or another object with a pod template) that was created with dryRun=All, and what
// came back: a webhook can strip the template before any pod is made of it. There is one for each kind and each set
// of namespaces in which the same webhooks and policies are called for it, with a template of ours, and one for each
// distinct template of the cluster's own workloads that meets one.
type WorkloadTrial struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Resource is "deployments.apps".
	Resource string `json:"resource"`
	// Class says where, and who is called there. Its ID is "workload-1", ...
	Class Class `json:"class"`
	// Update says how an update was tried; empty for a creation.
	Update UpdateWay `json:"update,omitempty"`
	// Templates is how many workloads have this template; 0 for one of ours.
	Templates int `json:"templates,omitempty"`
	// Examples are some of them: "Deployment shop/web".
	Examples []string `json:"examples,omitempty"`
	// Canary is nil when it was not sent; a gap then says why. Sent and Returned are pods as the template
	// describes them.
	Canary *Canary `json:"canary,omitempty"`
	// Control is the same without a native sidecar; nil unless the canary was refused for what it is.
	Control *Canary `json:"control,omitempty"`
	// Bare is the same without any init container; nil unless the control was refused for what it is as well.
	Bare *Canary `json:"bare,omitempty"`
}

// UpdateWay is how the update of a workload was tried.
type UpdateWay string

const (
	// ByPatch: one label of the first example was set with dryRun=All. Sent is its template as it is.
	ByPatch UpdateWay = "patch"
	// ByReview: no workload there has a native sidecar that an update could lose. Those webhooks that see only updates
	// were called directly, about one with a native sidecar added.
	ByReview UpdateWay = "review"
)

// Instance is the trial, for gaps about it.
func (t *WorkloadTrial) Instance() Instance {
	i := Instance{Kind: t.Kind, Class: t.Class.ID, Part: PartWorkload}
	switch {
	case len(t.Examples) > 0:
		i.Name, i.More = t.Examples[0], max(t.Templates-1, 0)
	case len(t.Class.Namespaces) > 0:
		i.Namespace, i.More = t.Class.Namespaces[0], max(len(t.Class.Namespaces)-1, 0)
		i.Name = fmt.Sprintf("%s in namespace %s", t.Kind, i.Namespace)
	}
	return i
}

// WorkloadInstance is what concerns all workloads of a kind; "" is all kinds.
func WorkloadInstance(kind string) Instance { return Instance{Kind: kind, Part: PartWorkload} }

// A PodUpdate is one label of an existing pod that was set with dryRun=All, and what came of it: a webhook that
// strips the field on updates makes the API server reject every change of a label or finalizer of the pod.
type PodUpdate struct {
	// Class says where, and who is called for updates of pods there. Its ID is "update-1", ...
	Class Class `json:"class"`
	// Pod is the name of the pod in Canary's namespace; empty when there was none with a native sidecar, so its
	// webhooks were asked directly about one of ours.
	Pod string `json:"pod,omitempty"`
	// Canary has in Sent the pod as it is, in Returned as it would be stored, or the Refusal.
	Canary *Canary `json:"canary,omitempty"`
}

// Instance is the trial, for gaps about it.
func (u *PodUpdate) Instance() Instance {
	i := Instance{Kind: KindNamespaceClass, Class: u.Class.ID, Part: PartUpdate, More: max(len(u.Class.Namespaces)-1, 0)}
	if len(u.Class.Namespaces) > 0 {
		i.Namespace = u.Class.Namespaces[0]
	}
	return i
}

// UpdateInstance is what concerns all updates of pods.
var UpdateInstance = Instance{Kind: "Pod", Part: PartUpdate}

// A TemplateKind is a built-in kind of object that has a pod template.
type TemplateKind struct {
	Group, Version, Kind, Resource string
	// Path leads to the pod template.
	Path []string
}

// String is the resource as RBAC has it: "deployments.apps", "podtemplates".
func (k TemplateKind) String() string {
	if k.Group == "" {
		return k.Resource
	}
	return k.Resource + "." + k.Group
}

// APIVersion is "apps/v1", "v1".
func (k TemplateKind) APIVersion() string {
	if k.Group == "" {
		return k.Version
	}
	return k.Group + "/" + k.Version
}

// TemplateKinds are the built-in kinds that have a pod template.
var TemplateKinds = []TemplateKind{
	{"apps", "v1", "Deployment", "deployments", []string{"spec", "template"}},
	{"apps", "v1", "ReplicaSet", "replicasets", []string{"spec", "template"}},
	{"apps", "v1", "StatefulSet", "statefulsets", []string{"spec", "template"}},
	{"apps", "v1", "DaemonSet", "daemonsets", []string{"spec", "template"}},
	{"batch", "v1", "Job", "jobs", []string{"spec", "template"}},
	{"batch", "v1", "CronJob", "cronjobs", []string{"spec", "jobTemplate", "spec", "template"}},
	{"", "v1", "ReplicationController", "replicationcontrollers", []string{"spec", "template"}},
	{"", "v1", "PodTemplate", "podtemplates", []string{"template"}},
}

// CustomResources stands for all kinds of custom resources in what [SeesTemplates] says.
const CustomResources = "custom resources"

// SeesTemplates names the built-in kinds with a pod template whose creation or update the rules have, whatever else
// narrows them, and [CustomResources] where they have some of those.
func SeesTemplates(rules []admissionregistrationv1.RuleWithOperations) []string {
	return templatesIn(rules, admissionregistrationv1.Create, admissionregistrationv1.Update)
}

// CreatesTemplates is SeesTemplates of creations alone.
func CreatesTemplates(rules []admissionregistrationv1.RuleWithOperations) []string {
	return templatesIn(rules, admissionregistrationv1.Create)
}

func templatesIn(rules []admissionregistrationv1.RuleWithOperations, operations ...admissionregistrationv1.OperationType) []string {
	var out []string
	for _, k := range TemplateKinds {
		if slices.ContainsFunc(rules, func(r admissionregistrationv1.RuleWithOperations) bool {
			return has(r, k.Group, k.Version, k.Resource, operations...)
		}) {
			out = append(out, k.Kind)
		}
	}
	if slices.ContainsFunc(rules, func(r admissionregistrationv1.RuleWithOperations) bool { return seesCustom(r, operations) }) {
		out = append(out, CustomResources)
	}
	return out
}

// ownGroups are the groups of Kubernetes' own that have a dot; those without one are its own, too. Some of others end as
// these do: sparkoperator.k8s.io.
var ownGroups = []string{
	"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
	"certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io",
	"lifecycle.k8s.io", "metrics.k8s.io", "networking.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io",
	"storage.k8s.io", "storagemigration.k8s.io",
}

// seesCustom reports whether a rule has one of the operations on resources of a group that is not Kubernetes' own.
func seesCustom(r admissionregistrationv1.RuleWithOperations, operations []admissionregistrationv1.OperationType) bool {
	custom := slices.ContainsFunc(r.APIGroups, func(g string) bool {
		return g == "*" || strings.Contains(g, ".") && !slices.Contains(ownGroups, g)
	})
	return custom && hasOr(r.Operations, operations...)
}

// SeesPodCreates reports whether the rules have the creation of pods.
func SeesPodCreates(rules []admissionregistrationv1.RuleWithOperations) bool {
	return slices.ContainsFunc(rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		return has(r, "", "v1", "pods", admissionregistrationv1.Create)
	})
}

// SeesPodUpdates reports whether the rules have the update of pods.
func SeesPodUpdates(rules []admissionregistrationv1.RuleWithOperations) bool {
	return slices.ContainsFunc(rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		return has(r, "", "v1", "pods", admissionregistrationv1.Update)
	})
}

func has(r admissionregistrationv1.RuleWithOperations, group, version, resource string, operations ...admissionregistrationv1.OperationType) bool {
	return hasOr(r.APIGroups, group) && hasOr(r.APIVersions, version) && HasResource(r.Resources, resource) && hasOr(r.Operations, operations...) &&
		(r.Scope == nil || *r.Scope != admissionregistrationv1.ClusterScope)
}

// rulesOf are the rules of a policy, as a webhook has them. Names narrow them, and are left out.
func rulesOf(m *admissionregistrationv1.MatchResources) []admissionregistrationv1.RuleWithOperations {
	if m == nil {
		return nil
	}
	var out []admissionregistrationv1.RuleWithOperations
	for _, r := range m.ResourceRules {
		out = append(out, r.RuleWithOperations)
	}
	return out
}
