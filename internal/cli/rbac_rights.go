package cli

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
)

// A right is one verb on one resource, or on one path, with all that it is for. Nothing in a role is
// there twice: what is left out of it is gone.
type right struct {
	Verb     string `json:"verb"`
	Group    string `json:"group"`
	Resource string `json:"resource"`
	Path     string `json:"path"`
	// Names are the only objects that it is needed for; none for all.
	Names []string `json:"resourceNames,omitempty"`
	Uses  []use    `json:"uses"`
	// Danger is what else somebody could do with it.
	Danger string `json:"danger"`
	// Gaps are the kinds of facts that have a gap without it; Checks those that cannot pass then, in
	// a cluster where it matters.
	Gaps   []facts.Kind `json:"gaps"`
	Checks []string     `json:"checks"`
	// kinds are what it is for, also where a gap does not show that it is missing.
	kinds []facts.Kind
}

// A use is one thing that a right is for.
type use struct {
	Why string `json:"why"`
	// Namespace is where it is needed; empty for the whole cluster.
	Namespace string `json:"namespace"`
	Optional  bool   `json:"optional"`
	// Unless is another right that makes this one unnecessary here; empty when none does.
	Unless string `json:"unless"`
}

// String is the right as people say it: "get nodes/proxy", "list jobs.batch".
func (r right) String() string {
	out := r.Verb + " " + r.Path + r.Resource
	if r.Group != "" {
		out += "." + r.Group
	}
	return out
}

