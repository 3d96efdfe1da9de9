package manifests

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// kubexit reads status.containerStatuses, in which no init container is, native or not
// (https://github.com/karlkfi/kubexit, cmd/kubexit/main.go).
const birthDeps = "KUBEXIT_BIRTH_DEPS"

var wrapperWaitsForNative = podCheck(checks.Check{
	ID:       "wrapper-waits-for-native",
	Title:    "no wrapper waits for a container that it cannot see",
	Severity: checks.Error,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.all() {
		for i, e := range c.Env {
			if e.Name != birthDeps {
				continue
			}
			for name := range strings.SplitSeq(e.Value, ",") {
				to := p.named(strings.TrimSpace(name))
				if to == nil || !to.native() {
					continue
				}
				out = append(out, p.finding(c, p.at(c, "env", number(i)),
					fmt.Sprintf("kubexit in %s waits for %s, which it never sees: it reads the statuses of regular containers, and that is a native sidecar", c.Name, to.Name),
					[]string{c.field(fmt.Sprintf("env[%d]", i)) + ": " + birthDeps + "=" + e.Value, to.field("restartPolicy: Always")},
					do("Remove kubexit, its variables and its volume from both containers: a native sidecar starts first and is stopped last."),
				))
			}
		}
	}
	return out
})
