package checks

// The ids of checks that are named outside their own file: as the cause of what another check found, by
// the check on pods of the same id, or by a command that acts on them. A new check needs no line here.
const (
	APIServerGateOff       = "apiserver-gate-off"
	APIServerTooOld        = "apiserver-too-old"
	APIServersDisagree     = "apiservers-disagree"
	SchedulerGateOff       = "scheduler-gate-off"
	KnownControlPlaneBug   = "known-control-plane-bug"
	KubeletTooOld          = "kubelet-too-old"
	KubeletGateOff         = "kubelet-gate-off"
	KnownKubeletBug        = "known-kubelet-bug"
	NodeCannotRunSidecars  = "node-cannot-run-sidecars"
	CRDPrunesRestartPolicy = "crd-prunes-restart-policy"
	// WebhookBreaksPodUpdates is both: a risk on clusters, and what has hit a pod of a Job.
	WebhookBreaksPodUpdates = "webhook-breaks-pod-updates"
	// WebhookStripsWorkload is the check on manifests that needs canaries.
	WebhookStripsWorkload = "webhook-strips-workload"

	RestartPolicyStripped = "restart-policy-stripped"
	PodRefused            = "pod-refused"
)
