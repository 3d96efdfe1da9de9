package pods

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// What to do where a namespace allows less than a pod requests: what would fit is in the message.

// next is the pod that a maker would make, as far as its template tells.
func (s *scene) next(m maker) subject {
	pod := &corev1.Pod{}
	pod.Namespace = m.Namespace
	if m.template != nil {
		pod.Labels, pod.Annotations, pod.Spec = m.template.Labels, m.template.Annotations, m.template.Spec
	}
	if m.Kind == "StatefulSet" {
		pod.Name = fmt.Sprintf("%s-%d", m.Name, m.pods)
	}
	p := s.subject(pod)
	p.makers, p.unmade = []maker{m}, true
	if m.meta != nil {
		p.makers = append(p.makers, s.makersOf(m.Namespace, m.meta.OwnerReferences)...)
	}
	return p
}

// The quota's words (k8s.io/apiserver v0.36.3 pkg/admission/plugin/resourcequota/controller.go, checkRequest).
var (
	quotaExceeded = regexp.MustCompile(`exceeded quota: ([^,\s]+), requested: (\S+), used: (\S+), limited: (\S+)`)
	quotaDemands  = regexp.MustCompile(`failed quota: ([^:\s]+): must specify (.+)`)
)

// amounts reads "requests.cpu=1200m,pods=1".
func amounts(text string) map[string]resource.Quantity {
	out := map[string]resource.Quantity{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		if q, err := resource.ParseQuantity(value); err == nil {
			out[name] = q
		}
	}
	return out
}

// quotaSteps are for a quota that does not have room for the next pod: let its sidecars request less, where that is
// enough, or raise the quota to what its pods take.
func (s *scene) quotaSteps(r refusal) []checks.Step {
	m := quotaExceeded.FindStringSubmatch(r.Message)
	if m == nil {
		return nil
	}
	requested, used, limited := amounts(m[2]), amounts(m[3]), amounts(m[4])
	hard, over := map[string]string{}, map[string]resource.Quantity{}
	missing := int64(max(r.maker.wants-r.maker.pods, 1))
	for name, q := range requested {
		excess := used[name].DeepCopy()
		excess.Add(q)
		if excess.Sub(limited[name]); excess.Sign() > 0 {
			over[name] = excess
		}
		sum, more := used[name].DeepCopy(), q.DeepCopy()
		more.Mul(missing)
		if sum.Add(more); sum.Cmp(limited[name]) > 0 {
			hard[name] = sum.String()
		}
	}
	var out []checks.Step
	if missing == 1 {
		out = append(out, s.next(r.maker).lessForQuota(over)...)
	}
	if len(hard) > 0 {
		out = append(out, r.raiseQuota(m[1], hard))
	}
	return out
}

// raiseQuota has the controller try again when the raised quota is in force: changing an annotation of what makes the pods
// changes no pod, unlike a restart, which would take pods that are not refused down and needs room for one more. All
// controllers that make pods look again at what was changed (k8s.io/kubernetes v1.36.3 pkg/controller: replicaset updateRS,
// statefulset and daemon UpdateFunc, job updateJob).
func (r refusal) raiseQuota(name string, hard map[string]string) checks.Step {
	names := slices.Sorted(maps.Keys(hard))
	var sums []string
	for _, n := range names {
		sums = append(sums, n+"="+hard[n])
	}
	inForce := fmt.Sprintf("jsonpath={.status.hard.%s}=%s", strings.ReplaceAll(names[0], ".", `\.`), hard[names[0]])
	return checks.Step{
		Text: "Raise the quota to what these pods take, if you may. The controller tries again on its own, later each time; an annotation, which changes no pod, has it try at once:",
		Command: prose.Shell("kubectl patch resourcequota %s -n %s --type=merge -p %s", name, r.maker.Namespace, encode(map[string]any{"spec": map[string]any{"hard": hard}})) +
			prose.Shell("\nkubectl wait resourcequota %s -n %s --for=%s --timeout=1m", name, r.maker.Namespace, inForce) +
			prose.Shell("\nkubectl annotate %s %s -n %s --overwrite %s", r.maker.resource, r.maker.Name, r.maker.Namespace, quotaAnnotation+"="+strings.Join(sums, ",")),
	}
}