// named is a rule in the same words.
func named(r collect.Rule) string {
	return right{Verb: r.Verbs[0], Path: first(r.NonResourceURLs), Group: first(r.APIGroups), Resource: first(r.Resources)}.String()
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// rights puts rules together that are the same right.
func rights(rules []collect.Rule, gaps func(collect.Rule) []facts.Kind) []right {
	var out []right
	for _, rule := range rules {
		at := slices.IndexFunc(out, func(r right) bool { return r.String() == named(rule) })
		if at < 0 {
			at = len(out)
			out = append(out, right{
				Verb: rule.Verbs[0], Path: first(rule.NonResourceURLs), Group: first(rule.APIGroups), Resource: first(rule.Resources), Names: rule.ResourceNames,
				Danger: dangers[named(rule)], Gaps: []facts.Kind{}, Checks: []string{},
			})
		}
		r := &out[at]
		r.kinds = append(r.kinds, rule.Kind)
		u := use{Why: rule.Why, Namespace: rule.Namespace, Optional: rule.Optional}
		if rule.Unless != nil {
			u.Unless = named(*rule.Unless)
		} else if !rule.NoGap {
			r.Gaps = append(r.Gaps, gaps(rule)...)
		}
		if !slices.Contains(r.Uses, u) {
			r.Uses = append(r.Uses, u)
		}
	}
	for i := range out {
		slices.SortFunc(out[i].Gaps, func(a, b facts.Kind) int {
			return cmp.Compare(slices.Index(facts.Kinds(), a), slices.Index(facts.Kinds(), b))
		})
		out[i].Gaps = slices.Compact(out[i].Gaps)
	}
	return out
}

// rule is the right as a role has it.
func (r right) rule() rbacv1.PolicyRule {
	if r.Path != "" {
		return rbacv1.PolicyRule{Verbs: []string{r.Verb}, NonResourceURLs: []string{r.Path}}
	}
	return rbacv1.PolicyRule{Verbs: []string{r.Verb}, APIGroups: []string{r.Group}, Resources: []string{r.Resource}, ResourceNames: r.Names}
}

// where is where the right is needed: a namespace when that holds for all uses.
func (r right) where() string {
	for _, u := range r.Uses {
		if u.Namespace == "" || u.Namespace != r.Uses[0].Namespace {
			return ""
		}
	}
	return r.Uses[0].Namespace
}

// optional reports whether no use of the right is indispensable.
func (r right) optional() bool {
	return !slices.ContainsFunc(r.Uses, func(u use) bool { return !u.Optional })
}

// Checks that a missing right can stop from passing, by what it shows.
var (
	ofAPIServers = []string{"apiserver-gate-off", "apiservers-disagree", "node-version-skew"}
	ofKubelets   = []string{"kubelet-gate-off", "sidecars-alpha"}
	ofBackends   = []string{"webhook-fails-open", "known-stripping-software", "injector-native-sidecars"}
	ofPolicies   = []string{
		"webhook-strips-restart-policy", "webhook-moves-restart-policy", "webhook-removes-sidecar",
		"webhook-breaks-canary", "webhook-refuses-dry-run", "webhook-strips-newer-fields",
	}
	ofRefusals  = []string{"webhook-breaks-canary"}
	ofTemplates = []string{"template-strips-restart-policy"}
	ofTrials    = append(slices.Clone(ofTemplates), "webhook-strips-newer-fields") // templates that are created carry newer fields
	ofUpdates   = []string{"webhook-breaks-pod-updates"}
	ofAdmission = slices.Concat(ofPolicies, ofTemplates, ofUpdates)
	ofShapes    = slices.Concat(ofPolicies, ofTemplates)
	ofCanaries  = append(slices.Clone(ofAdmission), "webhook-fails-open")
	ofReviews   = []string{"webhook-strips-restart-policy", "webhook-moves-restart-policy", "webhook-removes-sidecar", "webhook-strips-newer-fields"}
)

// costs are the checks that cannot pass without a right, where no other right answers the same. No code
// can derive it, since a check judges itself what it can do without: test/rights proves it, right by
// right and in both directions, on a real API server.
var costs = map[string][]string{
	"get /metrics":                         append([]string{"webhook-fails-open"}, ofAPIServers...),
	"list leases.coordination.k8s.io":      ofAPIServers,
	"list endpointslices.discovery.k8s.io": ofAPIServers,
	"list pods": slices.Concat([]string{
		"scheduler-gate-off", "controller-manager-gate-off", "gate-still-set"}, ofBackends, ofPolicies, ofUpdates),
	"patch pods": ofUpdates,
	"list nodes": {
		"kubelet-too-old", "kubelet-gate-off", "node-cannot-run-sidecars", "sidecars-alpha", "known-kubelet-bug", "node-version-skew",
		"injector-native-sidecars",
	},
	"get nodes/proxy":   ofKubelets,
	"get nodes/metrics": ofKubelets,
	"get nodes/configz": ofKubelets,
	"list namespaces":   ofCanaries,
	"list mutatingwebhookconfigurations.admissionregistration.k8s.io":     append(slices.Clone(ofCanaries), ofBackends[1:]...),
	"list mutatingadmissionpolicies.admissionregistration.k8s.io":         ofAdmission,
	"list mutatingadmissionpolicybindings.admissionregistration.k8s.io":   ofAdmission,
	"list validatingwebhookconfigurations.admissionregistration.k8s.io":   ofRefusals,
	"list validatingadmissionpolicies.admissionregistration.k8s.io":       ofRefusals,
	"list validatingadmissionpolicybindings.admissionregistration.k8s.io": ofRefusals,
	"create pods":           append(slices.Clone(ofPolicies), "webhook-fails-open"),
	"create podtemplates":   {"webhook-strips-restart-policy", "webhook-strips-newer-fields", "template-strips-restart-policy"},
	"create services/proxy": ofReviews,
	"get mutatingwebhookconfigurations.admissionregistration.k8s.io": ofReviews,
	"list deployments.apps":  ofShapes,
	"list statefulsets.apps": ofShapes,
	"list daemonsets.apps":   ofShapes,
	"list jobs.batch":        ofShapes,
	"list cronjobs.batch":    ofShapes,

	"list replicasets.apps":         ofTemplates,
	"list replicationcontrollers":   ofTemplates,
	"list podtemplates":             ofTemplates,
	"create deployments.apps":       ofTrials,
	"create replicasets.apps":       ofTrials,
	"create statefulsets.apps":      ofTrials,
	"create daemonsets.apps":        ofTrials,
	"create jobs.batch":             ofTrials,
	"create cronjobs.batch":         ofTrials,
	"create replicationcontrollers": ofTrials,

	"patch deployments.apps":       ofTemplates,
	"patch replicasets.apps":       ofTemplates,
	"patch statefulsets.apps":      ofTemplates,
	"patch daemonsets.apps":        ofTemplates,
	"patch jobs.batch":             ofTemplates,
	"patch cronjobs.batch":         ofTemplates,
	"patch replicationcontrollers": ofTemplates,
	"patch podtemplates":           ofTemplates,

	"list serviceaccounts": ofPolicies,
	"get services":         ofBackends,
	"get configmaps":       {"injector-native-sidecars"},

	"impersonate serviceaccounts":                         ofPolicies,
	"list customresourcedefinitions.apiextensions.k8s.io": {"crd-prunes-restart-policy"},
}

// clusterRights is what reading kinds needs, with that way to the kubelets.
func clusterRights(kinds []facts.Kind, way collect.KubeletWay) []right {
	read := collect.Foundations(kinds)
	return rights(collect.RulesFor(kinds, way), func(r collect.Rule) []facts.Kind {
		return slices.DeleteFunc(r.Gaps(), func(k facts.Kind) bool { return !slices.Contains(read, k) })
	})
}

// planRights is what plan needs: to know the cluster, to see its workloads, and what else means their sidecars.
func planRights(way collect.KubeletWay) []right {
	read := collect.Foundations(plan.Kinds)
	rules := slices.Concat(collect.RulesFor(plan.Kinds, way), collect.WorkloadRules(), collect.ReferenceRules())
	return rights(rules, func(r collect.Rule) []facts.Kind {
		return slices.DeleteFunc(r.Gaps(), func(k facts.Kind) bool { return k != r.Kind && !slices.Contains(read, k) })
	})
}

// readRights is what reading alone needs, of which nothing builds on anything else.
func readRights(rules []collect.Rule) []right {
	return rights(rules, func(r collect.Rule) []facts.Kind { return []facts.Kind{r.Kind} })
}

// rightsOf is what the checks need. Optional rights, which are the powerful ones, are left out when they
// tell none of the checks anything that it could not do without.
func rightsOf(list []checks.Check, way collect.KubeletWay) []right {
	out := clusterRights(kindsOf(list), way)
	for i := range out {
		for _, c := range list {
			if slices.Contains(costs[out[i].String()], c.ID) {
				out[i].Checks = append(out[i].Checks, c.ID)
			}
		}
	}
	return slices.DeleteFunc(out, func(r right) bool { return r.optional() && len(r.Checks) == 0 })
}

// asPods is what somebody can do who can create a workload.
const asPods = "RBAC cannot limit it to dry runs: whoever has it can create workloads, hence pods; this program sends dry runs only"

// asChanges is what somebody can do who can change a workload.
const asChanges = "RBAC cannot limit it to dry runs: whoever has it can change workloads, hence pods; this program sets one label in dry runs only"

// dangers says what else somebody could do with a right, where that is much more than what it is
// for: RBAC knows neither dry runs nor single paths of a kubelet.
var dangers = map[string]string{
	"get nodes/proxy": "whoever has it can run commands in every container of the cluster, with a WebSocket to port 10250 of its node, " +
		"which no admission policy and no audit log sees; and read the specification and the log of every pod. " +
		"RBAC cannot limit it to single pages. --kubelets direct needs nodes/metrics instead",
	"get nodes/metrics": "only pages with measurements; but the token goes to every kubelet that is asked, so whoever controls a node can use it until it expires",
	"create pods":       "RBAC cannot limit it to dry runs: whoever has it can create pods; this program sends dry runs only",
	"impersonate serviceaccounts": "whoever has it can do what these controllers of kube-controller-manager can: create and delete pods, and change workloads, in every " +
		"namespace; this program acts as them in dry-run creates of pods only",
	"create deployments.apps":       asPods,
	"create replicasets.apps":       asPods,
	"create statefulsets.apps":      asPods,
	"create daemonsets.apps":        asPods,
	"create jobs.batch":             asPods,
	"create cronjobs.batch":         asPods,
	"create replicationcontrollers": asPods,
	"patch deployments.apps":        asChanges,
	"patch replicasets.apps":        asChanges,
	"patch statefulsets.apps":       asChanges,
	"patch daemonsets.apps":         asChanges,
	"patch jobs.batch":              asChanges,
	"patch cronjobs.batch":          asChanges,
	"patch replicationcontrollers":  asChanges,
	"patch pods":                    "RBAC cannot limit it to dry runs: whoever has it can change pods; this program sets one label in dry runs only",
	"create services/proxy":         "whoever has it can send requests to every Service",
}
