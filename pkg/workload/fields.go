package workload

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// FieldName is a way from the pod spec as people read it, with containers by their names:
// initContainers[name="proxy"].args[2].
func FieldName(spec *corev1.PodSpec, way []string) string {
	var out strings.Builder
	for i, key := range way {
		n, err := strconv.Atoi(key)
		name := ""
		if err == nil && i == 1 {
			name = ContainerAt(spec, way[0], n)
		}
		switch {
		case name != "":
			fmt.Fprintf(&out, "[name=%q]", name)
		case err == nil && i > 0:
			fmt.Fprintf(&out, "[%d]", n)
		case i > 0:
			out.WriteString("." + key)
		default:
			out.WriteString(key)
		}
	}
	return out.String()
}

// ContainerAt is the name of a container in one of the lists of a pod spec; empty where there is none.
func ContainerAt(spec *corev1.PodSpec, list string, n int) string {
	containers := map[string][]corev1.Container{"containers": spec.Containers, "initContainers": spec.InitContainers}[list]
	if n < 0 || n >= len(containers) {
		return ""
	}
	return containers[n].Name
}

// Descend follows keys of mappings and indexes of lists through a decoded object; nil where there is nothing.
func Descend(object any, way []string) any {
	for _, key := range way {
		switch in := object.(type) {
		case map[string]any:
			object = in[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			object = in[i]
		default:
			return nil
		}
	}
	return object
}
