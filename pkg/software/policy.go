package software

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
)

// StopCodes are what a sidecar exits with when the kubelet stops it: by SIGKILL and by SIGTERM.
var StopCodes = []int32{137, 143}

// CatchesStop is the first rule of a Job's podFailurePolicy that also matches the exit codes of a native sidecar that was
// stopped, with those codes; -1 for none. A rule that names no container also looks at init containers
// (pkg/controller/job/pod_failure_policy.go, matchOnExitCodes).
func CatchesStop(p *batchv1.PodFailurePolicy, container string) (rule int, codes []int32) {
	for i, r := range p.Rules {
		on := r.OnExitCodes
		if on == nil || on.ContainerName != nil && *on.ContainerName != container {
			continue
		}
		for _, code := range StopCodes {
			if slices.Contains(on.Values, code) == (on.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn) {
				codes = append(codes, code)
			}
		}
		if len(codes) > 0 {
			return i, codes
		}
	}
	return -1, nil
}
