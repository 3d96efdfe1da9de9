package pods

import (
	"regexp"
	"slices"
	"testing"
)

// emptied matches the JSON patch operations that take the first regular container out of its list.
var emptied = regexp.MustCompile(`"op":"move","from":"[^"]*/containers/0"|"op":"remove","path":"[^"]*/containers/0"`)

// TestOnlyMainStays: no fix takes the only regular container out of a pod. The API server refuses such a pod, and by then
// kubectl replace has deleted the one that there was.
func TestOnlyMainStays(t *testing.T) {
	for _, c := range suite.Cases(t) {
		j := Judge(c.Snapshot, nil)
		for _, d := range slices.Concat(j.Diagnoses, j.InProgress) {
			for _, p := range c.Snapshot.Pods {
				if len(p.Spec.Containers) != 1 || p.Namespace != d.Object.Namespace || !slices.Contains(d.Pods, p.Name) {
					continue
				}
				if emptied.MatchString(d.Fix) {
					t.Errorf("%s: the fix leaves pod %s without a regular container:\n%s", c.Path, p.Name, d.Fix)
				}
			}
		}
	}
}
