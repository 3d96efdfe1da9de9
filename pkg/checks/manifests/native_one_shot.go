package manifests

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

var nativeOneShot = podCheck(checks.Check{
	ID:       "native-one-shot",
	Title:    "native sidecars run as long as the pod",
	Severity: checks.Error,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.natives {
		j := p.of(c)
		if j == nil || !p.oneShot(j) {
			continue
		}
		does := "it is restarted again and again, and the next container does not wait for its work"
		if c.StartupProbe != nil {
			does = "it is restarted again and again, and its startupProbe never succeeds"
		}
		out = append(out, p.finding(c, p.at(c, "restartPolicy"), fmt.Sprintf("native sidecar %s does one thing and exits: %s", c.Name, does),
			append(commandQuote(c), c.field("restartPolicy: Always")),
			do("Remove restartPolicy: Always from %s: an init container that exits runs once, and the next one waits for it.", c.Name)))
	}
	return out
})
