package collect

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestParseNames(t *testing.T) {
	pod := func(name string) Name { return Name{"pods", name} }
	for _, test := range []struct {
		args []string
		want []Name
		err  string
	}{
		{args: nil},
		{args: []string{"web"}, want: []Name{pod("web")}},
		{args: []string{"web", "db"}, want: []Name{pod("web"), pod("db")}},
		{args: []string{"web", "web"}, want: []Name{pod("web")}},
		{args: []string{"deploy/web", "x", "job/y"}, want: []Name{{"deploy", "web"}, pod("x"), {"job", "y"}}},
		{args: []string{"deploy", "web", "db"}, want: []Name{{"deploy", "web"}, {"deploy", "db"}}},
		{args: []string{"Deployment.apps", "web"}, want: []Name{{"Deployment.apps", "web"}}},
		{args: []string{"deploy"}, want: []Name{pod("deploy")}},
		{args: []string{"rollouts.argoproj.io/web"}, want: []Name{{"rollouts.argoproj.io", "web"}}},
		{args: []string{"deploy/"}, err: `"deploy/" is neither NAME nor TYPE/NAME`},
		{args: []string{"a/b/c"}, err: `"a/b/c" is neither NAME nor TYPE/NAME`},
	} {
		got, err := ParseNames(test.args)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != test.err || !cmp.Equal(got, test.want) {
			t.Errorf("%q: %v, %q; want %v, %q", test.args, got, text, test.want, test.err)
		}
	}
}

func TestLikelyOwners(t *testing.T) {
	for pod, want := range map[string][]Name{
		"web":                   nil,
		"web-c5c688f8b-6h4cn":   {{"replicasets", "web-c5c688f8b"}, {"jobs", "web-c5c688f8b"}, {"daemonsets", "web-c5c688f8b"}},
		"db-0":                  {{"statefulsets", "db"}},
		"import-28391040-x7f4k": {{"replicasets", "import-28391040"}, {"jobs", "import"}, {"daemonsets", "import-28391040"}},
		"index-3-x7f4k":         {{"jobs", "index"}, {"daemonsets", "index-3"}},
	} {
		if diff := cmp.Diff(want, likelyOwners(pod)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pod, diff)
		}
	}
}

// readyFor has containers that began to run and became ready some time ago.
func readyFor(p *corev1.Pod, ready, runs time.Duration) {
	at := func(ago time.Duration) metav1.Time { return metav1.NewTime(time.Now().Add(-ago)) }
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.ContainersReady, Status: corev1.ConditionTrue, LastTransitionTime: at(ready)})
	p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{}
	p.Status.ContainerStatuses[0].State.Running = &corev1.ContainerStateRunning{StartedAt: at(runs)}
}

func TestSuspicious(t *testing.T) {
	pod := func(change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a"}, {Name: "b"}}},
			Status: corev1.PodStatus{
				Phase:             corev1.PodRunning,
				Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
				ContainerStatuses: []corev1.ContainerStatus{{Name: "a"}, {Name: "b"}},
			},
		}
		change(p)
		return p
	}
	now := metav1.Now()
	for name, test := range map[string]struct {
		change func(*corev1.Pod)
		want   bool
	}{
		"running and ready": {func(*corev1.Pod) {}, false},
		"pending":           {func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }, true},
		"failed":            {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, true},
		"succeeded":         {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, false},
		"being deleted":     {func(p *corev1.Pod) { p.DeletionTimestamp = &now }, true},
		"not ready":         {func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }, true},
		"restarted":         {func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 1 }, true},
		"restarted, alone": {func(p *corev1.Pod) {
			p.Spec.Containers = p.Spec.Containers[:1]
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "a", RestartCount: 3}}
		}, false},
		"a sidecar in back-off": {func(p *corev1.Pod) {
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}}}
		}, true},
		"resized": {func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodResizePending, Status: corev1.ConditionTrue})
		}, true},
		"ready since it started": {func(p *corev1.Pod) { readyFor(p, time.Minute, 100*time.Second) }, false},
		"ready late, and young":  {func(p *corev1.Pod) { readyFor(p, time.Minute, 3*time.Minute) }, true},
		"ready again":            {func(p *corev1.Pod) { readyFor(p, time.Minute, time.Hour) }, true},
		"ready again for long":   {func(p *corev1.Pod) { readyFor(p, readyTime+time.Second, time.Hour) }, false},
		"ready again, alone": {func(p *corev1.Pod) {
			readyFor(p, time.Minute, time.Hour)
			p.Spec.Containers = p.Spec.Containers[:1]
		}, false},
	} {
		if got := suspicious(pod(test.change), now.Time); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
