package pods

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// All is every check on pods, in their order.
func All() []checks.Check { return checks.List(rules()) }

// rules are the checks on pods, causes before what follows from them: when a pod has several
// findings that do not explain each other, the first names its root cause. Some share their id,
// and so their page, with a check on the cluster: there it is a risk, here it has hit a pod.
func rules() []rule {
	return []rule{
		nodeCannotRunSidecars,
		kubeletTooOld,
		kubeletRefusesSidecars,
		schedulerGateOff,
		apiserversDisagree,
		crdPrunesRestartPolicy,
		restartPolicyStripped,
		podRefused,
		podUnschedulable,
		volumeNotMounted,
		podSandboxFailing,
		containerConfigMissing,
		imagePullFailing,
		knownKubeletBug,
		restartPolicyOnWrongContainer,
		initContainerBeforeSidecar,
		initContainerNeverExits,
		postStartHookBlocking,
		startupProbeFailing,
		sidecarCrashLooping,
		initContainerFailing,
		sidecarStartRace,
		jobHeldBySidecar,
		sidecarNotReady,
		sidecarBlocksTermination,
		knownControlPlaneBug,
	}
}
