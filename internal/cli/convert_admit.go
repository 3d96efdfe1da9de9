package cli

import (
	"errors"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/kustomize"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/convert"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// podOf is a pod of the template of an object.
func podOf(object map[string]any, w *workload.Workload) map[string]any {
	template := kustomize.SpecOf(object, w.Way[:len(w.Way)-1])
	meta, _ := template["metadata"].(map[string]any)
	own := map[string]any{"name": w.Name, "namespace": w.Namespace}
	for _, key := range []string{"labels", "annotations"} {
		if meta[key] != nil {
			own[key] = meta[key]
		}
	}
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": template["spec"]}
}

// A strippedError is that a container came back as no native sidecar.
type strippedError struct{ container string }

func (e *strippedError) Error() string {
	return e.container + " came back without restartPolicy: Always: kubectl sidecar doctor says who strips it"
}

// stripped reports whether the API server did not keep the field: it says so, or rejects what a plain init container must
// not have.
func stripped(err error) bool {
	var came *strippedError
	cause, _ := (&facts.Refusal{Message: err.Error()}).Cause()
	return errors.As(err, &came) || cause == facts.CauseStripped
}

// kept reports as an error which of the containers that moved came back as no native sidecar.
func (d *done) kept(returned map[string]any, way []string) error {
	spec := kustomize.SpecOf(returned, way)
	inits, _ := spec["initContainers"].([]any)
	always := map[string]bool{}
	for _, c := range inits {
		fields, _ := c.(map[string]any)
		name, _ := fields["name"].(string)
		always[name] = fields["restartPolicy"] == "Always"
	}
	for _, m := range d.Moves {
		if d.Strategy != convert.Native {
			break // made for clusters that strip it
		}
		if !always[m.Container] {
			return &strippedError{m.Container}
		}
	}
	return nil
}
