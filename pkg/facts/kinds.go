package facts

const (
	runOrAdd     = "run against the cluster, or add:"
	takeSnapshot = "kubectl sidecar snapshot -o FILE"
)

var (
	takeFile  = Do("say when it was taken with --taken-at TIME, or take the file with:", takeSnapshot)
	runOrTake = Do("run against the cluster, or take the file with:", takeSnapshot)
)

// kinds is the table of contents of a snapshot: what each kind is called for people and how it
// gets into a file when it is missing there.
var kinds = []struct {
	kind Kind
	get  Remedy
}{
	{Clock, takeFile},
	{APIServers, runOrTake},
	{ControlPlane, Do(runOrAdd, "kubectl get pods -n kube-system -l tier=control-plane -o yaml")},
	{Nodes, Do(runOrAdd, "kubectl get nodes -o yaml")},
	{Kubelets, runOrTake},
	{Namespaces, Do(runOrAdd, "kubectl get namespaces -o yaml")},
	{MutatingWebhooks, Do(runOrAdd, "kubectl get mutatingwebhookconfigurations -o yaml")},
	{MutatingPolicies, Do(runOrAdd, "kubectl get mutatingadmissionpolicies,mutatingadmissionpolicybindings -o yaml")},
	{ValidatingWebhooks, runOrTake},
	{ValidatingPolicies, runOrTake},
	{Canaries, runOrTake},
	{WebhookBackends, runOrTake},
	{CRDs, runOrTake},
	{Pods, Do(runOrAdd, "kubectl get pods -A -o yaml --show-managed-fields")},
	{Events, Do(runOrAdd, "kubectl get events -A -o yaml")},
	{Deployments, Do(runOrAdd, "kubectl get deployments -A -o yaml --show-managed-fields")},
	{ReplicaSets, Do(runOrAdd, "kubectl get replicasets -A -o yaml --show-managed-fields")},
	{StatefulSets, Do(runOrAdd, "kubectl get statefulsets -A -o yaml --show-managed-fields")},
	{DaemonSets, Do(runOrAdd, "kubectl get daemonsets -A -o yaml --show-managed-fields")},
	{Jobs, Do(runOrAdd, "kubectl get jobs -A -o yaml --show-managed-fields")},
	{CronJobs, Do(runOrAdd, "kubectl get cronjobs -A -o yaml --show-managed-fields")},
	{CustomWorkloads, Do("run against the cluster")},
	{Services, Do(runOrAdd, "kubectl get services -A -o yaml")},
	{EndpointSlices, Do(runOrAdd, "kubectl get endpointslices -A -o yaml")},
	{Logs, Do("run against the cluster, without --logs=false")},
}

// HowToGet says how facts of kind k get into a snapshot.
func HowToGet(k Kind) Remedy {
	for _, row := range kinds {
		if row.kind == k {
			return row.get
		}
	}
	return runOrTake
}

// Kinds lists every kind of fact, in the order of the table.
func Kinds() []Kind {
	out := make([]Kind, 0, len(kinds))
	for _, row := range kinds {
		out = append(out, row.kind)
	}
	return out
}
