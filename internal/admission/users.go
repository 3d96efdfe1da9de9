package admission

import (
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// SystemNamespace is where the service accounts of kube-controller-manager are.
const SystemNamespace = "kube-system"

const accountPrefix = "system:serviceaccount:"

// Controllers of kube-controller-manager that create pods: the names of their service accounts.
const (
	ReplicaSetController  = "replicaset-controller"
	StatefulSetController = "statefulset-controller"
	DaemonSetController   = "daemon-set-controller"
	JobController         = "job-controller"
)

// Controllers are all of them.
func Controllers() []string {
	return []string{ReplicaSetController, StatefulSetController, DaemonSetController, JobController}
}

// ControllerUser is the user that a controller of kube-controller-manager is.
func ControllerUser(name string) string { return AccountUser(SystemNamespace, name) }

// AccountUser is the user that a service account is.
func AccountUser(namespace, name string) string { return accountPrefix + namespace + ":" + name }

// creators are who creates pods: the controllers of kube-controller-manager, which make most of
// them, and somebody else, such as the caller. A condition on the user is decided where all agree.
var creators = []authenticationv1.UserInfo{
	accountUser(ControllerUser(ReplicaSetController)), accountUser(ControllerUser(StatefulSetController)),
	accountUser(ControllerUser(DaemonSetController)), accountUser(ControllerUser(JobController)),
	{Username: somebody, Groups: []string{"system:authenticated"}},
}

// somebody stands for the caller, whose name is not known.
const somebody = "somebody"

// accountUser is what an API server makes of the name of a service account.
func accountUser(name string) authenticationv1.UserInfo {
	namespace, _, _ := strings.Cut(strings.TrimPrefix(name, accountPrefix), ":")
	return authenticationv1.UserInfo{
		Username: name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
}

// SplitAccount is the namespace and the name in the user name of a service account.
func SplitAccount(user string) (namespace, name string, ok bool) {
	rest, ok := strings.CutPrefix(user, accountPrefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ":")
}

// userLiteral is a string in an expression that is, or begins, the name of service accounts.
var userLiteral = pattern.New(`['"](` + accountPrefix + `[^'"]*)['"]`)

// AsksForUser reports whether a condition asks who creates the pod, or what a policy then does, and names the service
// accounts that they name: as a whole, or their beginning.
func (c *Chain) AsksForUser() (asks bool, named []string) {
	note := func(c conditions) {
		if !c.byUser {
			return
		}
		asks = true
		named = append(named, c.accounts()...)
	}
	for i := range c.webhooks {
		note(c.webhooks[i].conditions)
	}
	for i := range c.policies {
		note(c.policies[i].conditions)
		asks = asks || c.policies[i].byUser
		named = append(named, c.policies[i].accounts...)
	}
	if c.validating != nil {
		also, others := c.validating.AsksForUser()
		asks, named = asks || also, append(named, others...)
	}
	slices.Sort(named)
	return asks, slices.Compact(named)
}

// ActsByUser are the names of the policies that may do something else for another user: who meets them once does not know
// what they do.
func (c *Chain) ActsByUser() []string {
	var out []string
	for i := range c.policies {
		if c.policies[i].byUser {
			out = append(out, c.policies[i].name)
		}
	}
	return out
}

// Knowing is the same chain with more service accounts that may create pods, by their user names.
func (c *Chain) Knowing(accounts []string) *Chain {
	out := *c
	out.users = slices.Clone(c.users)
	for _, name := range accounts {
		if !slices.ContainsFunc(out.users, func(u authenticationv1.UserInfo) bool { return u.Username == name }) {
			out.users = append(out.users, accountUser(name))
		}
	}
	if c.validating != nil {
		out.validating = c.validating.Knowing(accounts)
	}
	return &out
}

// By is the same chain for pods that one user creates; "" is the caller, of whom only is known that it is none
// of the service accounts. What a condition says of others is then tried as the others.
func (c *Chain) By(user string) *Chain {
	out := *c
	if user == "" {
		user = somebody
	}
	out.by = user
	if c.validating != nil {
		out.validating = c.validating.By(user)
	}
	return &out
}
