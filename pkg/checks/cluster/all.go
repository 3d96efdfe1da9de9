package cluster

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"

// All is every check on clusters, in the order of the report.
func All() []checks.Check { return checks.List(rules()) }

// rules are the checks on clusters, in the order of the report: control plane, nodes, admission; causes before
// what follows from them. This is the table of contents; a check that is not here does not run.
func rules() []rule {
	return []rule{
		apiserverTooOld,
		apiserverGateOff,
		apiserversDisagree,
		schedulerTooOld,
		schedulerGateOff,
		controllerManagerTooOld,
		controllerManagerGateOff,
		gateStillSet,
		knownControlPlaneBug,

		kubeletTooOld,
		kubeletGateOff,
		nodeCannotRunSidecars,
		sidecarsAlpha,
		knownKubeletBug,
		nodeVersionSkew,

		webhookStripsRestartPolicy,
		webhookMovesRestartPolicy,
		webhookRemovesSidecar,
		webhookBreaksCanary,
		webhookRefusesDryRun,
		webhookStripsNewerFields,
		webhookFailsOpen,
		knownStrippingSoftware,
		injectorNativeSidecars,
		crdPrunesRestartPolicy,
	}
}

// ByID returns the check with the given id.
func ByID(id string) (checks.Check, bool) {
	for _, c := range All() {
		if c.ID == id {
			return c, true
		}
	}
	return checks.Check{}, false
}
