package collect

import (
	"strings"
	"testing"
)

// What closes a gap about a custom resource prints a role that has its rights; other roles lack them.
func TestRemedyOfCustomResources(t *testing.T) {
	for _, r := range CustomRules("argoproj.io", "rollouts") {
		if text := r.In("shop").remedy().Text; !strings.Contains(text, "kubectl sidecar rbac --custom rollouts.argoproj.io") {
			t.Error(text)
		}
	}
	for _, r := range canaryRules {
		if text := r.remedy().Text; strings.Contains(text, "--custom") {
			t.Error(text)
		}
	}
}
