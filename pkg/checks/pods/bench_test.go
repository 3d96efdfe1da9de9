package pods

import (
	"fmt"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts/factstest"
)

// BenchmarkPods judges pods in every kind of trouble that was recorded, each situation as often as it
// is in a namespace of its own. What it costs per pod must not grow with their number:
//
//	go test ./pkg/checks -run '^$' -bench Pods -benchtime 1x
func BenchmarkPods(b *testing.B) {
	for _, times := range []int{5, 10, 20, 40} {
		b.Run(fmt.Sprint(times), func(b *testing.B) {
			s := everything(b, times)
			for b.Loop() {
				Judge(s, nil)
			}
			b.ReportMetric(float64(len(s.Pods)), "pods")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(s.Pods)), "µs/pod")
		})
	}
}

// everything is all that was recorded, several times.
func everything(b *testing.B, times int) *facts.Snapshot {
	b.Helper()
	files, err := filepath.Glob(recordings + "/*/seen.yaml")
	if err != nil || len(files) == 0 {
		b.Fatalf("no recordings: %v", err)
	}
	all := &facts.Snapshot{}
	for _, file := range files {
		s := factstest.Read(b, file)
		for i := range times {
			suffix := fmt.Sprintf("-%d", i)
			all.Pods = appendMoved(all.Pods, s.Pods, suffix)
			all.Deployments = appendMoved(all.Deployments, s.Deployments, suffix)
			all.ReplicaSets = appendMoved(all.ReplicaSets, s.ReplicaSets, suffix)
			all.StatefulSets = appendMoved(all.StatefulSets, s.StatefulSets, suffix)
			all.DaemonSets = appendMoved(all.DaemonSets, s.DaemonSets, suffix)
			all.Jobs = appendMoved(all.Jobs, s.Jobs, suffix)
			all.CronJobs = appendMoved(all.CronJobs, s.CronJobs, suffix)
			moved := appendMoved(nil, s.Events, suffix)
			for j := range moved {
				moved[j].InvolvedObject.Namespace += suffix
			}
			all.Events = append(all.Events, moved...)
		}
		all.Nodes = append(all.Nodes, s.Nodes...)
	}
	all.Seen = facts.Kinds()
	all.TakenAt = all.NewestTime()
	return all
}

func appendMoved[T any, P interface {
	*T
	metav1.Object
}](to, from []T, suffix string) []T {
	for _, o := range from {
		P(&o).SetNamespace(P(&o).GetNamespace() + suffix)
		to = append(to, o)
	}
	return to
}
