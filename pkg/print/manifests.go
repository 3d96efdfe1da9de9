package print

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// commandOf is the command whose report it is, of those that judge by checks alone.
func commandOf(r *report.Report) string {
	if r.Manifests != nil {
		return "lint"
	}
	return "doctor"
}

// subject is what a report is about: a cluster, or manifests for a version.
func subject(r *report.Report) string {
	if r.Manifests == nil {
		return clusterName(r) + ", collected " + seenAt(r)
	}
	text := "manifests: " + manifestsLine(r)
	if r.Cluster.Server != "" {
		text = clusterName(r) + ", collected " + seenAt(r) + "; " + text
	}
	return text
}

// manifestsLine is "3 workloads in 2 files, for Kubernetes 1.37".
func manifestsLine(r *report.Report) string {
	m := r.Manifests
	text := prose.Counted(m.Workloads, "workload")
	if m.Files > 0 {
		text += " in " + prose.Counted(m.Files, "file")
	}
	return text + ", for Kubernetes " + m.KubernetesVersion
}
