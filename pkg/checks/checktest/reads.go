package checktest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Reads proves what checks declare: taking away a kind that a check does not read never changes what its
// rule says, and taking away one that it reads does so for at least one file.
func (su Suite) Reads(t *testing.T) {
	type use struct {
		id   string
		kind facts.Kind
	}
	matters := map[use]bool{}
	for _, c := range su.Cases(t) {
		outcome := su.Run(c.Snapshot, c.Check.ID)
		for _, kind := range facts.Kinds() {
			same := reflect.DeepEqual(outcome, su.Run(without(t, c.Snapshot, kind), c.Check.ID))
			declared := slices.Contains(slices.Concat(c.Check.Reads(), c.Check.Advises), kind)
			if !same && !declared {
				t.Errorf("%s: %s reads %s, which it neither Needs nor Uses, and which does not advise it", c.Path, c.Check.ID, kind)
			}
			if !same && declared {
				matters[use{c.Check.ID, kind}] = true
			}
		}
	}
	for _, c := range su.Checks {
		for _, kind := range slices.Concat(c.Reads(), c.Advises) {
			if !matters[use{c.ID, kind}] && !restsOn(c, kind) {
				t.Errorf("%s declares that it reads %s, but for no test file its rule says something else without it", c.ID, kind)
			}
		}
	}
}

// restsOn reports whether a check needs a kind without reading it: classes and canaries are made from
// these kinds, so that a gap in them leaves open whether a canary speaks for its class.
func restsOn(c checks.Check, kind facts.Kind) bool {
	foundations := []facts.Kind{facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies, facts.ValidatingWebhooks, facts.ValidatingPolicies}
	return slices.Contains(c.Reads(), facts.Canaries) && slices.Contains(foundations, kind)
}

// fieldsOf are the fields of a snapshot, by their JSON name, that hold a kind of fact which is not
// called like its field.
var fieldsOf = map[facts.Kind][]string{
	facts.Clock:            {"takenAt"},
	facts.APIServers:       {"serverVersion", "apiServers", "apiServerLeases", "apiServerEndpoints"},
	facts.MutatingWebhooks: {"mutatingWebhooks"},
	facts.MutatingPolicies: {"mutatingPolicies"},

	facts.ValidatingWebhooks: {"validatingWebhooks"},
	facts.ValidatingPolicies: {"validatingPolicies"},

	facts.Canaries: {"canaries", "classes", "workloadTrials", "podUpdates", "workloadsTried"},
}

// without is the snapshot as it would be if kind had not been looked for.
func without(t *testing.T, s *facts.Snapshot, kind facts.Kind) *facts.Snapshot {
	t.Helper()
	out := &facts.Snapshot{}
	if err := yaml.Unmarshal([]byte(YAML(t, s)), out); err != nil {
		t.Fatal(err)
	}
	out.Seen = slices.DeleteFunc(out.Seen, func(k facts.Kind) bool { return k == kind })
	out.Gaps = slices.DeleteFunc(out.Gaps, func(g facts.Gap) bool { return g.Kind == kind })
	names, found := fieldsOf[kind], false
	value := reflect.ValueOf(out).Elem()
	for i := range value.NumField() {
		name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
		if slices.Contains(names, name) || names == nil && strings.EqualFold(name, string(kind)) {
			value.Field(i).SetZero()
			found = true
		}
	}
	if !found {
		t.Fatalf("which fields of the snapshot hold %s? say it in fieldsOf", kind)
	}
	return out
}
