package rights

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// A right is what `rbac --explain -o json` says of one.
type right struct {
	Verb, Group, Resource, Path string
	Gaps, Checks                []string
}

func (r right) String() string {
	return strings.TrimSuffix(r.Verb+" "+r.Path+r.Resource+"."+r.Group, ".")
}

// fits reports whether the right is that of a rule with one verb and one resource.
func (r right) fits(rule rbacv1.PolicyRule) bool {
	if r.Path != "" {
		return slices.Equal(rule.NonResourceURLs, []string{r.Path})
	}
	return rule.Verbs[0] == r.Verb && slices.Equal(rule.Resources, []string{r.Resource}) && slices.Equal(rule.APIGroups, []string{r.Group})
}

// A loss is what a run could not see: the kinds of the gaps, the checks that lack something, and what
// would help.
type loss struct {
	gaps, checks map[string]bool
	remedies     []string
}

func newLoss() loss { return loss{gaps: map[string]bool{}, checks: map[string]bool{}} }

func (l *loss) add(g facts.Gap) {
	l.gaps[string(g.Kind)] = true
	l.remedies = append(l.remedies, g.Remedy)
}

// scopes are the commands that `rbac` prints for, with what asks the questions that need all of their
// rights. What snapshot reads is what doctor reads.
var scopes = []struct {
	command, kubelets string
	lack              func(t *testing.T, kubeconfig string) loss
}{
	{"doctor", "proxy", lackOfDoctor("proxy")}, {"doctor", "direct", lackOfDoctor("direct")},
	{"webhooks", "", lackOfWebhooks}, {"why", "", lackOfWhy},
}

// lackOfDoctor takes a snapshot, whose gaps are all there are, and has doctor judge it.
func lackOfDoctor(kubelets string) func(*testing.T, string) loss {
	return func(t *testing.T, kubeconfig string) loss {
		t.Helper()
		return lackOfSnapshot(t, plugin.Run(t, kubeconfig, "snapshot", "--kubelets", kubelets).Stdout)
	}
}

func lackOfSnapshot(t *testing.T, text string) loss {
	t.Helper()
	out, file := newLoss(), filepath.Join(t.TempDir(), "snapshot.yaml")
	var s facts.Snapshot
	check(t, yaml.Unmarshal([]byte(text), &s))
	for _, g := range s.Gaps {
		out.add(g)
	}
	check(t, os.WriteFile(file, []byte(text), 0o600))
	out.noteChecks(t, plugin.Run(t, "", "doctor", "-f", file, "-o", "json"))
	return out
}

func (l *loss) noteChecks(t *testing.T, r plugin.Ran) {
	t.Helper()
	for _, e := range r.Report(t).Checks {
		if len(e.Missing) > 0 {
			l.checks[e.ID] = true
		}
	}
}

func lackOfWebhooks(t *testing.T, kubeconfig string) loss {
	t.Helper()
	var table struct{ Missing []facts.Gap }
	check(t, json.Unmarshal([]byte(plugin.Run(t, kubeconfig, "webhooks", "-o", "json").Stdout), &table))
	out := newLoss()
	for _, g := range table.Missing {
		out.add(g)
	}
	return out
}

// lackOfWhy asks about every kind of workload, by name, by label and as part of all.
func lackOfWhy(t *testing.T, kubeconfig string) loss {
	t.Helper()
	out := newLoss()
	for _, question := range []string{
		"web-5c689d88bb-00", "deploy/web", "rs/web-5c689d88bb", "db-0", "sts/db", "agent-x7k2p", "ds/agent",
		"backup-29000000-q8z4d", "job/backup-29000000", "cronjob/backup", "well", "refused", "-l app=web", "-A",
		"ns/mesh", "node/" + nodeName(0), "svc/well", "endpointslice/well", "hpa/web", "pdb/web",
	} {
		args := append([]string{"why", "-o", "json"}, strings.Fields(question)...)
		if question != "-A" {
			args = append(args, "-n", "shop")
		}
		for _, e := range plugin.Run(t, kubeconfig, args...).Report(t).Checks {
			for _, g := range e.Missing {
				out.add(g)
			}
		}
	}
	return out
}

// TestMinimalRBAC: with the role that `rbac` prints there is no gap, and the API server refuses nothing
// of what is asked; without any one of its rights there are exactly the gaps that --explain says, and
// a remedy names the right.
func TestMinimalRBAC(t *testing.T) {
	w := newWorld(t)
	removed := 0
	for _, s := range scopes {
		t.Run(strings.TrimSpace(s.command+" "+s.kubelets), func(t *testing.T) { removed += w.minimal(t, s.command, s.kubelets, s.lack) })
	}
	doctor, _ := printed(t, "doctor", "proxy")
	snapshot, _ := printed(t, "snapshot", "proxy")
	if diff := cmp.Diff(doctor, snapshot); diff != "" {
		t.Errorf("-doctor +snapshot\n%s", diff)
	}
	live := newLoss()
	if live.noteChecks(t, plugin.Run(t, w.user(t, "live", doctor), "doctor", "-o", "json")); len(live.checks) > 0 {
		t.Errorf("doctor itself lacks something: %v", sorted(live.checks))
	}
	fmt.Printf("sweep: %d rights removed, one at a time\n", removed)
}

// ofCounters is the one review that `webhooks` does without: where nothing is counted, it calls webhooks that fail open
// directly.
const ofCounters = "review of nil &NonResourceAttributes{Path:/metrics,Verb:get,}"

