package collect

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Only a dry-run create of a pod is sent as somebody else, and only as who an access review has allowed.
func TestGuardImpersonation(t *testing.T) {
	const job, pods = "system:serviceaccount:kube-system:job-controller", "/api/v1/namespaces/a/pods"
	for _, test := range []struct {
		name, method, path string
		users              []string
		as                 string // whom the caller chose to be
		refused            string
	}{
		{"a canary", "POST", pods + "?dryRun=All", []string{job}, "", ""},
		{"as nobody else", "POST", pods + "?dryRun=All", nil, "", ""},
		{"not a dry run", "POST", pods, []string{job}, "", "dryRun=All"},
		{"a stranger", "POST", pods + "?dryRun=All", []string{"system:admin"}, "", "no access review"},
		{"two at once", "POST", pods + "?dryRun=All", []string{job, "system:admin"}, "", "as one user"},
		{"with a group", "POST", pods + "?dryRun=All", []string{job}, "", "nobody's groups"},
		{"a read", "GET", pods, []string{job}, "", "only dry-run creates"},
		{"another kind", "POST", "/api/v1/namespaces/a/podtemplates?dryRun=All", []string{job}, "", "only dry-run creates"},
		{"an access review", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", []string{job}, "", "only dry-run creates"},
		{"a webhook", "POST", "/api/v1/namespaces/a/services/https:w:443/proxy/mutate", []string{job}, "", "only dry-run creates"},
		{"a subresource", "POST", pods + "/b/eviction?dryRun=All", []string{job}, "", "only dry-run creates"},
		{"with its UID", "POST", pods + "?dryRun=All", []string{job}, "", ""},
		{"with another UID", "POST", pods + "?dryRun=All", []string{job}, "", "not the UID of"},
		{"a UID alone", "POST", pods + "?dryRun=All", nil, "", "as one user"},
		{"the caller's choice", "GET", pods, []string{"jane"}, "jane", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			known := &standIns{}
			known.add(job, "u-1")
			reached := false
			g := &guard{host: "api:6443", ledger: &Ledger{}, broken: &breach{}, pace: newPace(0), as: test.as, standIns: known, next: roundTripFunc(func(*http.Request) (*http.Response, error) {
				reached = true
				return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(""))}, nil
			})}
			req, err := http.NewRequest(test.method, "https://api:6443"+test.path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			if uid := map[string]string{"with its UID": "u-1", "with another UID": "u-2", "a UID alone": "u-1"}[test.name]; uid != "" {
				req.Header.Set(impersonateUID, uid)
			}
			if test.name == "with a group" {
				req.Header.Set("Impersonate-Group", "system:masters")
			}
			for _, user := range test.users {
				req.Header.Add(impersonateUser, user)
			}
			resp, err := g.RoundTrip(req)
			if err == nil {
				resp.Body.Close()
			}
			switch {
			case test.refused == "" && (err != nil || !reached):
				t.Errorf("refused: %v", err)
			case test.refused != "" && (err == nil || reached || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("not refused because of %q: %v", test.refused, err)
			}
		})
	}
}