// quotaAnnotation says what a quota was raised to for the pods of an object.
const quotaAnnotation = "kubectl-sidecar.dev/quota"

// lessForQuota lowers what sidecars request, if they request enough to make up for what is too much.
func (p subject) lessForQuota(over map[string]resource.Quantity) []checks.Step {
	if len(over) == 0 {
		return nil
	}
	fields := map[string]any{}
	var from *container
	for name, excess := range over {
		list, of, ok := strings.Cut(name, ".")
		if !ok {
			list, of = "requests", name
		}
		less, known := examples[corev1.ResourceName(of)]
		c := p.greediest([]corev1.ResourceName{corev1.ResourceName(of)})
		if !known || c == nil || list != "requests" || from != nil && from.Name != c.Name {
			return nil
		}
		left := c.Resources.Requests[corev1.ResourceName(of)].DeepCopy()
		left.Sub(less)
		if left.Cmp(excess) < 0 {
			return nil
		}
		from, fields[of] = c, less.String()
	}
	return p.exampleSteps("If the sidecar needs less than it requests, lower its requests", *from, edit{from.Name, map[string]any{"resources": map[string]any{"requests": fields}}})
}

// demandSteps are for a quota of what some containers do not request: defaults for the namespace give it to all of them,
// also to those that injectors add.
func demandSteps(r refusal) []checks.Step {
	m := quotaDemands.FindStringSubmatch(r.OneLine())
	if m == nil {
		return nil
	}
	requests, limits := map[string]any{}, map[string]any{}
	for part := range strings.SplitSeq(m[2], ";") {
		names, _, _ := strings.Cut(strings.TrimSpace(part), " for: ")
		for name := range strings.SplitSeq(names, ",") {
			list, of, ok := strings.Cut(strings.TrimSpace(name), ".")
			if !ok {
				list, of = "requests", list
			}
			value, known := examples[corev1.ResourceName(of)]
			if !known {
				return nil
			}
			if list == "limits" {
				value.Add(value)
				limits[of] = value.String()
			} else {
				requests[of] = value.String()
			}
		}
	}
	item := map[string]any{"type": "Container"}
	if len(limits) > 0 {
		item["default"] = limits
	}
	if len(requests) > 0 {
		item["defaultRequest"] = requests
	}
	object := map[string]any{
		"apiVersion": "v1", "kind": "LimitRange", "metadata": map[string]any{"name": "defaults", "namespace": r.maker.Namespace},
		"spec": map[string]any{"limits": []any{item}},
	}
	return []checks.Step{{
		Text:    "Give the namespace defaults, which containers get that do not say what they need (the values are examples; injected sidecars get them, too):",
		Command: prose.Shell("echo %s | kubectl create -f -", encode(object)),
	}}
}

// The LimitRange's words (k8s.io/kubernetes v1.36.3 plugin/pkg/admission/limitranger/admission.go).
var (
	limitBound = regexp.MustCompile(`(minimum|maximum) (\S+) usage per Container is ([^\s,]+?)(?:, but|\.  No )`)
	limitRatio = regexp.MustCompile(`(\S+) max limit to request ratio per Container is ([^\s,]+), but`)
)

