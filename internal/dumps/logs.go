package dumps

import (
	"bytes"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// How much of a log is kept: as much as of one that is asked for.
const (
	tailLines = 20
	tailBytes = 16 << 10
)

// A tail keeps the end of what is written to it.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if n > 2*tailBytes {
		p = p[n-2*tailBytes:]
	}
	t.data = append(t.data, p...)
	if over := len(t.data) - 2*tailBytes; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return n, nil
}

// lines are the last ones, each whole, as far as they fit.
func (t *tail) lines() []string {
	data := t.data
	if len(data) > tailBytes {
		data = data[len(data)-tailBytes:]
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			data = data[i+1:]
		}
	}
	text := strings.TrimRight(strings.ToValidUTF8(string(data), "\ufffd"), "\r\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(facts.RedactText(text), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	for i := range lines {
		lines[i] = facts.RedactText(strings.TrimRight(lines[i], "\r"))
	}
	return lines
}

// A logText is a log whose container is said, or is to be found out by its place when the pods are known.
type logText struct {
	place string
	owner owner
	lines []string
}

// A run is one of a container: the current or the previous one.
type run struct {
	owner
	previous bool
}

// keepLog keeps a log of a container.
func (r *reader) keepLog(place string, o owner, t *tail) {
	lines := t.lines()
	if len(lines) == 0 {
		return
	}
	if last := lines[len(lines)-1]; o.pod != "" && requestFailed.MatchString(last) {
		lines = lines[:len(lines)-1]
		if !notStarted.MatchString(last) {
			r.unread = append(r.unread, unread{place: place, reason: last, kind: facts.Logs, about: facts.PodInstance(o.namespace, o.pod)})
		}
	}
	size := int64(0)
	for _, line := range lines {
		size += int64(len(line))
	}
	if r.spent.logs+size > r.max.logs {
		r.unread = append(r.unread, unread{place: place, reason: "there are more logs than are kept", kind: facts.Logs})
		return
	}
	r.spent.logs += size
	if len(lines) > 0 {
		r.logs = append(r.logs, logText{place, o, lines})
	}
}

var (
	// requestFailed is what kubectl cluster-info dump writes instead of a log that it did not get.
	requestFailed = regexp.MustCompile(`^(?:Create log request|Request log) error: `)
	// notStarted is why there is none, in the words of the API server, or of client-go for the same.
	notStarted = regexp.MustCompile(`waiting to start|not found|rejected our request for an unknown reason`)
)

// log reads a file with a log.
func (r *reader) log(s source) error {
	t := &tail{}
	if _, err := io.Copy(t, s.from); err != nil {
		return r.failed(s, err)
	}
	r.keepLog(s.place, owner{}, t)
	return nil
}

var (
	// gathered is where must-gather puts logs, with the time before each line.
	gathered = regexp.MustCompile(`(?:^|/)namespaces/([^/]+)/pods/([^/]+)/([^/]+)/[^/]+/logs/(current|previous)(?:\.insecure)?\.log$`)
	stamp    = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) ?`)
	// supported is where troubleshoot puts logs.
	supported = regexp.MustCompile(`(?:^|/)pods/logs/([^/]+)/([^/]+)/([^/]+)\.log$`)
)

const previousEnding = "-previous"

// addLogs finds out whose logs there are, now that the pods are known.
func (r *reader) addLogs() {
	pods := map[string][]*corev1.Pod{}
	all := r.parts.Pods()
	for i := range all {
		pods[all[i].Name] = append(pods[all[i].Name], &all[i])
	}
	var out []facts.ContainerLog
	there := map[run]bool{}
	for _, l := range r.logs {
		log, ok := l.resolve(pods)
		if !ok {
			r.left = append(r.left, l.place)
			continue
		}
		if key := (run{owner{log.Container, log.Namespace, log.Pod}, log.Previous}); !there[key] {
			there[key] = true
			out = append(out, log)
		}
	}
	r.parts.AddLogs(out)
}

// resolve says whose log it is; false where no container of the pods that were read is meant.
func (l logText) resolve(pods map[string][]*corev1.Pod) (facts.ContainerLog, bool) {
	place := withoutPacking(l.place)
	if o := l.owner; o.pod != "" {
		return found(pods, o, l.lines)
	}
	if m := gathered.FindStringSubmatch(place); m != nil {
		lines := slices.Clone(l.lines)
		for i := range lines {
			lines[i] = stamp.ReplaceAllString(lines[i], "")
		}
		log, ok := found(pods, owner{m[3], m[1], m[2]}, lines)
		log.Previous = m[4] == "previous"
		return log, ok
	}
	if m := supported.FindStringSubmatch(place); m != nil {
		return eitherRun(pods, owner{m[3], m[1], m[2]}, l.lines)
	}
	name, folder := stem(place), path.Base(path.Dir(place))
	if len(pods[folder]) == 1 {
		return eitherRun(pods, owner{name, pods[folder][0].Namespace, folder}, l.lines)
	}
	return onlyContainer(pods, name, l.lines)
}

// eitherRun is the log of a container, or of its previous run where the name says so and no container has it.
func eitherRun(pods map[string][]*corev1.Pod, o owner, lines []string) (facts.ContainerLog, bool) {
	log, ok := found(pods, o, lines)
	name, previous := strings.CutSuffix(o.container, previousEnding)
	if ok || !previous {
		return log, ok
	}
	log, ok = found(pods, owner{name, o.namespace, o.pod}, lines)
	log.Previous = true
	return log, ok
}

// onlyContainer is the log of a pod with one container, which is named for the pod.
func onlyContainer(pods map[string][]*corev1.Pod, name string, lines []string) (facts.ContainerLog, bool) {
	pod, previous := name, false
	if len(pods[name]) == 0 {
		pod, previous = strings.CutSuffix(name, previousEnding)
	}
	if len(pods[pod]) != 1 {
		return facts.ContainerLog{}, false
	}
	p := pods[pod][0]
	if names := containersOf(p); len(names) == 1 {
		return facts.ContainerLog{Namespace: p.Namespace, Pod: p.Name, Container: names[0], Previous: previous, Lines: lines}, true
	}
	return facts.ContainerLog{}, false
}

func found(pods map[string][]*corev1.Pod, o owner, lines []string) (facts.ContainerLog, bool) {
	for _, p := range pods[o.pod] {
		if p.Namespace == o.namespace && slices.Contains(containersOf(p), o.container) {
			return facts.ContainerLog{Namespace: o.namespace, Pod: o.pod, Container: o.container, Lines: lines}, true
		}
	}
	return facts.ContainerLog{}, false
}

func containersOf(p *corev1.Pod) []string {
	var out []string
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		out = append(out, c.Name)
	}
	return out
}
