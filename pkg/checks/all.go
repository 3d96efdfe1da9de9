package checks

// All is every check, in the order of the report: control plane, nodes, admission; causes before
// what follows from them. This is the table of contents; a check that is not here does not run.
func All() []Check {
	return []Check{
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
func ByID(id string) (Check, bool) {
	for _, c := range All() {
		if c.ID == id {
			return c, true
		}
	}
	return Check{}, false
}
