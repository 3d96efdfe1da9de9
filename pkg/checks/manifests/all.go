package manifests

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"

// All is every check on manifests, in their order.
func All() []checks.Check { return checks.List(rules()) }

// rules are the checks on manifests: what cannot work first.
func rules() []rule {
	return []rule{
		restartPolicyMisplaced,
		fieldNotInVersion,
		customResourceDropsField,
		probeOnPlainInit,
		nativePrestopQuits,
		failurePolicyCatchesSidecar,
		nativeNamedPort,
		twinSuperfluous,
	}
}