func (w *world) minimal(t *testing.T, command, kubelets string, lack func(*testing.T, string) loss) int {
	role, explained := printed(t, command, kubelets)
	command = strings.TrimSuffix(command+"-"+kubelets, "-")
	if got := lack(t, w.user(t, command+"-whole", role)); len(got.gaps)+len(got.checks) > 0 {
		t.Errorf("with the printed role: gaps %v, checks %v, remedies %q", got.gaps, got.checks, got.remedies)
	}
	refused := slices.DeleteFunc(w.refusals(t, command+"-whole"), func(what string) bool { return command == "webhooks" && what == ofCounters })
	if len(refused) > 0 {
		t.Errorf("with the printed role the API server refuses %q", refused)
	}
	for _, r := range explained {
		rest := slices.DeleteFunc(slices.Clone(role), r.fits)
		if len(rest) != len(role)-1 {
			t.Errorf("%s: %d rules of the role", r, len(role)-len(rest))
			continue
		}
		t.Run(r.String(), func(t *testing.T) {
			user := fmt.Sprintf("%s-without-%s", command, strings.NewReplacer(" ", "-", "/", "-").Replace(r.String()))
			got := lack(t, w.user(t, user, rest))
			slices.Sort(r.Gaps)
			slices.Sort(r.Checks)
			if diff := cmp.Diff(r.Gaps, sorted(got.gaps)); diff != "" {
				t.Errorf("gaps: -explained +seen\n%s", diff)
			}
			if diff := cmp.Diff(r.Checks, sorted(got.checks)); diff != "" {
				t.Errorf("checks: -explained +seen\n%s", diff)
			}
			if !slices.ContainsFunc(got.remedies, r.named) {
				t.Errorf("no remedy names it: %q", got.remedies)
			}
		})
	}
	return len(explained)
}

// named reports whether a remedy says to allow the right.
func (r right) named(remedy string) bool {
	return strings.Contains(remedy, "allow "+r.Verb+" on "+strings.TrimSuffix(r.Path+r.Resource+"."+r.Group, "."))
}

func sorted(set map[string]bool) []string {
	return append([]string{}, slices.Sorted(maps.Keys(set))...)
}

// printed is the role that is printed for a command, one verb on one resource a rule, and what is said
// of each.
func printed(t *testing.T, command, kubelets string, more ...string) ([]rbacv1.PolicyRule, []right) {
	t.Helper()
	args := append([]string{"rbac", "--for", command}, more...)
	if kubelets != "" {
		args = append(args, "--kubelets", kubelets)
	}
	var role rbacv1.ClusterRole
	check(t, yaml.UnmarshalStrict([]byte(plugin.Run(t, "", args...).Stdout), &role))
	var units []rbacv1.PolicyRule
	for _, rule := range role.Rules {
		for _, verb := range rule.Verbs {
			for _, path := range rule.NonResourceURLs {
				units = append(units, rbacv1.PolicyRule{Verbs: []string{verb}, NonResourceURLs: []string{path}})
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					units = append(units, rbacv1.PolicyRule{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: rule.ResourceNames})
				}
			}
		}
	}
	var list struct{ Rights []right }
	check(t, json.Unmarshal([]byte(plugin.Run(t, "", append(args, "--explain", "-o", "json")...).Stdout), &list))
	if len(list.Rights) != len(units) {
		t.Errorf("%d rights are explained, %d are in the role", len(list.Rights), len(units))
	}
	return units, list.Rights
}

// user is the kubeconfig of somebody with these rules, and nothing else, in the whole cluster.
func (w *world) user(t *testing.T, name string, rules []rbacv1.PolicyRule) string {
	t.Helper()
	rbac, none := w.Client().RbacV1(), metav1.CreateOptions{}
	// The last rule is one that nothing asks for: with it the API servers know of all of them.
	rules = append(slices.Clone(rules), rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/known/" + name}})
	_, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, none)
	check(t, err)
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}},
	}, none)
	check(t, err)
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: name, NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/known/" + name},
	}}
	for _, server := range w.each(t) {
		for known := false; !known; time.Sleep(20 * time.Millisecond) {
			answer, err := server.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, none)
			check(t, err)
			known = answer.Status.Allowed
		}
	}
	kubeconfig, err := w.UserKubeconfig(name)
	check(t, err)
	return kubeconfig
}

// refusals are the requests of a user that the API servers refused, and the rights that they said no to; that somebody may
// not do everything is none.
func (w *world) refusals(t *testing.T, user string) []string {
	t.Helper()
	events, err := w.AuditEvents()
	check(t, err)
	var out []string
	for _, e := range events {
		if e.User.Username != user {
			continue
		}
		if e.ResponseStatus != nil && e.ResponseStatus.Code == 403 {
			out = append(out, e.Verb+" "+e.RequestURI)
		}
		var review authorizationv1.SelfSubjectAccessReview
		if e.ResponseObject != nil && json.Unmarshal(e.ResponseObject.Raw, &review) == nil && review.Kind == "SelfSubjectAccessReview" && !review.Status.Allowed &&
			(review.Spec.ResourceAttributes == nil || review.Spec.ResourceAttributes.Verb != "*") {
			out = append(out, fmt.Sprintf("review of %+v %+v", review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes))
		}
	}
	return out
}
