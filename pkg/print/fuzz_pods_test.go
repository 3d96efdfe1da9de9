package print

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/randfill"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// FuzzPodStatus gives the pods of recorded situations statuses that no kubelet would write, and has
// them diagnosed, drawn and printed in every format. FuzzReport seldom gets that far: to a fuzzer most
// of a file is names.
func FuzzPodStatus(f *testing.F) {
	files, err := filepath.Glob("../../test/e2e/cases/*/seen.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded situations: %v", err)
	}
	recorded := make([]*facts.Snapshot, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if recorded[i], err = facts.Read(bytes.NewReader(data), file); err != nil {
			f.Fatal(err)
		}
		if i%8 == 0 {
			f.Add(uint8(i), data[:min(len(data), 512)])
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		copied := *recorded[int(which)%len(recorded)]
		s := &copied
		s.Pods = slices.Clone(s.Pods)
		fill := randfill.NewFromGoFuzz(data).NilChance(0.3).NumElements(0, 4)
		for i := range s.Pods {
			s.Pods[i] = *s.Pods[i].DeepCopy()
			if len(data) > 0 {
				scramble(fill, &s.Pods[i])
			}
		}
		why := report.Why(s, pods.Judge(s, nil), nil, "test")
		for _, format := range WhyFormats {
			printed(t, format.Name, format.Print, why)
		}
	})
}

// scramble fills what the kubelet and the API server write. The statuses keep the names of containers:
// without them they are nobody's.
func scramble(fill *randfill.Filler, p *corev1.Pod) {
	fill.Fill(&p.Status.Phase)
	fill.Fill(&p.Status.Conditions)
	fill.Fill(&p.Status.Reason)
	fill.Fill(&p.Status.Message)
	fill.Fill(&p.Status.StartTime)
	fill.Fill(&p.DeletionTimestamp)
	fill.Fill(&p.DeletionGracePeriodSeconds)
	fill.Fill(&p.Spec.TerminationGracePeriodSeconds)
	p.Status.InitContainerStatuses = kubeletsWords(fill, p.Spec.InitContainers)
	p.Status.ContainerStatuses = kubeletsWords(fill, p.Spec.Containers)
}

func kubeletsWords(fill *randfill.Filler, containers []corev1.Container) []corev1.ContainerStatus {
	var out []corev1.ContainerStatus
	for i := range containers {
		c := &containers[i]
		fill.Fill(&c.RestartPolicy)
		if c.StartupProbe != nil {
			fill.Fill(&c.StartupProbe.PeriodSeconds)
			fill.Fill(&c.StartupProbe.FailureThreshold)
			fill.Fill(&c.StartupProbe.InitialDelaySeconds)
		}
		status := corev1.ContainerStatus{Name: c.Name}
		fill.Fill(&status.State)
		fill.Fill(&status.LastTerminationState)
		fill.Fill(&status.RestartCount)
		fill.Fill(&status.Ready)
		fill.Fill(&status.Started)
		out = append(out, status)
	}
	return out
}
