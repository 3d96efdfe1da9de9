package facts

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

// TestSees: the API server matches "pods/*" with pods as well as with what is below them, and groups of custom resources
// may end as Kubernetes' own do.
func TestSees(t *testing.T) {
	for _, c := range []struct {
		rule      string
		templates []string
		updates   bool
	}{
		{`{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}`, []string{"Deployment"}, false},
		{`{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments/*]}`, []string{"Deployment"}, false},
		{`{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments/status]}`, nil, false},
		{`{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [pods/*]}`, nil, true},
		{`{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [pods/status]}`, nil, false},
		{`{apiGroups: [sparkoperator.k8s.io], apiVersions: ["*"], operations: ["*"], resources: [sparkapplications]}`, []string{CustomResources}, false},
		{`{apiGroups: [jobset.x-k8s.io], apiVersions: ["*"], operations: ["*"], resources: [jobsets]}`, []string{CustomResources}, false},
		{`{apiGroups: [networking.k8s.io], apiVersions: ["*"], operations: ["*"], resources: [ingresses]}`, nil, false},
	} {
		var rule admissionregistrationv1.RuleWithOperations
		if err := yaml.UnmarshalStrict([]byte(c.rule), &rule); err != nil {
			t.Fatal(err)
		}
		rules := []admissionregistrationv1.RuleWithOperations{rule}
		if diff := cmp.Diff(c.templates, SeesTemplates(rules)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.rule, diff)
		}
		if got := SeesPodUpdates(rules); got != c.updates {
			t.Errorf("%s sees updates of pods: %v", c.rule, got)
		}
	}
}
