package cli

import (
	"fmt"

	files "github.com/kubectl-sidecar/kubectl-sidecar/internal/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// ofCharts is the version that manifests are judged for where nobody has named one and no cluster tells: the lowest that the
// charts allow which they stand in, or else the newest. It notes what it knows from there.
func (o *lintOptions) ofCharts() int {
	o.charts = nil
	out := manifests.Newest
	if o.version != "" || o.asksCluster() {
		return out
	}
	lowest := ""
	for _, c := range files.Charts(o.files) {
		says := fmt.Sprintf("%s (kubeVersion %q)", c.File, c.KubeVersion)
		switch {
		case !c.Understood:
			o.charts = append(o.charts, "which versions of Kubernetes are meant was not understood: "+says+"; name one with --kubernetes-version")
		case c.Minor == 0, c.Minor >= out:
		case c.Decides: // what was rendered for another version says nothing about this one
			o.charts = append(o.charts, fmt.Sprintf("not judged for Kubernetes %s, which is allowed by %s: its templates ask for the version; render it for that one, and lint it with --kubernetes-version %s", gate.Release(c.Minor), says, gate.Release(c.Minor)))
		default:
			out, lowest = c.Minor, says
		}
	}
	if lowest != "" {
		o.charts = append(o.charts, fmt.Sprintf("judged for Kubernetes %s, as %s says; --kubernetes-version names another version", gate.Release(out), lowest))
	}
	return out
}
