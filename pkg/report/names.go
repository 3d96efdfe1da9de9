package report

import (
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// ObjectName is kubectl's kind/name; a namespace comes between.
func ObjectName(o checks.Object) string {
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + name
	}
	if o.Kind == "" || name == "" {
		return o.Kind + name
	}
	return strings.ToLower(o.Kind) + "/" + name
}
