package collect

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// access remembers what the caller is allowed to do. A right that could not be asked about is assumed:
// the request itself will tell.
type access struct {
	mu      sync.Mutex
	answers map[string]*answer
	// everything is set when the caller may do everything with every resource, so that single rights need no review.
	everything bool
	// stranger is set when the API server did not let the caller ask because it does not know
	// who that is.
	stranger error
}

type answer struct {
	once    sync.Once
	allowed bool
	reason  string
}

func newAccess() *access { return &access{answers: map[string]*answer{}} }

// anything is the right of an administrator.
var anything = Rule{PolicyRule: rule("*", "*", "*")}

// worthAsking is how many reviews the one for everything must save: it costs those who are no administrators a request.
const worthAsking = 4

// askAll asks for all rules at once, so later calls of may cost nothing. It returns an error
// when the API server does not know who asks: then no answer means anything.
func (c *collector) askAll(ctx context.Context, rules []Rule) error {
	if len(rules) >= worthAsking {
		status, err := c.reviewed(ctx, anything.review())
		c.access.mu.Lock()
		c.access.everything = err == nil && status.Allowed
		c.access.mu.Unlock()
	}
	var wg sync.WaitGroup
	for _, r := range rules {
		wg.Go(func() { c.may(ctx, r) })
	}
	wg.Wait()
	c.access.mu.Lock()
	defer c.access.mu.Unlock()
	return c.access.stranger
}

// all reports whether the caller may do everything with every resource.
func (a *access) all() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.everything
}

// may reports whether the caller has a right, and what the server said if not. It asks once.
func (c *collector) may(ctx context.Context, r Rule) (bool, string) {
	c.access.mu.Lock()
	if c.access.everything && !r.single() {
		c.access.mu.Unlock()
		return true, ""
	}
	a := c.access.answers[r.String()]
	if a == nil {
		a = &answer{}
		c.access.answers[r.String()] = a
	}
	c.access.mu.Unlock()
	a.once.Do(func() { a.allowed, a.reason = c.ask(ctx, r) })
	return a.allowed, a.reason
}

// ask sends one access review.
func (c *collector) ask(ctx context.Context, r Rule) (bool, string) {
	status, err := c.reviewed(ctx, r.review())
	if err != nil {
		c.access.notice(c.base, err)
		return true, ""
	}
	return status.Allowed, status.Reason
}

// single reports whether a right is asked about by itself, also by who may do everything: other authorizers than RBAC keep
// such from administrators (those of managed clusters the kubelets), or it is about no resource.
func (r Rule) single() bool {
	return len(r.NonResourceURLs) > 0 || r.Kind == facts.Kubelets
}

// reviewed is what the API server says of one access review.
func (c *collector) reviewed(ctx context.Context, spec authorizationv1.SelfSubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
	ctx, cancel := c.reading(ctx)
	defer cancel()
	got, err := c.client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		return authorizationv1.SubjectAccessReviewStatus{}, err
	}
	return got.Status, nil
}

// notice checks whether an access review failed because of who asks.
func (a *access) notice(server *url.URL, err error) {
	refusal, ok := answered(err)
	if !ok {
		return
	}
	e := &UnreachableError{Server: serverURL(server), Err: err}
	switch {
	case refusal.Code == http.StatusUnauthorized:
		e.Problem, e.Hint = unreachableAnswer(refusal)
	case refusal.Code == http.StatusForbidden && strings.Contains(refusal.Message, `"system:anonymous"`):
		e.Problem = "it takes you for system:anonymous, because the kubeconfig's user has no credentials"
		e.Hint = hintServer
	default:
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stranger = e
}

// forbidden records one gap and returns true when the caller lacks a right.
func (c *collector) forbidden(ctx context.Context, r Rule, about facts.Instance) bool {
	ok, reason := c.may(ctx, r)
	if ok {
		return false
	}
	text := fmt.Sprintf("you are not allowed to %s %s", r.Verbs[0], r.object())
	if reason != "" {
		text += ": " + oneLine(reason)
	}
	c.gap(r.Kind, about, text, r.remedy())
	return true
}

// review is the rule as a question.
func (r Rule) review() authorizationv1.SelfSubjectAccessReviewSpec {
	if len(r.NonResourceURLs) > 0 {
		return authorizationv1.SelfSubjectAccessReviewSpec{
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: r.NonResourceURLs[0], Verb: r.Verbs[0]},
		}
	}
	resource, subresource, _ := strings.Cut(r.Resources[0], "/")
	return authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: r.Verbs[0], Group: r.APIGroups[0], Resource: resource, Subresource: subresource, Namespace: r.Namespace,
			Name: strings.Join(r.ResourceNames, ","), // a right that is asked about has one
		},
	}
}

// In returns the same right for one namespace.
func (r Rule) In(namespace string) Rule {
	r.Namespace = namespace
	return r
}

// object is what the rule is about, for people: "leases.coordination.k8s.io in namespace kube-system".
func (r Rule) object() string {
	if len(r.NonResourceURLs) > 0 {
		return r.NonResourceURLs[0]
	}
	out := r.Resources[0]
	if r.APIGroups[0] != "" {
		out += "." + r.APIGroups[0]
	}
	if r.Namespace != "" {
		out += " in namespace " + r.Namespace
	}
	return out
}

// String is the rule as in a role's YAML, in one line, with where it is needed.
func (r Rule) String() string {
	if len(r.NonResourceURLs) > 0 {
		return fmt.Sprintf("{nonResourceURLs: [%q], verbs: [%q]}", r.NonResourceURLs[0], r.Verbs[0])
	}
	names := ""
	if len(r.ResourceNames) > 0 {
		names = ` resourceNames: ["` + strings.Join(r.ResourceNames, `", "`) + `"],`
	}
	out := fmt.Sprintf("{apiGroups: [%q], resources: [%q],%s verbs: [%q]}", r.APIGroups[0], r.Resources[0], names, r.Verbs[0])
	if r.Namespace != "" {
		out += " in namespace " + r.Namespace
	}
	return out
}

// remedy says what would give the right.
func (r Rule) remedy() facts.Remedy {
	command := "kubectl sidecar rbac"
	switch {
	case r.forWhy():
		command += " --for why"
	case r.Kind == facts.Kubelets && r.object() != readKubelets.object():
		command += " --kubelets direct"
	case r.ofCustom():
		command += fmt.Sprintf(" --custom %s.%s", r.Resources[0], r.APIGroups[0])
	}
	return facts.Do(fmt.Sprintf("allow %s on %s (the whole role: %s): %s", r.Verbs[0], r.object(), command, r))
}

// ofCustom reports whether the right is about a custom resource, which no role has that does not name it.
func (r Rule) ofCustom() bool {
	return r.Kind == facts.Canaries && len(r.Resources) > 0 && r.APIGroups[0] != "" &&
		!slices.ContainsFunc(canaryRules, func(x Rule) bool { return x.object() == r.object() })
}
