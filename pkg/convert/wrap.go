package convert

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// universal has each sidecar twice. The main container waits whichever of them works; the file that it leaves at its end
// ends the old one, and says nothing to the native one, which the kubelet ends.
func (w *wrapping) universal(mains []*roles.Container) {
	policy := string(restartPolicy(w.Workload))
	var twins []any
	for i, m := range w.Moves {
		name, dir := handshake(i)
		old := []string{"--universal", "old", "--dir", dir, "--restart-policy", policy}
		if ends(w.Workload) {
			old = append(old, "--main-ended", endedFile)
		}
		command, ok := w.command(m.Container)
		if !ok {
			continue
		}
		mounts := []any{mount(runVolume, runDir)}
		if name != runVolume {
			mounts = append(mounts, mount(name, dir))
		}
		twins = append(twins, w.twin(m.Container, mounts, slices.Concat([]string{runProgram, "--universal", "native", "--dir", dir, "--"}, command)))
		w.before(m.Container, old, mounts[1:]...)
		w.add(Remark{Kind: Twice, Container: m.Container, About: requests(w.j.Container(m.Container)), Place: m.Place})
	}
	var options []string
	if ends(w.Workload) {
		options = append(w.policy(), "--quit", endedFile) // before all waits: nothing is verified by them
	}
	for _, m := range w.Moves {
		if address := w.waitFor(m); address != "" {
			options = append(options, "--wait", address)
		} else if m.Proposal.Doubt != roles.NotNeeded {
			w.add(Remark{Kind: NoWait, Container: m.Container, Place: m.Place})
		}
	}
	if len(options) > 0 {
		for _, c := range mains {
			w.before(c.Name, options)
		}
	}
	w.add(Remark{Kind: KubeletDecides, Place: w.Workload.Place})
	w.initContainers(twins)
}

// wrapper has the main container wait for each sidecar, and end it.
func (w *wrapping) wrapper(mains []*roles.Container) {
	var options []string
	for _, known := range w.o.Injected {
		options = append(options, "--sidecar", known)
	}
	for _, m := range w.Moves {
		address := w.waitFor(m)
		if address != "" {
			options = append(options, "--wait", address)
		} else if m.Proposal.Doubt != roles.NotNeeded {
			if !ends(w.Workload) {
				w.Unanswered = append(w.Unanswered, Unanswered{Container: m.Container, Place: m.Place})
				continue
			}
			w.add(Remark{Kind: NoWait, Container: m.Container, Place: m.Place})
		}
		if ends(w.Workload) {
			options = append(options, w.quit(m)...)
		}
	}
	if ends(w.Workload) && len(options) > 0 {
		options = append(w.policy(), options...)
	}
	if len(options) > 0 {
		for _, c := range mains {
			w.before(c.Name, options)
		}
	}
	w.initContainers(nil)
}

// policy is the option about a main container that is restarted in its pod.
func (w *wrapping) policy() []string {
	if p := restartPolicy(w.Workload); p != corev1.RestartPolicyNever {
		return []string{"--restart-policy", string(p)}
	}
	return nil
}

// quit are the options that end a sidecar: its own endpoint, where that is on, or a file that sidecar-run before its
// command looks for. What ends it now and stays does so then.
func (w *wrapping) quit(m Move) []string {
	c := w.j.Container(m.Container)
	stays := slices.ContainsFunc(w.Removed, func(r Removed) bool {
		return r.Left != "" && r.Sidecar == m.Container && slices.Contains(endings, r.Kind)
	})
	switch address := quitOf(c, w.Workload); {
	case stays:
		w.add(Remark{Kind: EndsAsNow, Container: m.Container, Place: m.Place})
		return nil
	case address != "":
		return []string{"--quit", address}
	}
	if _, ok := w.command(m.Container); ok {
		w.before(m.Container, []string{"--main-ended", endedFile})
	}
	return []string{"--quit", endedFile}
}

// endings are workarounds that end a sidecar.
var endings = []roles.WorkaroundKind{roles.QuitCall, roles.SharedProcesses, roles.MarkerFile, roles.Kubexit, roles.Scuttle, roles.LinkerdAwait, roles.Kruise, roles.ExitWhenIdle}

// quitOf is the endpoint that ends a container; empty where it has none, or one that nothing says is on.
func quitOf(c *roles.Container, w *workload.Workload) string {
	if c.Software == nil || c.Software.Quit == nil {
		return ""
	}
	q := c.Software.Quit
	on := q.Needs == "" || q.Flag != "" && slices.ContainsFunc(software.Words(c.Container), func(word software.Word) bool { return strings.HasPrefix(word.Text, q.Flag) }) ||
		q.Annotation != "" && w.Template.Annotations[q.Annotation] == q.AnnotationValue
	if moved := slices.ContainsFunc(software.Words(c.Container), func(word software.Word) bool { return strings.Contains(word.Text, "admin-port") }); !on || moved {
		return ""
	}
	return q.Method + "=http://127.0.0.1:" + strconv.Itoa(q.Port) + q.Path
}

