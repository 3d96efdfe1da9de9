package facts

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestNewestTime: every time that has passed counts, wherever it stands; what may lie ahead does not.
func TestNewestTime(t *testing.T) {
	const newest = "2026-03-01T12:00:00Z"
	for name, test := range map[string]struct {
		object string
		counts bool
	}{
		"heartbeat of a node":        {`kind: Node, apiVersion: v1, status: {conditions: [{type: Ready, lastHeartbeatTime: "2026-03-01T12:00:00Z"}]}`, true},
		"managed fields":             {`kind: Node, apiVersion: v1, metadata: {managedFields: [{manager: kubelet, time: "2026-03-01T12:00:00Z"}]}`, true},
		"creation":                   {`kind: Namespace, apiVersion: v1, metadata: {name: a, creationTimestamp: "2026-03-01T12:00:00Z"}`, true},
		"condition of a pod":         {`kind: Pod, apiVersion: v1, status: {conditions: [{type: Ready, lastTransitionTime: "2026-03-01T12:00:00Z"}]}`, true},
		"probe of a condition":       {`kind: Pod, apiVersion: v1, status: {conditions: [{type: Ready, lastProbeTime: "2026-03-01T12:00:00Z"}]}`, true},
		"start of a pod":             {`kind: Pod, apiVersion: v1, status: {startTime: "2026-03-01T12:00:00Z"}`, true},
		"running":                    {`kind: Pod, apiVersion: v1, status: {initContainerStatuses: [{name: a, state: {running: {startedAt: "2026-03-01T12:00:00Z"}}}]}`, true},
		"terminated":                 {`kind: Pod, apiVersion: v1, status: {containerStatuses: [{name: a, state: {terminated: {exitCode: 0, finishedAt: "2026-03-01T12:00:00Z"}}}]}`, true},
		"an earlier run":             {`kind: Pod, apiVersion: v1, status: {containerStatuses: [{name: a, lastState: {terminated: {exitCode: 0, finishedAt: "2026-03-01T12:00:00Z"}}}]}`, true},
		"an ephemeral container":     {`kind: Pod, apiVersion: v1, status: {ephemeralContainerStatuses: [{name: a, state: {running: {startedAt: "2026-03-01T12:00:00Z"}}}]}`, true},
		"event":                      {`kind: Event, apiVersion: v1, lastTimestamp: "2026-03-01T12:00:00Z"`, true},
		"event with a fraction":      {`kind: Event, apiVersion: v1, eventTime: "2026-03-01T12:00:00.000000Z"`, true},
		"series of an event":         {`kind: Event, apiVersion: v1, series: {count: 2, lastObservedTime: "2026-03-01T12:00:00.000000Z"}`, true},
		"event of the other group":   {`kind: Event, apiVersion: events.k8s.io/v1, deprecatedLastTimestamp: "2026-03-01T12:00:00Z"`, true},
		"end of a Job":               {`kind: Job, apiVersion: batch/v1, status: {completionTime: "2026-03-01T12:00:00Z"}`, true},
		"start of a Job":             {`kind: Job, apiVersion: batch/v1, status: {startTime: "2026-03-01T12:00:00Z"}`, true},
		"last run of a CronJob":      {`kind: CronJob, apiVersion: batch/v1, status: {lastScheduleTime: "2026-03-01T12:00:00Z"}`, true},
		"update of a Deployment":     {`kind: Deployment, apiVersion: apps/v1, status: {conditions: [{type: Available, lastUpdateTime: "2026-03-01T12:00:00Z"}]}`, true},
		"Lease":                      {`kind: Lease, apiVersion: coordination.k8s.io/v1, spec: {renewTime: "2026-03-01T12:00:00.000000Z"}`, true},
		"a kind that is not read":    {`kind: Workflow, apiVersion: argoproj.io/v1alpha1, status: {nodes: {a: {finishedAt: "2026-03-01T12:00:00Z"}}}`, true},
		"an item of a list":          {`kind: List, apiVersion: v1, items: [{kind: Node, apiVersion: v1, metadata: {creationTimestamp: "2026-03-01T12:00:00Z"}}]`, true},
		"an item without a kind":     {`kind: NodeList, apiVersion: v1, items: [{metadata: {creationTimestamp: "2026-03-01T12:00:00Z"}}]`, true},
		"a snapshot without a clock": {`kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [nodes], nodes: [{metadata: {name: a, creationTimestamp: "2026-03-01T12:00:00Z"}}]`, true},

		"deletion":                {`kind: Pod, apiVersion: v1, metadata: {deletionTimestamp: "2026-03-01T12:00:00Z"}`, false},
		"annotation":              {`kind: Pod, apiVersion: v1, metadata: {annotations: {startedAt: "2026-03-01T12:00:00Z"}}`, false},
		"spec":                    {`kind: Schedule, apiVersion: example.com/v1, spec: {startTime: "2026-03-01T12:00:00Z"}`, false},
		"renewal that is planned": {`kind: Certificate, apiVersion: cert-manager.io/v1, spec: {renewTime: "2026-03-01T12:00:00Z"}, status: {notAfter: "2026-03-01T12:00:00Z", renewalTime: "2026-03-01T12:00:00Z"}`, false},
		"environment":             {`kind: Pod, apiVersion: v1, spec: {containers: [{name: a, env: [{name: startedAt, value: "2026-03-01T12:00:00Z"}]}]}`, false},
		"no time":                 {`kind: Workflow, apiVersion: argoproj.io/v1alpha1, status: {startTime: yesterday, startedAt: 7, message: "2026-03-01T12:00:00Z"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Read(strings.NewReader("{"+test.object+"}"), "file")
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if test.counts {
				want = newest
			}
			got := ""
			if at := s.NewestTime(); !at.IsZero() {
				got = at.UTC().Format(time.RFC3339)
			}
			if got != want {
				t.Errorf("newest time %q, want %q", got, want)
			}
		})
	}
}

// TestNotTakenAt: when a file was taken its reader may say, within what it can be.
func TestNotTakenAt(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	file, snapshot := Snapshot{Newest: metav1.NewTime(now.Add(-time.Hour))}, Snapshot{TakenAt: metav1.NewTime(now.Add(-time.Hour))}
	for _, test := range []struct {
		s    *Snapshot
		at   time.Time
		want string // a part of it
	}{
		{&file, now.Add(-time.Hour), ""},
		{&file, now.Add(-time.Hour - ClockTolerance), ""},
		{&file, now.Add(-time.Hour - ClockTolerance - time.Second), "up to 2026-03-01T11:00:00Z"},
		{&file, now, ""},
		{&file, now.Add(ClockTolerance), ""},
		{&file, now.Add(ClockTolerance + time.Second), "future"},
		{&snapshot, now.Add(-time.Hour), ""},
		{&snapshot, now, "taken at 2026-03-01T11:00:00Z"},
		{&Snapshot{}, now.Add(-time.Hour), ""},
	} {
		got := test.s.NotTakenAt(test.at, now)
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.at, got, test.want)
		}
	}
}
