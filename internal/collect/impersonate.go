package collect

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// impersonateControllers is the right to send a canary as the controller that would create the pod.
var impersonateControllers = Rule{
	PolicyRule: rbacv1.PolicyRule{
		Verbs: []string{"impersonate"}, APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: admission.Controllers(),
	},
	Namespace: systemNamespace, Optional: true, Kind: facts.Canaries,
	Why: "send canaries as the controllers that create pods: webhooks and match conditions may look at the user",
}

// impersonateUser is the header that the API server looks at (k8s.io/api authentication/v1).
const impersonateUser = "Impersonate-User"

// standIns are the users that a run may act as: an access review has said so of each. The guard looks here.
type standIns struct {
	mu    sync.Mutex
	users []string
}

func (s *standIns) add(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = append(s.users, user)
}

func (s *standIns) has(user string) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.users, user)
}

// mayBe reports whether the caller may act as a service account, by its user name. Unlike other rights, one
// that could not be asked about is not assumed.
func (c *collector) mayBe(ctx context.Context, user string) bool {
	namespace, name, ok := admission.SplitAccount(user)
	if !ok || c.opts.Config.Impersonate.UserName != "" {
		return false // who is somebody else already is nobody else
	}
	if c.standIns.has(user) {
		return true
	}
	if !c.confirmed(ctx, namespace, name) {
		return false
	}
	c.standIns.add(user)
	return true
}

// confirmed asks for the right to impersonate a service account, and takes nothing but a yes for one. It asks once.
func (c *collector) confirmed(ctx context.Context, namespace, name string) bool {
	c.access.mu.Lock()
	key := "impersonate " + namespace + "/" + name
	a := c.access.answers[key]
	if a == nil {
		a = &answer{}
		c.access.answers[key] = a
	}
	c.access.mu.Unlock()
	a.once.Do(func() {
		status, err := c.reviewed(ctx, authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "impersonate", Resource: "serviceaccounts", Namespace: namespace, Name: name},
		})
		a.allowed = err == nil && status.Allowed
	})
	return a.allowed
}

// asControllers reports whether canaries can be sent as each of the controllers that create pods.
func (c *collector) asControllers(ctx context.Context) bool {
	for _, name := range admission.Controllers() {
		if !c.mayBe(ctx, admission.ControllerUser(name)) {
			return false
		}
	}
	return true
}

// refuseUser says why a request must not be sent as somebody else, or "": only a dry-run create of a pod is,
// and only as who an access review has allowed. Who calls this program as somebody else stays that one.
func (g *guard) refuseUser(req *http.Request, path string) string {
	users := req.Header.Values(impersonateUser)
	more := slices.ContainsFunc(slices.Collect(maps.Keys(req.Header)), func(name string) bool {
		return strings.HasPrefix(name, "Impersonate-") && name != impersonateUser
	})
	switch {
	case g.as != "" || len(users) == 0 && !more:
		return ""
	case more:
		return "nobody's groups are sent: the API server knows those of a service account"
	case req.Method != http.MethodPost || !dryRunPods.MatchString(path):
		return "only dry-run creates of pods are sent as somebody else"
	case len(users) > 1 || !g.standIns.has(users[0]):
		return "no access review has allowed to act as " + users[0]
	}
	return ""
}
