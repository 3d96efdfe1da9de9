package e2e

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// recorded is what is asked for; it is what a user would pipe into the plugin.
const recorded = "pods,events,jobs,cronjobs,deployments,replicasets,statefulsets,daemonsets"

// record writes what kubectl shows of the situation into its folder.
func (st *stage) record(s *situation) error {
	kinds := strings.Join(append([]string{recorded, "nodes"}, s.Also...), ",")
	at := time.Now().UTC().Truncate(time.Second)
	out, err := st.run(s, "get", kinds, "-o", "yaml", "--show-managed-fields")
	if err != nil {
		return fmt.Errorf("record: %w\n%s", err, out)
	}
	var list map[string]any
	if err := yaml.Unmarshal(out, &list); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	var items []any
	for _, item := range list["items"].([]any) {
		object := item.(map[string]any)
		if kind := object["kind"]; kind == "Node" || kind == "Event" {
			delete(object["metadata"].(map[string]any), "managedFields")
		}
		if object["kind"] == "Node" {
			trimNode(object)
		}
		items = append(items, object)
	}
	list["items"] = items
	data, err := yaml.Marshal(list)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	var file bytes.Buffer
	fmt.Fprintf(&file, "# Recorded at %s on Kubernetes %s:\n", at.Format(time.RFC3339), st.cluster.APIServers[0].GitVersion)
	fmt.Fprintf(&file, "# kubectl get %s -n %s -o yaml --show-managed-fields\n", kinds, s.name)
	fmt.Fprintf(&file, "# without the nodes' images, unchanging conditions, and managed fields of nodes and events.\n")
	file.Write(data)
	return os.WriteFile(s.file("seen.yaml"), file.Bytes(), 0o644)
}

// trimNode leaves what can matter to a pod.
func trimNode(node map[string]any) {
	status := node["status"].(map[string]any)
	for _, field := range []string{"images", "capacity", "daemonEndpoints", "volumesInUse", "volumesAttached", "runtimeHandlers", "features"} {
		delete(status, field)
	}
	var kept []any
	conditions, _ := status["conditions"].([]any)
	for _, c := range conditions {
		if c.(map[string]any)["type"] == "Ready" {
			kept = append(kept, c)
		}
	}
	if len(conditions) > 0 {
		status["conditions"] = kept
	}
	if info, ok := status["nodeInfo"].(map[string]any); ok {
		for _, field := range []string{"bootID", "machineID", "systemUUID", "kernelVersion", "osImage"} {
			delete(info, field)
		}
	}
}
