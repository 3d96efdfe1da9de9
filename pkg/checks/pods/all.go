package pods

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// Where a new check starts. A check is a rule in a file of its own, named by its id: podCheck (rule.go) makes one of
// a question to each pod, and is told besides which kinds of facts the question reads. The answer is a finding, or
// nil with the gaps that leave it open. What a question has at hand:
//   - subject is the pod with its containers, owners, node, events and logs (subject.go, makers.go); blocker is the
//     init container that holds up the others, sidecars are the native ones;
//   - age tells how long something lasts, as far as that is known (evidence.go); every duration that decides stands
//     in patience.go, and what is not known to be long enough is a gap: noClock, noEvents (rule.go); a file without
//     a clock is no concern of a check (bounds.go);
//   - ending, lastWords, waitingEvidence, stateEvidence and quoteEvent quote what was read (evidence.go);
//   - softwareOf and signs tell whether a container is a server, and which (software.go, signs.go);
//   - fixContainers and fixMove are commands that change the owner's template (patch.go), steps.go puts them into words.

// All is every check on pods, in their order.
func All() []checks.Check { return checks.List(rules()) }

// rules are the checks on pods, causes before what follows from them: when a pod has several
// findings that do not explain each other, the first names its root cause. Some share their id,
// and so their page, with a check on the cluster: there it is a risk, here it has hit a pod.
func rules() []rule {
	return []rule{
		nodeNotReady,
		nodeCannotRunSidecars,
		kubeletTooOld,
		kubeletRefusesSidecars,
		kubeletRejectsPod,
		podEvicted,
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
		sidecarMountDead,
		sidecarCrashLooping,
		initContainerFailing,
		sidecarStartRace,
		jobHeldBySidecar,
		webhookBreaksPodUpdates,
		sidecarNotReady,
		sidecarBlocksTermination,
		knownControlPlaneBug,
	}
}
