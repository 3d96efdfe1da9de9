package cluster

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"

// Where a new check starts. A check is a rule in a file of its own, named by its id; its Run gets the scene
// (scene.go), which has looked up what several checks ask for. What it cannot see goes into Missing: the kinds
// that the check Needs are added by checks.Run, single instances are for the check. Fixes are steps.
//
// A check on nodes starts with s.nodes:
//   - ordinary leaves out virtual nodes, which node-cannot-run-sidecars is about (nodes.go);
//   - gated picks the nodes whose gate is on, off, unsupported or unknown;
//   - unreadKubelets and Node.noVersionGap are the gaps of those that are unknown;
//   - Node.Evidence and Node.VersionEvidence quote what was read;
//   - triedNodes and triedGates are Tried;
//   - NodeUpgrade, KubeletGateFix and keepAway are steps (nodefix.go).
//
// A check on API servers starts with s.apiServers, a Fleet (fleet.go, unseen.go):
//   - having makes a finding of each whose gate is in a state;
//   - checked adds what is missing of the API servers that were not seen, unless their version follows;
//   - undecided and versionless are the gaps of those that were seen;
//   - GateFix and upgradeFix are steps (planefix.go).
//
// A check on kube-scheduler or kube-controller-manager is one call of tooOld or gateOff (component.go). For
// anything else, componentOf tells its static pods, or the versions that it can have where there are none.
//
// A check on admission starts with s.runs, the classes with what became of their canaries (admission.go):
//   - changed is the whole check where a canary came back with a change of one kind (changes.go);
//   - undecided is Missing and triedClasses is Tried; both ask which canaries decide;
//   - attributions groups what happened by culprit, and has object, where, evidence and steps (culprits.go);
//   - unproven are the gaps that leave the culprit open (doubt.go).
//
// A check on the software behind webhooks starts with installed, or with recognize (software.go).

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
		templateStripsRestartPolicy,
		webhookBreaksPodUpdates,
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
