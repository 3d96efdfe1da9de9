package print

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// after is a time after the pod's creation; negative is none.
func after(d time.Duration) time.Time {
	if d < 0 {
		return time.Time{}
	}
	return epoch.Add(d)
}

func segment(state pods.SegmentState, from, to time.Duration, note string) pods.Segment {
	return pods.Segment{State: state, From: after(from), To: after(to), Note: note}
}

func code(n int32) *int32 { return &n }

// timelines are what pictures are drawn of: a pod that stands at a sidecar, one with twelve
// containers, one whose containers end and come back.
func timelines() []pods.Diagnosis {
	const (
		s, m = time.Second, time.Minute
		open = -1
	)
	stuck := []pods.Row{
		{Name: "migrate", Type: "init", ExitCode: code(0), Reason: "Completed", Segments: []pods.Segment{
			segment(pods.SegmentWaiting, 0, 3*s, ""), segment(pods.SegmentRunning, 3*s, 12*s, "exit code 0"), segment(pods.SegmentTerminated, 12*s, open, "exit code 0"),
		}},
		{Name: "a-proxy-whose-name-is-longer-than-others-v2", Type: "sidecar", Blocks: true, Reason: "startup probe has not succeeded", Segments: []pods.Segment{
			segment(pods.SegmentWaiting, 0, 12*s, ""), segment(pods.SegmentRunning, 12*s, open, ""),
		}},
		{Name: "app", Type: "main", Reason: "PodInitializing", Segments: []pods.Segment{segment(pods.SegmentWaiting, 0, open, "PodInitializing")}},
	}
	var twelve []pods.Row
	for i := range 12 {
		start := time.Duration(i) * 4 * s
		row := pods.Row{Name: fmt.Sprintf("container-%c", 'a'+i), Type: "sidecar", Reason: "running", Segments: []pods.Segment{
			segment(pods.SegmentWaiting, 0, start, ""), segment(pods.SegmentRunning, start, start+4*s, ""), segment(pods.SegmentStarted, start+4*s, open, ""),
		}}
		if i > 9 {
			row.Type = "main"
		}
		twelve = append(twelve, row)
	}
	restarts := []pods.Row{
		{Name: "proxy", Type: "sidecar", Restarts: 6, ExitCode: code(137), Blocks: true, Reason: "CrashLoopBackOff", Segments: []pods.Segment{
			segment(pods.SegmentWaiting, 0, 20*m, "5 earlier runs not in the status any more"),
			segment(pods.SegmentRunning, 20*m, 22*m, "exit code 137, OOMKilled"), segment(pods.SegmentWaiting, 22*m, open, "CrashLoopBackOff"),
		}},
		{Name: "agent", Type: "sidecar", Restarts: 1, ExitCode: code(0), Reason: "running", Segments: []pods.Segment{
			segment(pods.SegmentWaiting, 0, 1*m, ""), segment(pods.SegmentStarted, 1*m, 8*m, "exit code 0"),
			segment(pods.SegmentTerminated, 8*m, 10*m, "exit code 0"), segment(pods.SegmentStarted, 10*m, open, ""),
		}},
		{Name: "app", Type: "main", Reason: "not in the status yet", Segments: []pods.Segment{{State: pods.SegmentWaiting}}},
	}
	var out []pods.Diagnosis
	for i, rows := range [][]pods.Row{stuck, twelve, restarts} {
		d := pods.Diagnosis{Timeline: rows}
		d.Object = checks.Object{Kind: "Pod", Namespace: "shop", Name: fmt.Sprintf("pod-%d", i)}
		d.Pods = []string{d.Object.Name}
		out = append(out, d)
	}
	return out
}

// TestPictures draws them for every kind of place: what is compared is meant to be looked at.
func TestPictures(t *testing.T) {
	lengths := []time.Duration{250 * time.Second, 130 * time.Minute, 25 * time.Minute}
	var pictures []picture
	for i, d := range timelines() {
		pictures = append(pictures, pictureOf(d, epoch.Add(lengths[i]), true))
	}
	for name, o := range map[string]Options{
		"utf8-80.txt":   {Width: 80, Unicode: true},
		"ascii-80.txt":  {Width: 80},
		"color-120.txt": {Width: 120, Unicode: true, Color: true},
		"utf8-40.txt":   {Width: 40, Unicode: true},
	} {
		var out bytes.Buffer
		p := newPage(&out, o, false)
		for _, pic := range pictures {
			p.prose("  ", "", pic.title)
			p.picture(pic)
		}
		if err := p.w.Flush(); err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/timeline/"+name, out.Bytes())
		for _, l := range strings.Split(out.String(), "\n") {
			if n := twwidth.Width(l); n > max(o.Width, 43) {
				t.Errorf("%s: %d columns: %s", name, n, l)
			}
		}
	}
	var out bytes.Buffer
	if err := svgPictures(&out, "why <three> pods & their containers stand", pictures); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/timeline/pictures.svg", out.Bytes())
}

func TestTicks(t *testing.T) {
	for _, test := range []struct {
		s    scale
		want string
	}{
		{scale{length: 0, width: 40}, "0s"},
		{scale{length: 3 * time.Second, width: 40}, "0s 1s 2s"},
		{scale{length: 4 * time.Minute, width: 40}, "0s 1m 2m 3m"},
		{scale{length: 90 * time.Minute, width: 40}, "0s 15m 30m 45m 1h 1h15m"},
		{scale{length: 40 * day, width: 40}, "0s 5d 10d 15d 20d 25d 30d 35d"},
		{scale{length: 3 * day, width: 40, unit: 2 * time.Second}, "0s 5s 30s 5m 30m 3h 12h"},
	} {
		var got []string
		for _, tick := range test.s.ticks(1) {
			got = append(got, short(tick))
		}
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%v in %v columns (-want +got):\n%s", test.s.length, test.s.width, diff)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 400 * time.Millisecond: "0s", 59 * time.Second: "59s", 90 * time.Second: "1m30s",
		time.Hour: "1h", time.Hour + 30*time.Second: "1h", 26 * time.Hour: "1d2h", 49*time.Hour + time.Minute: "2d1h",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
