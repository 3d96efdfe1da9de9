package pods

import (
	"fmt"
	"strconv"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// stopSteps say how to stop known software in a pod now; none when it has no endpoint for that. The
// port is forwarded, because such images often have no shell, and the port listens on localhost.
func (p subject) stopSteps(c container) []checks.Step {
	k := software.Of(c.Container)
	if k == nil || k.Quit == nil {
		return nil
	}
	text := fmt.Sprintf("To let this pod finish now, tell %s to stop", k.Name)
	if k.Quit.Needs != "" {
		text += " (this requires " + k.Quit.Needs + ")"
	}
	port := strconv.Itoa(k.Quit.Port)
	return []checks.Step{{
		Text: text + ":",
		Command: prose.Shell("kubectl port-forward -n %s pod/%s %s & sleep 2\ncurl -X %s http://localhost:%s%s; kill %%1",
			p.Namespace, p.Name, port, k.Quit.Method, port, k.Quit.Path),
	}}
}
