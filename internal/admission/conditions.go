package admission

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	celtypes "github.com/google/cel-go/common/types"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// unknowable are the names in an expression whose value is not in the objects: what the user may
// do, the parameters and variables of a policy, and whether it is a dry run (a canary is one, a real
// pod is not).
var unknowable = []string{"authorizer", "params", "variables", "dryRun"}

// compiler is built on first use: the CEL environment costs tens of milliseconds, and most
// clusters have no matchConditions at all.
var compiler = sync.OnceValue(func() cel.ConditionCompiler {
	return cel.NewConditionCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
})

// conditions are the matchConditions of a webhook or policy.
type conditions struct {
	list []admissionregistrationv1.MatchCondition
	eval cel.ConditionEvaluator
	// byNamespace is whether an expression may ask for the namespace itself, so namespaces
	// with equal labels can differ.
	byNamespace bool
	// byUser is whether an expression asks who creates the pod.
	byUser bool
	// byPlugins is whether an expression may ask for what plug-ins of the API server add to pods.
	byPlugins bool
	// others are those of the conditions that do not ask for the user, where some do.
	others *conditions
}

func compileConditions(list []admissionregistrationv1.MatchCondition, hasParams bool) conditions {
	if len(list) == 0 {
		return conditions{}
	}
	c := conditions{list: list}
	accessors := make([]cel.ExpressionAccessor, len(list))
	for i := range list {
		accessors[i] = (*matchconditions.MatchCondition)(&list[i])
		c.byUser = c.byUser || strings.Contains(list[i].Expression, "userInfo")
		c.byNamespace = c.byNamespace || asksForNamespace(list[i].Expression)
		c.byPlugins = c.byPlugins || pluginFields.MatchString(list[i].Expression)
	}
	if c.byUser {
		c.others = withoutUser(list, hasParams)
	}
	declared := cel.OptionalVariableDeclarations{HasParams: hasParams, HasAuthorizer: true}
	c.eval = compiler().CompileCondition(accessors, declared, environment.StoredExpressions)
	return c
}

// pluginFields is in expressions that may ask for what plug-ins add, as a field or as a key.
var pluginFields = regexp.MustCompile(`(?i)volume|toleration|priorit|preemption|\[`)

// asksForNamespace errs on the side of yes: metadata can be indexed with a computed key.
func asksForNamespace(expression string) bool {
	return strings.Contains(expression, "amespace") || strings.Contains(expression, "[")
}

// match follows matchconditions.Matcher, with one difference: where that one turns an error into
// the failure policy, this one says that the call may happen. A condition that is false decides,
// unless it asks for what cannot be known here. ns is what namespaceObject means: nil for webhooks,
// as in the API server.
//
// Where an expression asks who creates the pod, it is asked for everybody in w. Where they differ, the call
// may happen, unless it is known who of them creates it. Where it is false for all of them, it was written
// for somebody else.
//
// Where an expression may ask for what plug-ins of the API server add to pods, the call is certain only if it is called
// with and without that.
func (c conditions) match(attr *admission.VersionedAttributes, ns *corev1.Namespace, w who) (call bool, maybe string) {
	if len(c.list) == 0 {
		return true, ""
	}
	call, maybe = c.matchAs(attr, ns, w)
	if !c.byPlugins {
		return call, maybe
	}
	plugged := withPlugins(attr)
	if plugged == nil {
		return call, maybe
	}
	if other, otherMaybe := c.matchAs(plugged, ns, w); other != call || otherMaybe != maybe {
		return true, "matchConditions: not the same with what plug-ins of the API server add to a pod (priority, tolerations, the volume of its token)"
	}
	return call, maybe
}

// matchAs is match for the pod as it is.
func (c conditions) matchAs(attr *admission.VersionedAttributes, ns *corev1.Namespace, w who) (call bool, maybe string) {
	call, maybe = c.matchFor(attr, ns, w.users[0])
	if !c.byUser {
		return call, maybe
	}
	anybody, by := call, w.users[0].Username == w.by
	for _, user := range w.users[1:] {
		alsoCall, alsoMaybe := c.matchFor(attr, ns, user)
		if w.by == "" && (alsoCall != call || alsoMaybe != maybe) {
			return true, fmt.Sprintf("matchConditions: not the same for %s and %s", w.users[0].Username, user.Username)
		}
		anybody = anybody || alsoCall
		if user.Username == w.by {
			call, maybe, by = alsoCall, alsoMaybe, true
		}
	}
	switch {
	case !anybody && (w.by == "" || w.by == somebody) && !c.excluded(attr, ns):
		return true, "matchConditions: they ask who creates the pod" + c.namedUsers() + ", and are false for every known creator"
	case !by && w.by != "":
		return true, "matchConditions: they ask who creates the pod, and " + w.by + " is not known"
	}
	return call, maybe
}

// namedUsers are the service accounts that the conditions name, in brackets: as a whole, or their beginning.
func (c conditions) namedUsers() string {
	named := slices.Compact(slices.Sorted(slices.Values(c.accounts())))
	if len(named) == 0 {
		return ""
	}
	return " (" + strings.Join(named, ", ") + ")"
}

// accounts are the service accounts that the conditions name.
func (c conditions) accounts() []string {
	var out []string
	for _, m := range c.list {
		out = append(out, accountsIn(m.Expression)...)
	}
	return out
}

// accountsIn are the service accounts that an expression names.
func accountsIn(expression string) []string {
	var out []string
	for _, found := range userLiteral.FindAllStringSubmatch(expression, -1) {
		out = append(out, found[1])
	}
	return out
}

// excluded reports whether a condition that does not ask for the user says no.
func (c conditions) excluded(attr *admission.VersionedAttributes, ns *corev1.Namespace) bool {
	if c.others == nil {
		return false
	}
	call, _ := c.others.matchFor(attr, ns, creators[0])
	return !call
}

// withoutUser are the conditions that do not ask for the user; nil when there are none.
func withoutUser(list []admissionregistrationv1.MatchCondition, hasParams bool) *conditions {
	var rest []admissionregistrationv1.MatchCondition
	for _, m := range list {
		if !strings.Contains(m.Expression, "userInfo") {
			rest = append(rest, m)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	out := compileConditions(rest, hasParams)
	return &out
}

// A who is everybody who may create pods, and who of them does, if that is known.
type who struct {
	users []authenticationv1.UserInfo
	by    string
}

func (c conditions) matchFor(attr *admission.VersionedAttributes, ns *corev1.Namespace, user authenticationv1.UserInfo) (call bool, maybe string) {
	request := cel.CreateAdmissionRequest(attr, metav1.GroupVersionResource(attr.GetResource()), metav1.GroupVersionKind(attr.GetKind()))
	request.UserInfo = user
	results, _, err := c.eval.ForInput(context.Background(), attr, request,
		cel.OptionalVariableBindings{}, ns, celconfig.RuntimeCELCostBudgetMatchConditions)
	if err != nil {
		return true, fmt.Sprintf("matchConditions: %v", err)
	}
	for i, r := range results {
		switch why := notKnown(c.list[i].Expression); {
		case why != "":
			maybe = fmt.Sprintf("matchCondition %q asks for %s", c.list[i].Name, why)
		case r.Error != nil:
			maybe = fmt.Sprintf("matchCondition %q: %v", c.list[i].Name, r.Error)
		case r.EvalResult == celtypes.False:
			return false, ""
		}
	}
	return true, maybe
}

func notKnown(expression string) string {
	for _, name := range unknowable {
		if strings.Contains(expression, name) {
			return name
		}
	}
	return ""
}
