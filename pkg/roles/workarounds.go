package roles

import (
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A WorkaroundKind is a way to order the start and the end of containers without native sidecars.
type WorkaroundKind string

const (
	// WaitLoop: the main waits in its own command.
	WaitLoop WorkaroundKind = "wait-loop"
	// FixedSleep: the main sleeps before it begins.
	FixedSleep WorkaroundKind = "sleep"
	// PostStartWait: a hook of the sidecar holds back the containers after it.
	PostStartWait WorkaroundKind = "post-start-wait"
	// PreStopHook: a hook of the sidecar delays its end, or brings it about.
	PreStopHook WorkaroundKind = "pre-stop"
	// QuitCall: the main calls the quit endpoint of the sidecar.
	QuitCall WorkaroundKind = "quit-call"
	// SharedProcesses: a container kills the process of another one.
	SharedProcesses WorkaroundKind = "shared-processes"
	// MarkerFile: a file in a shared volume says that the work is done, or that the sidecar is there.
	MarkerFile WorkaroundKind = "marker-file"
	Kubexit    WorkaroundKind = "kubexit"
	Scuttle    WorkaroundKind = "scuttle"
	// LinkerdAwait waits for Linkerd's proxy and stops it.
	LinkerdAwait WorkaroundKind = "linkerd-await"
	// HoldApplication is holdApplicationUntilProxyStarts of Istio.
	HoldApplication WorkaroundKind = "hold-application"
	// Kruise is the variable of OpenKruise.
	Kruise WorkaroundKind = "kruise"
	// ExitZero: a flag hides the exit code of the sidecar.
	ExitZero WorkaroundKind = "exit-zero"
	// ExitWhenIdle is EXIT_ON_ZERO_ACTIVE_CONNECTIONS of Istio's proxy.
	ExitWhenIdle WorkaroundKind = "exit-when-idle"
)

// A Fault is what is wrong with a workaround as it is.
type Fault string

const (
	// NeverRuns: the call is an argument of the command before it.
	NeverRuns Fault = "never-runs"
	// NotAfterFailure: it only runs when the work has succeeded.
	NotAfterFailure Fault = "not-after-failure"
	// LosesExitCode: the container exits with the code of the call.
	LosesExitCode Fault = "loses-exit-code"
)

// An Edit takes a part of a workaround out of the pod spec.
type Edit struct {
	// Path are the keys from the pod spec to what changes.
	Path []string `json:"path"`
	// Old is what is there, New what comes instead; nil removes the field or the item.
	Old any `json:"old,omitempty"`
	New any `json:"new,omitempty"`
	// Cut is the part of a script that goes, where nothing else of it changes; empty for other edits.
	Cut string `json:"-"`
}

// A Workaround is a whole set: all fields that only make sense together.
type Workaround struct {
	Kind WorkaroundKind `json:"kind"`
	// Container is where most of it stands, Sidecar the one that it is about; empty where that is not known.
	Container string `json:"container"`
	Sidecar   string `json:"sidecar,omitempty"`
	// Evidence are all fields that belong to it.
	Evidence []Evidence `json:"evidence"`
	// Understood reports whether every line of it is: only then it may be removed, with Edits, as a whole.
	Understood bool   `json:"understood"`
	Edits      []Edit `json:"edits,omitempty"`
	// Unclear is why it is not understood; empty where that is not known.
	Unclear Unclear `json:"-"`
	// Kept is what of it stays when it is removed.
	Kept []Kept `json:"-"`
	// Faults are what is wrong with it as it is. Where it loses the exit code, that comes out better without it.
	Faults []Fault `json:"faults,omitempty"`
	// Stale is set where the sidecar is native, so it is not needed anymore.
	Stale bool `json:"stale,omitempty"`
}

// workarounds finds them.
func (j *judge) workarounds() {
	for i := range j.Containers {
		c := &j.Containers[i]
		j.hooks(i)
		j.scripts(i)
		j.wrapper(i, Scuttle, scuttles)
		j.wrapper(i, LinkerdAwait, []string{"LINKERD_AWAIT_DISABLED", "LINKERD_AWAIT_VERBOSE"})
		j.variables(c)
		j.exitZero(i)
	}
	j.kubexit()
	j.sidecarRun()
	j.processes()
	j.markerSets()
	const mesh = "proxy.istio.io/config"
	if config := j.Workload.Template.Annotations[mesh]; strings.Contains(strings.ReplaceAll(config, `"`, ""), "holdApplicationUntilProxyStarts: true") {
		j.found(Workaround{Kind: HoldApplication, Sidecar: "istio-proxy", Evidence: []Evidence{j.specEvidence(config, "metadata", "annotations", mesh)}})
	}
}

func (j *judge) found(w Workaround) {
	if c := j.Container(w.Sidecar); c != nil && c.Role == Native {
		w.Stale = true
	}
	j.Workarounds = append(j.Workarounds, w)
}

// hooks: postStart loops of a sidecar, and preStop hooks that delay its end or bring it about.
func (j *judge) hooks(i int) {
	c := &j.Containers[i]
	if c.Lifecycle == nil {
		return
	}
	if t, ok := j.holds(i); ok {
		j.found(Workaround{Kind: PostStartWait, Container: c.Name, Sidecar: c.Name, Understood: onlyLoop(t.value),
			Evidence: []Evidence{j.evidence(c, t.value, "lifecycle", "postStart")}, Edits: []Edit{{Path: c.Path("lifecycle", "postStart")}}})
	}
	if stop := c.Lifecycle.PreStop; stop != nil && c.Role != Main && (software.HookQuits(stop) || software.HookSleeps(stop)) {
		j.found(Workaround{Kind: PreStopHook, Container: c.Name, Sidecar: c.Name, Understood: true, Stale: c.Role == Native,
			Evidence: []Evidence{j.evidence(c, software.Handler(stop), "lifecycle", "preStop")}, Edits: []Edit{{Path: c.Path("lifecycle", "preStop")}}})
	}
}

// onlyLoop reports whether a script is one loop that waits, and nothing else.
func onlyLoop(script string) bool {
	return strings.Trim(waitLoop.ReplaceAllString(script, ""), " \n\t;") == ""
}

// wrapper: a program of that name starts the container's command.
func (j *judge) wrapper(i int, kind WorkaroundKind, variables []string) {
	c := &j.Containers[i]
	var evidence []Evidence
	var edits []Edit
	if at := wordIn(c.Command, string(kind)); at >= 0 {
		evidence = append(evidence, j.evidence(c, c.Command[at], "command", itoa(at)))
		edits = append(edits, Edit{Path: c.Path("command", itoa(at)), Old: c.Command[at]})
	} else if at := wordIn(c.Args, string(kind)); at >= 0 {
		evidence = append(evidence, j.evidence(c, c.Args[at], "args", itoa(at)))
		edits = append(edits, Edit{Path: c.Path("args", itoa(at)), Old: c.Args[at]})
	}
	for k, e := range c.Env {
		if slices.Contains(variables, e.Name) {
			evidence = append(evidence, j.evidence(c, e.Name+"="+e.Value, "env", itoa(k)))
			edits = append(edits, Edit{Path: c.Path("env", itoa(k)), Old: e.Name})
		}
	}
	if len(evidence) == 0 {
		return
	}
	w := Workaround{Kind: kind, Container: c.Name, Evidence: evidence, Edits: edits}
	if kind == Scuttle {
		w.Sidecar = "istio-proxy"
	} else {
		w.Sidecar = "linkerd-proxy"
	}
	w.Understood = len(c.Command) > 1 && wordIn(c.Command[:1], string(kind)) == 0 && !software.HasEnv(c.Container, "GENERIC_QUIT_ENDPOINTS")
	if w.Understood && strings.HasPrefix(c.Command[1], "-") { // its own flags stand before "--"
		end := slices.Index(c.Command, "--")
		w.Understood = end > 0 && end+1 < len(c.Command)
		for k := 1; k <= end; k++ {
			w.Edits = append(w.Edits, Edit{Path: c.Path("command", itoa(k)), Old: c.Command[k]})
		}
	}
	j.found(w)
}

// scuttles are the variables of scuttle.
var scuttles = []string{"ENVOY_ADMIN_API", "ISTIO_QUIT_API", "GENERIC_QUIT_ENDPOINTS", "START_WITHOUT_ENVOY", "WAIT_FOR_ENVOY_TIMEOUT",
	"QUIT_WITHOUT_ENVOY_TIMEOUT", "NEVER_KILL_ISTIO", "NEVER_KILL_ISTIO_ON_FAILURE", "SCUTTLE_LOGGING"}

// wordIn is where a list has a program of that name.
func wordIn(list []string, name string) int {
	return slices.IndexFunc(list, func(w string) bool { return w == name || strings.HasSuffix(w, "/"+name) })
}

func (j *judge) variables(c *Container) {
	for k, e := range c.Env {
		set := func(kind WorkaroundKind) {
			j.found(Workaround{Kind: kind, Container: c.Name, Sidecar: c.Name, Understood: true,
				Evidence: []Evidence{j.evidence(c, e.Name, "env", itoa(k))}, Edits: []Edit{{Path: c.Path("env", itoa(k)), Old: e.Name}}})
		}
		switch e.Name {
		case "KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT":
			set(Kruise)
		case "EXIT_ON_ZERO_ACTIVE_CONNECTIONS":
			set(ExitWhenIdle)
		case "CSQL_PROXY_EXIT_ZERO_ON_SIGTERM":
			set(ExitZero)
		}
	}
}

func (j *judge) exitZero(i int) {
	c := &j.Containers[i]
	for _, l := range []struct {
		name string
		list []string
	}{{"command", c.Command}, {"args", c.Args}} {
		for k, w := range l.list {
			if strings.HasPrefix(w, "--exit-zero-on-sigterm") || strings.HasPrefix(w, "--exit-zero-sigterm") {
				j.found(Workaround{Kind: ExitZero, Container: c.Name, Sidecar: c.Name, Understood: true,
					Evidence: []Evidence{j.evidence(c, w, l.name, itoa(k))}, Edits: []Edit{{Path: c.Path(l.name, itoa(k)), Old: w}}})
			}
		}
	}
}

// kubexit is one set over all containers that it wraps: its name in their commands, its variables, and the volume with
// its files, where nothing else uses that.
func (j *judge) kubexit() {
	w := Workaround{Kind: Kubexit, Understood: true}
	for i := range j.Containers {
		c := &j.Containers[i]
		named := software.HasEnv(c.Container, "KUBEXIT_NAME", "KUBEXIT_GRAVEYARD", "KUBEXIT_BIRTH_DEPS", "KUBEXIT_DEATH_DEPS")
		switch at := wordIn(c.Command, "kubexit"); {
		case !named && at < 0:
		case c.Init && !named && at > 0 && wordIn(c.Command[:1], "cp") == 0:
			j.copied(&w, c)
		default:
			j.unwrap(&w, c, at)
		}
	}
	if len(w.Evidence) == 0 {
		return
	}
	j.graves(&w)
	j.found(w)
}

// unwrap adds what kubexit has in a container that it wraps; at is where its command names it.
func (j *judge) unwrap(w *Workaround, c *Container, at int) {
	if at == 0 && len(c.Command)+len(c.Args) > 1 {
		w.Evidence = append(w.Evidence, j.evidence(c, c.Command[0], "command", "0"))
		w.Edits = append(w.Edits, Edit{Path: c.Path("command", "0"), Old: c.Command[0]})
	} else {
		w.Understood = false // it is wrapped elsewhere, such as in its image
	}
	for k, e := range c.Env {
		if strings.HasPrefix(e.Name, "KUBEXIT_") {
			w.Evidence = append(w.Evidence, j.evidence(c, e.Name, "env", itoa(k)))
			w.Edits = append(w.Edits, Edit{Path: c.Path("env", itoa(k)), Old: e.Name})
		}
	}
	if software.HasEnv(c.Container, "KUBEXIT_DEATH_DEPS") {
		w.Sidecar = c.Name
	} else {
		w.Container = c.Name
	}
}

// copied adds an init container that copies kubexit into a volume, and that volume with its mounts.
func (j *judge) copied(w *Workaround, c *Container) {
	w.Evidence = append(w.Evidence, j.evidence(c, software.CommandLine(c.Container)))
	w.Edits = append(w.Edits, Edit{Path: c.Path(), Old: c.Name})
	for _, m := range c.VolumeMounts {
		j.volume(w, m.Name, c.Name)
	}
}

// volume adds a volume to a set, with all mounts but those of one container.
func (j *judge) volume(w *Workaround, name, except string) {
	for i := range j.Containers {
		c := &j.Containers[i]
		for k, m := range c.VolumeMounts {
			if m.Name == name && c.Name != except {
				w.Evidence = append(w.Evidence, j.evidence(c, m.Name+" at "+m.MountPath, "volumeMounts", itoa(k)))
				w.Edits = append(w.Edits, Edit{Path: c.Path("volumeMounts", itoa(k)), Old: m.Name})
			}
		}
	}
	for k, v := range j.Workload.Spec().Volumes {
		if v.Name == name {
			w.Evidence = append(w.Evidence, j.specEvidence(v.Name, "volumes", itoa(k)))
			w.Edits = append(w.Edits, Edit{Path: []string{"volumes", itoa(k)}, Old: v.Name})
		}
	}
}

// graves adds the volume with kubexit's files to its set, with all mounts, and an init container that copies it there.
func (j *judge) graves(w *Workaround) {
	volumes := map[string]bool{}
	for i := range j.Containers {
		c := &j.Containers[i]
		if dir := valueOf(c, "KUBEXIT_GRAVEYARD"); dir != "" {
			if v, rest := j.mountOf(i, strings.TrimSuffix(dir, "/")); v != "" && rest == "\x00" {
				volumes[v] = true
			}
		}
	}
	for i := range j.Containers { // where others mount it, or a command names what is in it, it is not kubexit's alone
		c := &j.Containers[i]
		for k, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				continue
			}
			if valueOf(c, "KUBEXIT_GRAVEYARD") == "" || strings.Contains(line(j.texts[i], ""), m.MountPath+"/") {
				delete(volumes, m.Name)
				continue
			}
			w.Evidence = append(w.Evidence, j.evidence(c, m.Name+" at "+m.MountPath, "volumeMounts", itoa(k)))
			w.Edits = append(w.Edits, Edit{Path: c.Path("volumeMounts", itoa(k)), Old: m.Name})
		}
	}
	for k, v := range j.Workload.Spec().Volumes {
		if volumes[v.Name] {
			w.Evidence = append(w.Evidence, j.specEvidence(v.Name, "volumes", itoa(k)))
			w.Edits = append(w.Edits, Edit{Path: []string{"volumes", itoa(k)}, Old: v.Name})
		}
	}
}

// processes: shareProcessNamespace, for a container that kills another one.
func (j *judge) processes() {
	if !ptr.Deref(j.Workload.Spec().ShareProcessNamespace, false) {
		return
	}
	var sets []Workaround
	var edits []Edit
	for _, e := range j.Edges {
		if e.Kind == Stops && len(e.Evidence) > 0 && killCommand.MatchString(strings.ReplaceAll(e.Evidence[0].Quote, "-s ", "-")) {
			w := j.killSet(e)
			sets, edits = append(sets, w), append(edits, w.Edits...)
		}
	}
	kept := j.needsProcesses(edits)
	for _, w := range sets {
		switch {
		case !w.Understood:
		case kept != nil:
			w.Kept = []Kept{*kept}
		default:
			w.Edits = append(w.Edits, Edit{Path: []string{"shareProcessNamespace"}, Old: true})
		}
		j.found(w)
	}
}

// markerSets: files that say that the work is done, or that the sidecar is there.
func (j *judge) markerSets() {
	for _, e := range j.Edges {
		if e.File != "" && (e.Kind == Stops || e.Kind == Waits) {
			j.found(j.fileSet(e))
		}
	}
}

func decode(value, typed any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, typed)
}
