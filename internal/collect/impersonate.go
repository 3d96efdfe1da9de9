package collect

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// impersonateUser and impersonateUID are headers that the API server looks at (k8s.io/api authentication/v1).
const impersonateUser, impersonateUID = "Impersonate-User", "Impersonate-Uid"

// standIns are the users that a run may act as: an access review has said so of each. The guard looks here.
type standIns struct {
	mu    sync.Mutex
	users map[string]string // their UIDs; "" where none may be sent
}

func (s *standIns) add(user, uid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == nil {
		s.users = map[string]string{}
	}
	s.users[user] = uid
}

// of is the UID of a user that the run may act as, "" where none may be sent; false for anybody else.
func (s *standIns) of(user string) (uid string, ok bool) {
	if s == nil {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	uid, ok = s.users[user]
	return uid, ok
}

// mayBe reports whether the caller may act as a service account, by its user name. Unlike other rights, one
// that could not be asked about is not assumed.
func (c *collector) mayBe(ctx context.Context, user string) bool {
	namespace, name, ok := admission.SplitAccount(user)
	if !ok || c.opts.Config.Impersonate.UserName != "" {
		return false // who is somebody else already is nobody else
	}
	if _, ok := c.standIns.of(user); ok {
		return true
	}
	if !c.confirmed(ctx, namespace, "serviceaccounts", name) {
		return false
	}
	c.standIns.add(user, c.uidOf(ctx, namespace, name))
	return true
}

// uidOf is the UID of a service account, which some webhooks know controllers by (Dapr 1.14); "" where it may not be sent: no
// role has that right but an administrator's.
func (c *collector) uidOf(ctx context.Context, namespace, name string) string {
	if !c.access.all() || !c.confirmed(ctx, "", "uids", "") {
		return ""
	}
	ctx, cancel := c.reading(ctx)
	defer cancel()
	account, err := c.client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case err == nil:
		return string(account.UID)
	case !absent(err):
		c.gap(facts.Canaries, senderInstance, fmt.Sprintf("canaries were sent as %s without its UID, by which a webhook may know it; that could not be read: %s",
			admission.AccountUser(namespace, name), oneLine(err.Error())), facts.Do("run it again"))
	}
	return ""
}

// confirmed asks for the right to impersonate a service account, or a UID, and takes nothing but a yes for one. It asks once.
func (c *collector) confirmed(ctx context.Context, namespace, resource, name string) bool {
	c.access.mu.Lock()
	key := "impersonate " + resource + " " + namespace + "/" + name
	a := c.access.answers[key]
	if a == nil {
		a = &answer{}
		c.access.answers[key] = a
	}
	c.access.mu.Unlock()
	a.once.Do(func() {
		of := &authorizationv1.ResourceAttributes{Verb: "impersonate", Resource: resource, Namespace: namespace, Name: name}
		if resource == "uids" {
			of.Group = authenticationv1.GroupName
		}
		status, err := c.reviewed(ctx, authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: of})
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
	users, uids := req.Header.Values(impersonateUser), req.Header.Values(impersonateUID)
	more := slices.ContainsFunc(slices.Collect(maps.Keys(req.Header)), func(name string) bool {
		return strings.HasPrefix(name, "Impersonate-") && name != impersonateUser && name != impersonateUID
	})
	switch {
	case g.as != "" || len(users)+len(uids) == 0 && !more:
		return ""
	case more:
		return "nobody's groups are sent: the API server knows those of a service account"
	case req.Method != http.MethodPost || !dryRunPods.MatchString(path):
		return "only dry-run creates of pods are sent as somebody else"
	case len(users) != 1:
		return "a request is sent as one user"
	}
	uid, ok := g.standIns.of(users[0])
	switch {
	case !ok:
		return "no access review has allowed to act as " + users[0]
	case len(uids) > 1 || len(uids) == 1 && (uid == "" || uids[0] != uid):
		return "that is not the UID of " + users[0]
	}
	return ""
}
