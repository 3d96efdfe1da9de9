package facts

// kinds is the table of contents of a snapshot: what each kind is called for people and how it
// gets into a file when it is missing there.
var kinds = []struct {
	kind Kind
	get  string
}{
	{Clock, "take the file with: kubectl sidecar snapshot -o FILE"},
	{APIServers, "run against the cluster, or take the file with: kubectl sidecar snapshot -o FILE"},
	{ControlPlane, "run against the cluster, or add: kubectl get pods -n kube-system -l tier=control-plane -o yaml"},
	{Nodes, "run against the cluster, or add: kubectl get nodes -o yaml"},
	{Kubelets, "run against the cluster, or take the file with: kubectl sidecar snapshot -o FILE"},
	{Namespaces, "run against the cluster, or add: kubectl get namespaces -o yaml"},
	{MutatingWebhooks, "run against the cluster, or add: kubectl get mutatingwebhookconfigurations -o yaml"},
	{MutatingPolicies, "run against the cluster, or take the file with: kubectl sidecar snapshot -o FILE"},
	{Canaries, "run against the cluster, or take the file with: kubectl sidecar snapshot -o FILE"},
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
