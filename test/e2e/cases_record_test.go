package e2e

import (
	"bytes"
	"fmt"
	"os"
	"slices"
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
	out, err := st.run(s, nil, "get", kinds, "-o", "yaml", "--show-managed-fields")
	if err != nil {
		return fmt.Errorf("record: %w\n%s", err, out)
	}
	var list map[string]any
	if err := yaml.Unmarshal(out, &list); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	list["items"] = trim(list["items"].([]any), s)
	data, err := yaml.Marshal(list)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	var file bytes.Buffer
	fmt.Fprintf(&file, "# Recorded at %s on Kubernetes %s:\n", at.Format(time.RFC3339), st.cluster.APIServers[0].GitVersion)
	fmt.Fprintf(&file, "# kubectl get %s -n %s -o yaml --show-managed-fields\n", kinds, s.name)
	file.WriteString("# Left out: nodes without a pod of it, their images and most conditions; managed fields of\n" +
		"# nodes, events and of the status of objects.\n")
	file.Write(data)
	return os.WriteFile(s.seenFile(), file.Bytes(), 0o644)
}

// trim leaves what can matter to a pod, so that people can read it.
func trim(items []any, s *situation) []any {
	used := map[any]bool{}
	var kept []any
	for _, item := range items {
		object := item.(map[string]any)
		metadata := object["metadata"].(map[string]any)
		spec, _ := object["spec"].(map[string]any)
		switch object["kind"] {
		case "Pod":
			used[spec["nodeName"]] = true
		case "Node":
			if !s.AllNodes && !used[metadata["name"]] {
				continue
			}
			delete(metadata, "managedFields")
			trimNode(object["status"].(map[string]any))
		case "Event":
			delete(metadata, "managedFields")
		}
		trimManagers(metadata)
		kept = append(kept, object)
	}
	return kept
}

func trimManagers(metadata map[string]any) {
	managers, _ := metadata["managedFields"].([]any)
	managers = slices.DeleteFunc(managers, func(m any) bool { return m.(map[string]any)["subresource"] == "status" })
	if len(managers) > 0 {
		metadata["managedFields"] = managers
	}
}

func trimNode(status map[string]any) {
	for _, field := range []string{"images", "capacity", "daemonEndpoints", "volumesInUse", "volumesAttached", "runtimeHandlers", "features"} {
		delete(status, field)
	}
	conditions, _ := status["conditions"].([]any)
	status["conditions"] = slices.DeleteFunc(conditions, func(c any) bool { return c.(map[string]any)["type"] != "Ready" })
	if info, ok := status["nodeInfo"].(map[string]any); ok {
		for _, field := range []string{"bootID", "machineID", "systemUUID", "kernelVersion", "osImage", "swap"} {
			delete(info, field)
		}
	}
}
