package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestActsByUser: what a policy does may depend on who creates the pod, without a condition that says so. Then it is
// certain what it does for a known user only.
func TestActsByUser(t *testing.T) {
	var c Config
	mustRead(t, `
- metadata: {name: for-jobs}
  spec:
    matchConstraints: {resourceRules: [`+pods[1:len(pods)-1]+`]}
    mutations:
    - patchType: JSONPatch
      jsonPatch: {expression: "request.userInfo.username == 'system:serviceaccount:kube-system:job-controller' ? [] : []"}
- metadata: {name: for-the-mighty}
  spec:
    matchConstraints: {resourceRules: [`+pods[1:len(pods)-1]+`]}
    variables: [{name: may, expression: "authorizer.group('').resource('pods').check('delete').allowed()"}]
- metadata: {name: for-all}
  spec:
    matchConstraints: {resourceRules: [`+pods[1:len(pods)-1]+`]}
    mutations: [{patchType: JSONPatch, jsonPatch: {expression: "[]"}}]
`, &c.Policies)
	mustRead(t, `
- {metadata: {name: a}, spec: {policyName: for-jobs}}
- {metadata: {name: b}, spec: {policyName: for-the-mighty}}
- {metadata: {name: c}, spec: {policyName: for-all}}
`, &c.Bindings)
	chain := NewChain(c)
	asks, named := chain.AsksForUser()
	if diff := cmp.Diff([]string{ControllerUser(JobController)}, named); !asks || diff != "" {
		t.Errorf("asks %v, names %v", asks, named)
	}
	ns := namespaceOf("shop")
	certain := func(calls []Call) map[string]bool {
		out := map[string]bool{}
		for _, call := range calls {
			out[call.Configuration] = call.Maybe == ""
		}
		return out
	}
	pod := podOf()
	if diff := cmp.Diff(map[string]bool{"for-all": true, "for-jobs": false, "for-the-mighty": false}, certain(chain.Policies(&ns, pod))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]bool{"for-all": true, "for-jobs": true, "for-the-mighty": true}, certain(chain.By(ControllerUser(JobController)).Policies(&ns, pod))); diff != "" {
		t.Error(diff)
	}
}
