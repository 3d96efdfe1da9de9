package manifests

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"

// Where a new check starts. A check is a rule in a file of its own, named by its id: podCheck (scene.go) makes one of a
// question to each pod template. What a question has at hand:
//   - pod is the template with its containers, and with what they are to each other (judged.go, pkg/roles);
//   - at is the place of a field, quotes and field name fields as evidence;
//   - moveSteps and probeSteps say how to make a native sidecar and which startupProbe it gets (probes.go);
//   - services and kustomizations are what refers to templates (services.go, kustomizations.go);
//   - what could not be read is a gap of every check (judge.go).

// All is every check on manifests, in their order.
func All() []checks.Check { return checks.List(plain()) }

// rules are the checks on manifests: what cannot work first.
func rules() []rule {
	return []rule{
		fieldNotInVersion,
		customResourceDropsField,
		webhookStripsWorkload,
		restartPolicyMisplaced,
		probeOnPlainInit,
		patchMissesContainer,
		serverAsInitContainer,
		nativeOneShot,
		initNeedsSidecar,
		sidecarInJob,
		quitCallNeverRuns,
		wrapperWaitsForNative,
		probeOnLoopback,
		probeNeedsMain,
		nativeWithoutStartupProbe,
		regularSidecarStartRace,
		nativePrestopQuits,
		quitCallLosesExitCode,
		failurePolicyCatchesSidecar,
		nativeNamedPort,
		twinSuperfluous,
		workaroundSuperfluous,
		strategyCanGo,
	}
}
