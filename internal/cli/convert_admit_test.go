package cli

import (
	"errors"
	"testing"
)

// TestStripped: two answers of an API server mean that it does not keep the field.
func TestStripped(t *testing.T) {
	for err, want := range map[error]bool{
		error(&strippedError{"proxy"}): true,
		errors.New(`Job.batch "work" is invalid: spec.template.spec.initContainers[0].startupProbe: Forbidden: may not be set for init containers without restartPolicy=Always`): true,
		errors.New(`admission webhook "a.example" denied the request: no`): false,
	} {
		if got := stripped(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