// limitRangeSteps set the requests and limits of the containers that are outside of what a LimitRange allows to the bound:
// the message does not name them, and the template tells.
func (s *scene) limitRangeSteps(r refusal) []checks.Step {
	p := s.next(r.maker)
	fields := map[string]map[string]map[string]any{}
	set := func(c container, list string, of corev1.ResourceName, q resource.Quantity) {
		if fields[c.Name] == nil {
			fields[c.Name] = map[string]map[string]any{}
		}
		if fields[c.Name][list] == nil {
			fields[c.Name][list] = map[string]any{}
		}
		fields[c.Name][list][string(of)] = q.String()
	}
	for _, m := range limitBound.FindAllStringSubmatch(r.Message, -1) {
		of, bound := corev1.ResourceName(m[2]), quantity(m[3])
		if bound.IsZero() {
			return nil
		}
		for _, c := range p.all() {
			c.toBound(m[1], of, bound, set)
		}
	}
	for _, m := range limitRatio.FindAllStringSubmatch(r.Message, -1) {
		ratio, err := strconv.ParseFloat(m[2], 64)
		if q := quantity(m[2]); err != nil {
			ratio = q.AsApproximateFloat64()
		}
		for _, c := range p.all() {
			c.toRatio(corev1.ResourceName(m[1]), ratio, set)
		}
	}
	var edits []edit
	var first *container
	var names []string
	for _, c := range p.all() {
		if fields[c.Name] == nil {
			continue
		}
		if p.injected(c.Name) {
			return nil
		}
		if first == nil {
			first = &c
		}
		names = append(names, c.Name)
		lists := map[string]any{}
		for list, values := range fields[c.Name] {
			lists[list] = values
		}
		edits = append(edits, edit{c.Name, map[string]any{"resources": lists}})
	}
	if first == nil {
		return nil
	}
	return p.editSteps(fmt.Sprintf("Keep %s within what the LimitRange allows", prose.List(names, "and")), *first, edits...)
}

// toBound sets what of a container is beyond a bound to it.
func (c container) toBound(which string, of corev1.ResourceName, bound resource.Quantity, set func(container, string, corev1.ResourceName, resource.Quantity)) {
	request, requests := c.Resources.Requests[of]
	limit, limits := c.Resources.Limits[of]
	if which == "maximum" {
		if !limits || limit.Cmp(bound) > 0 {
			set(c, "limits", of, bound)
		}
		if requests && request.Cmp(bound) > 0 {
			set(c, "requests", of, bound)
		}
		return
	}
	if !requests && !limits || requests && request.Cmp(bound) < 0 {
		set(c, "requests", of, bound)
	}
	if limits && limit.Cmp(bound) < 0 {
		set(c, "limits", of, bound)
	}
}

// toRatio raises the request of a container whose limit is too many times as large.
func (c container) toRatio(of corev1.ResourceName, ratio float64, set func(container, string, corev1.ResourceName, resource.Quantity)) {
	limit, request := c.Resources.Limits[of], c.Resources.Requests[of]
	if ratio <= 0 || limit.IsZero() || !request.IsZero() && limit.AsApproximateFloat64()/request.AsApproximateFloat64() <= ratio {
		return
	}
	least := int64(math.Ceil(float64(limit.MilliValue()) / ratio))
	if of != corev1.ResourceCPU {
		least = (least + 999) / 1000 * 1000
	}
	set(c, "requests", of, *resource.NewMilliQuantity(least, limit.Format))
}

// runtimeClassMissing is what the API server says of a RuntimeClass that there is not (k8s.io/kubernetes v1.36.3
// plugin/pkg/admission/runtimeclass/admission.go).
var runtimeClassMissing = regexp.MustCompile(`RuntimeClass "([^"]+)" not found`)

// noRuntimeClassSteps are for a pod that names a RuntimeClass which does not exist.
func (p subject) noRuntimeClassSteps(name string) []checks.Step {
	return []checks.Step{
		{Text: fmt.Sprintf("Create RuntimeClass %s, as whoever provides that runtime says, or correct the name in the template. See which there are:", name), Command: "kubectl get runtimeclasses"},
		p.defaultRuntimeStep(),
	}
}

// defaultRuntimeStep has the pod run with the runtime that the node runs everything else with. The overhead goes with the
// class: the API server rejects a pod that has one without the other.
func (p subject) defaultRuntimeStep() checks.Step {
	fields := map[string]any{"runtimeClassName": nil}
	if len(p.Spec.Overhead) > 0 && p.target().Kind == "Pod" {
		fields["overhead"] = nil
	}
	return p.specStep("Or run it with the default runtime of the nodes, without what the other one isolates it from", fields)
}

// allowedSteps are the changes after which the API server takes the pod, where its words tell what it would take; nil for
// any other reason.
func (s *scene) allowedSteps(r refusal) []checks.Step {
	out := slices.Concat(s.quotaSteps(r), demandSteps(r), s.limitRangeSteps(r))
	if m := runtimeClassMissing.FindStringSubmatch(r.Message); m != nil {
		out = append(out, s.next(r.maker).noRuntimeClassSteps(m[1])...)
	}
	return out
}