// waitFor is what answers when a sidecar can be used; empty where nothing says so.
func (w *wrapping) waitFor(m Move) string {
	if address := w.o.Waits[m.Container]; address != "" {
		return address
	}
	c := w.j.Container(m.Container)
	if m.Proposal.Doubt == roles.NotNeeded {
		return ""
	}
	if address := addressOf(c, m.Probe); address != "" {
		return address
	}
	if c.StartupProbe != nil {
		if address := addressOf(c, software.HandlerOf(c.StartupProbe)); address != "" {
			return address
		}
	}
	port, best := 0, roles.Low
	for _, e := range w.j.Edges {
		if e.To == m.Container && e.Port > 0 && (e.Kind == roles.Calls || e.Kind == roles.Waits) && (port == 0 || best != roles.High) {
			port, best = e.Port, e.Certainty
		}
	}
	if port == 0 {
		return ""
	}
	return tcp(port)
}

func tcp(port int) string { return "tcp://127.0.0.1:" + strconv.Itoa(port) }

// addressOf is what a probe asks, as sidecar-run asks it from the next container; empty for a command.
func addressOf(c *roles.Container, probe map[string]any) string {
	for _, kind := range []string{"httpGet", "tcpSocket", "grpc"} {
		fields, ok := probe[kind].(map[string]any)
		if !ok {
			continue
		}
		port := portOf(c, fields["port"])
		if port == 0 {
			return ""
		}
		path, _ := fields["path"].(string)
		if kind != "httpGet" || fields["scheme"] != nil && fields["scheme"] != "HTTP" || fields["httpHeaders"] != nil || fields["host"] != nil {
			return tcp(port)
		}
		return "http://127.0.0.1:" + strconv.Itoa(port) + "/" + strings.TrimPrefix(path, "/")
	}
	return ""
}

func portOf(c *roles.Container, value any) int {
	switch v := value.(type) {
	case int:
		return v
	case int32:
		return int(v)
	case int64:
		return int(v)
	case float64:
		return int(v)
	case string:
		for _, p := range c.Ports {
			if p.Name == v {
				return int(p.ContainerPort)
			}
		}
		n, _ := strconv.Atoi(v)
		return n
	}
	return 0
}

// command is the command of a container, of the manifest or as it was typed. Where neither has one, it is needed.
func (w *wrapping) command(name string) ([]string, bool) {
	c, _ := w.container("containers", name)
	if list, _ := c["command"].([]any); len(list) > 0 {
		var out []string
		for _, word := range list {
			text, ok := word.(string)
			if !ok {
				w.refuseAll(Unreadable, name)
				return nil, false
			}
			out = append(out, text)
		}
		return out, true
	}
	if command := w.o.Commands[name]; len(command) > 0 {
		if !slices.Contains(w.ofImage, name) {
			w.ofImage = append(w.ofImage, name)
		}
		return command, true
	}
	r := w.j.Container(name)
	need := Need{Container: name, Image: r.Image, Place: w.Workload.At(r.Path()...), HasArgs: len(r.Args) > 0}
	if !slices.Contains(w.Needs, need) {
		w.Needs = append(w.Needs, need)
	}
	return nil, false
}

// before puts sidecar-run with options before the command of a container, and gives it the volume.
func (w *wrapping) before(name string, options []string, mounts ...any) {
	command, ok := w.command(name)
	c, i := w.container("containers", name)
	if !ok || i < 0 {
		return
	}
	way := []string{"spec", "containers", strconv.Itoa(i)}
	words := slices.Concat([]string{runProgram}, options, []string{"--"})
	after := "name"
	if c["image"] != nil {
		after = "image"
	}
	if slices.Contains(w.ofImage, name) {
		w.adds = append(w.adds, edit.Add{Path: append(slices.Clone(way), "command"), Value: slices.Concat(words, command), After: after})
	} else {
		for n, word := range words {
			w.adds = append(w.adds, edit.Add{Path: append(slices.Clone(way), "command", strconv.Itoa(n)), Value: word})
		}
	}
	w.adds = append(w.adds, listAdds(c, "volumeMounts", way, append([]any{mount(runVolume, runDir)}, mounts...), edit.Add{After: after})...)
}

