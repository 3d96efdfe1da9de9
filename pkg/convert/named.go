package convert

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"

// within are the options with the containers that are named in one workload.
func (o Options) within(w *workload.Workload) Options {
	if len(o.Containers) == 0 {
		return o
	}
	var here []string
	for _, name := range o.Containers {
		if container := w.Meant(name); container != "" {
			here = append(here, container)
		}
	}
	o.only, o.Containers = true, here
	return o
}
