package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDefaulted: conditions see a pod after the API server's defaults and its own plug-ins. What a plug-in may have added
// leaves open whether the webhook is called.
func TestDefaulted(t *testing.T) {
	const pods = `[{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]`
	chain := NewChain(Config{Webhooks: webhooksOf(t, `
- metadata: {name: c}
  webhooks:
  - {name: scheduler, rules: `+pods+`, matchConditions: [{name: c, expression: "has(object.spec.schedulerName) && object.spec.schedulerName == 'default-scheduler'"}]}
  - {name: restarts, rules: `+pods+`, matchConditions: [{name: c, expression: "object.spec.restartPolicy == 'Always'"}]}
  - {name: never, rules: `+pods+`, matchConditions: [{name: c, expression: "object.spec.restartPolicy == 'Never'"}]}
  - {name: dns, rules: `+pods+`, matchConditions: [{name: c, expression: "object.spec.?dnsPolicy.orValue('') == 'ClusterFirst'"}]}
  - {name: grace, rules: `+pods+`, matchConditions: [{name: c, expression: "has(object.spec.terminationGracePeriodSeconds)"}]}
  - {name: pull, rules: `+pods+`, matchConditions: [{name: c, expression: "object.spec.containers.all(c, c.imagePullPolicy == 'IfNotPresent')"}]}
  - {name: message, rules: `+pods+`, matchConditions: [{name: c, expression: "object.spec.initContainers.exists(c, has(c.terminationMessagePolicy))"}]}
  - {name: priority, rules: `+pods+`, matchConditions: [{name: c, expression: "object.spec.?priority.orValue(-1) == 0"}]}
  - {name: token, rules: `+pods+`, matchConditions: [{name: c, expression: "has(object.spec.volumes) && object.spec.volumes.exists(v, has(v.projected))"}]}
  - {name: toleration, rules: `+pods+`, matchConditions: [{name: c, expression: "has(object.spec.tolerations)"}]}
  - {name: no-toleration, rules: `+pods+`, matchConditions: [{name: c, expression: "!has(object.spec.tolerations)"}]}
  - {name: none, rules: `+pods+`, matchConditions: [{name: c, expression: "has(object.spec.nodeName) || has(object.spec.activeDeadlineSeconds)"}]}
`)})
	ns := namespaceOf("shop")
	var got []string
	for _, c := range chain.Webhooks(&ns, Canary("shop")) {
		line := c.Webhook
		if c.Maybe != "" {
			line += " ?"
		}
		got = append(got, line)
	}
	want := []string{"scheduler", "restarts", "dns", "grace", "pull", "message", "priority ?", "token ?", "toleration ?", "no-toleration ?"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