// handshake is the volume in which the two containers of the i-th universal sidecar meet, and where it is mounted. The
// first one shares that of the program.
func handshake(i int) (volume, dir string) {
	if i == 0 {
		return runVolume, runDir
	}
	n := "-" + strconv.Itoa(i+1)
	return runVolume + n, runDir + n
}

func mount(volume, dir string) map[string]any {
	return map[string]any{"name": volume, "mountPath": dir}
}

// listAdds add items behind a list, which they make where there is none.
func listAdds(in map[string]any, key string, way []string, items []any, a edit.Add) []edit.Add {
	list, _ := in[key].([]any)
	if len(list) == 0 {
		a.Path, a.Value = append(slices.Clone(way), key), items
		return []edit.Add{a}
	}
	var out []edit.Add
	for i, item := range items {
		out = append(out, edit.Add{Path: append(slices.Clone(way), key, strconv.Itoa(len(list)+i)), Value: item})
	}
	return out
}

// notInTwin are fields that a plain init container must not have, as which a cluster that is not ready sees the native
// one. Ports are those of the pod, whoever declares them.
var notInTwin = []string{"ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "resizePolicy", "restartPolicyRules"}

// twin is a sidecar once more, as a native one.
func (w *wrapping) twin(name string, mounts []any, command []string) map[string]any {
	c, _ := w.container("containers", name)
	out := maps.Clone(c)
	for _, key := range notInTwin {
		delete(out, key)
	}
	out["name"], out["restartPolicy"], out["command"] = name+twinSuffix, "Always", command
	own, _ := c["volumeMounts"].([]any)
	out["volumeMounts"] = slices.Concat(own, mounts)
	return out
}

// initContainers adds the one that brings the program, and what has to come behind it, where an init container that needs
// a sidecar allows that.
func (w *wrapping) initContainers(twins []any) {
	image := w.o.RunImage
	added := append([]any{map[string]any{
		"name": runVolume, "image": image, "command": []any{"/sidecar-run", "--install", runDir}, "volumeMounts": []any{mount(runVolume, runDir)},
	}}, twins...)
	list, _ := w.spec["initContainers"].([]any)
	if len(list) == 0 {
		w.adds = append(w.adds, edit.Add{Path: []string{"spec", "initContainers"}, Value: added, Before: "containers"})
	} else {
		at := len(list)
		for _, m := range w.Moves {
			if _, i := w.container("initContainers", m.Before); m.Before != "" && i >= 0 && len(twins) > 0 {
				at = min(at, i)
			}
		}
		for n, item := range added {
			w.adds = append(w.adds, edit.Add{Path: []string{"spec", "initContainers", strconv.Itoa(at + n)}, Value: item})
		}
	}
	var volumes []any
	for i := range max(1, len(twins)) {
		name, _ := handshake(i)
		volumes = append(volumes, map[string]any{"name": name, "emptyDir": map[string]any{}})
	}
	w.adds = append(w.adds, listAdds(w.spec, "volumes", []string{"spec"}, volumes, edit.Add{Before: "containers"})...)
}

// finish notes what was done, so it can be taken back.
func (w *wrapping) finish() {
	var sidecars []string
	for _, m := range w.Moves {
		sidecars = append(sidecars, m.Container)
	}
	notes := map[string]string{facts.StrategyAnnotation: string(w.o.Strategy)}
	if len(sidecars) > 0 {
		notes[facts.SidecarsAnnotation] = strings.Join(sidecars, ",")
	}
	if len(w.ofImage) > 0 {
		notes[facts.ImageCommandsAnnotation] = strings.Join(w.ofImage, ",")
	}
	way := w.Workload.Way[:len(w.Workload.Way)-1]
	template, _ := workload.Descend(w.Workload.Object, way).(map[string]any)
	meta, _ := template["metadata"].(map[string]any)
	has, _ := meta["annotations"].(map[string]any)
	switch {
	case len(has) > 0:
		for _, key := range slices.Backward(slices.Sorted(maps.Keys(notes))) { // each as the first
			w.adds = append(w.adds, edit.Add{Path: []string{"metadata", "annotations", key}, Value: notes[key]})
		}
	case meta != nil:
		w.adds = append(w.adds, edit.Add{Path: []string{"metadata", "annotations"}, Value: notes})
	default:
		w.adds = append(w.adds, edit.Add{Path: []string{"metadata"}, Value: map[string]any{"annotations": notes}, Before: "spec"})
	}
}

// requests are what a container asks for, in words: cpu 100m, memory 64Mi; empty for nothing.
func requests(c *roles.Container) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(c.Resources.Requests)) {
		q := c.Resources.Requests[name]
		out = append(out, string(name)+" "+q.String())
	}
	return strings.Join(out, ", ")
}
