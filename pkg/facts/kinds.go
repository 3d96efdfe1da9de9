package facts

// kinds is the table of contents of a snapshot: what each kind is called for people and how it
// gets into a file when it is missing there.
var kinds = []struct {
	kind Kind
	get  string
}{
	{Clock, "say when it was taken with --taken-at TIME, or take the file with: kubectl sidecar snapshot -o FILE"},
	{APIServers, "run against the cluster, or take the file with: kubectl sidecar snapshot -o FILE"},
	{ControlPlane, "run against the cluster, or add: kubectl get pods -n kube-system -l tier=control-plane -o yaml"},
	{Nodes, "run against the cluster, or add: kubectl get nodes -o yaml"},
	{Kubelets, "run against the cluster, or take the file with: kubectl sidecar snapshot -o FILE"},
	{Namespaces, "run against the cluster, or add: kubectl get namespaces -o yaml"},
	{MutatingWebhooks, "run against the cluster, or add: kubectl get mutatingwebhookconfigurations -o yaml"},
	{MutatingPolicies, "run against the cluster, or add: kubectl get mutatingadmissionpolicies,mutatingadmissionpolicybindings -o yaml"},
	{Canaries, "run against the cluster, or take the file with: kubectl sidecar snapshot -o FILE"},
	{WebhookBackends, "run against the cluster, or take the file with: kubectl sidecar snapshot -o FILE"},
	{CRDs, "run against the cluster, or take the file with: kubectl sidecar snapshot -o FILE"},
	{Pods, "run against the cluster, or add: kubectl get pods -A -o yaml --show-managed-fields"},
	{Events, "run against the cluster, or add: kubectl get events -A -o yaml"},
	{Deployments, "run against the cluster, or add: kubectl get deployments -A -o yaml --show-managed-fields"},
	{ReplicaSets, "run against the cluster, or add: kubectl get replicasets -A -o yaml --show-managed-fields"},
	{StatefulSets, "run against the cluster, or add: kubectl get statefulsets -A -o yaml --show-managed-fields"},
	{DaemonSets, "run against the cluster, or add: kubectl get daemonsets -A -o yaml --show-managed-fields"},
	{Jobs, "run against the cluster, or add: kubectl get jobs -A -o yaml --show-managed-fields"},
	{CronJobs, "run against the cluster, or add: kubectl get cronjobs -A -o yaml --show-managed-fields"},
	{CustomWorkloads, "run against the cluster"},
	{Services, "run against the cluster, or add: kubectl get services -A -o yaml"},
	{EndpointSlices, "run against the cluster, or add: kubectl get endpointslices -A -o yaml"},
	{Logs, "run against the cluster, without --logs=false"},
}

// HowToGet says how facts of kind k get into a snapshot.
func HowToGet(k Kind) string {
	for _, row := range kinds {
		if row.kind == k {
			return row.get
		}
	}
	return "take the file with: kubectl sidecar snapshot -o FILE"
}

// Kinds lists every kind of fact, in the order of the table.
func Kinds() []Kind {
	out := make([]Kind, 0, len(kinds))
	for _, row := range kinds {
		out = append(out, row.kind)
	}
	return out
}
