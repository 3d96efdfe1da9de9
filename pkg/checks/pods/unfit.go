package pods

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// An unfit is a reason for which the scheduler passes nodes over, and how to see which: the words are those of the
// scheduler's plugins (k8s.io/kubernetes v1.36 pkg/scheduler/framework/plugins, ErrReason constants).
type unfit struct {
	words   []string
	meant   bool // nodes that are not for this pod, as somebody meant it; of no matter where another node only lacks room
	text    string
	command func(p subject) string
}

var unfits = []unfit{
	{[]string{"didn't match Pod's node affinity/selector"}, true,
		"Nodes lack the labels that the pod asks for, by nodeSelector or affinity. See what they have:", subject.seeLabels},
	{[]string{"had untolerated taint"}, true,
		"Tolerate the taint in the pod's template if the pod belongs there. See which nodes have which:", fixedCommand(
			"kubectl get nodes -o custom-columns=node:.metadata.name,taints:.spec.taints")},
	{[]string{"node(s) were unschedulable"}, true,
		"Nodes are cordoned. See which, and let pods on them again when their maintenance is over:", fixedCommand(
			"kubectl get nodes --field-selector spec.unschedulable=true")},
	{[]string{"Insufficient ", "Too many pods"}, false,
		"Make room for the pod, or let it request less. See what the nodes have left:", fixedCommand(
			"kubectl describe nodes | grep -A 8 'Allocated resources'")},
	{[]string{noFreePorts}, false,
		"Another pod has the hostPort on each node. See which pods use the host's ports:", fixedCommand(
			`kubectl get pods -A -o custom-columns=namespace:.metadata.namespace,pod:.metadata.name,node:.spec.nodeName,ports:.spec.containers[*].ports[*].hostPort,sidecars:.spec.initContainers[*].ports[*].hostPort`)},
	{[]string{"persistentvolumeclaim", "PersistentVolumeClaim", "volume node affinity conflict", "persistent volumes"}, false,
		"See where its volumes are, and whether they are bound:", func(p subject) string {
			return prose.Shell("kubectl get persistentvolumeclaims -n %s", p.Namespace)
		}},
	{[]string{"allocate all claims", "resourceclaim", "ResourceClaim", "resource claim"}, false,
		"The devices that its claims ask for are not free, or there are none; or a claim was not made. See its claims, their templates, and what is there:", func(p subject) string {
			return prose.Shell("kubectl get resourceclaims,resourceclaimtemplates -n %s\nkubectl get resourceslices", p.Namespace)
		}},
	{[]string{"anti-affinity", "pod affinity rules", "topology spread constraints"}, false,
		"The pod's rules about other pods leave no node. See where they run:", func(p subject) string {
			return prose.Shell("kubectl get pods -n %s -o wide --show-labels", p.Namespace)
		}},
}

func fixedCommand(command string) func(subject) string {
	return func(subject) string { return command }
}

// seeLabels shows the labels that the pod selects nodes by, or all.
func (p subject) seeLabels() string {
	keys := slices.Sorted(maps.Keys(p.Spec.NodeSelector))
	if a := p.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			for _, r := range term.MatchExpressions {
				keys = prose.AddOnce(keys, r.Key)
			}
		}
	}
	if len(keys) == 0 {
		return "kubectl get nodes --show-labels"
	}
	return prose.Shell("kubectl get nodes -L %s", strings.Join(keys, ","))
}

// unfitSteps are what to look at for the reasons that the scheduler gives.
func (p subject) unfitSteps(text string) []checks.Step {
	var out []checks.Step
	given := slices.DeleteFunc(slices.Clone(unfits), func(u unfit) bool { return !u.in(text) })
	onlyMeant := !slices.ContainsFunc(given, func(u unfit) bool { return !u.meant })
	for _, u := range given {
		if !u.meant || onlyMeant {
			out = append(out, checks.Step{Text: u.text, Command: u.command(p)})
		}
	}
	if len(out) == 0 {
		out = append(out, checks.Step{
			Text:    "See what the scheduler says of the nodes:",
			Command: prose.Shell("kubectl describe pod %s -n %s", p.Name, p.Namespace),
		})
	}
	return out
}

func (u unfit) in(text string) bool {
	return slices.ContainsFunc(u.words, func(words string) bool { return strings.Contains(text, words) })
}
