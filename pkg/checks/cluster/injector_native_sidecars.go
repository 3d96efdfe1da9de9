package cluster

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// Injectors whose sidecars are regular containers keep Jobs from completing, in a cluster that could run them
// as native sidecars. It is worth knowing, and no problem.
var injectorNativeSidecars = rule{
	Check: checks.Check{
		ID:       "injector-native-sidecars",
		Title:    "injectors put native sidecars into pods",
		Severity: checks.Info,
		Category: checks.Admission,
		Needs:    []facts.Kind{facts.MutatingWebhooks, facts.WebhookBackends},
		// They decide what an injector does where that depends on the cluster.
		Uses: []facts.Kind{facts.Canaries, facts.Nodes, facts.APIServers},
	},
	Run: runInjectors,
}

func runInjectors(s *scene) checks.Outcome {
	var out checks.Outcome
	var told []string
	found := recognize(s.Snapshot, known.Injectors(), func(k known.Injector) (string, known.Recognize) { return k.ID, k.Recognize })
	for _, f := range found {
		in := injector{f, s.Snapshot}
		m := in.mode()
		told = append(told, in.called()+": "+orUnknown(m.mode))
		switch m.mode {
		case known.NotNative:
			out.Findings = append(out.Findings, checks.Finding{
				Object:   in.object(),
				Message:  in.called() + " puts sidecars into pods as regular containers",
				Evidence: append(in.evidence(), m.why, sourceText(in.entry.Evidence, in.entry.Sources)),
				Steps:    in.steps(m.first),
			})
		case known.Undecided:
			out.Missing = append(out.Missing, facts.NewGap(facts.WebhookBackends, in.webhooks[0].instance(),
				"whether "+in.called()+" injects native sidecars is not known: "+m.why,
				facts.Do(in.remedy("look at a pod that it has injected (kubectl get pod NAME -o yaml): a native sidecar is among the initContainers; "+in.enable()))))
		}
	}
	out.Missing = append(out.Missing, unrecognized(s.Snapshot, found)...)
	out.Tried = prose.Counted(len(told), "known injector")
	if len(told) > 0 {
		out.Tried += ": " + strings.Join(told, ", ")
	}
	return out
}

func orUnknown(m known.Mode) string {
	if m == known.Undecided {
		return "unknown"
	}
	return string(m)
}

// An injector is one that is installed.
type injector struct {
	*software[known.Injector]
	snapshot *facts.Snapshot
}

// A modeReading is what an injector does, and how that is known.
type modeReading struct {
	mode known.Mode
	why  string
	// first is what to do before it can be told to; "" for nothing.
	first string
}

// enable is how to have native sidecars injected.
func (in injector) enable() string {
	if in.entry.Unsupported {
		return in.entry.Enable
	}
	return "to have native sidecars injected: " + in.entry.Enable
}

func (in injector) steps(first string) []checks.Step {
	var out []checks.Step
	if first != "" {
		out = append(out, checks.Step{Text: first})
	}
	return append(out, checks.Step{Text: prose.Sentence(in.enable())})
}

// mode is told by what an injector did to a canary; else by its version, its settings, and what it
// looks at in the cluster.
func (in injector) mode() modeReading {
	if r := in.done(); r.mode != known.Undecided {
		return r
	}
	k := in.entry
	if k.Unsupported {
		return modeReading{mode: known.NotNative, why: "no released version is known that injects native sidecars"}
	}
	tags, unclear := in.versions()
	if minimum := parseSoftware(k.Minimum); slices.ContainsFunc(tags, func(v string) bool { return parseSoftware(v).LessThan(minimum) }) {
		first := k.TagPrefix + k.Minimum
		return modeReading{mode: known.NotNative, why: first + " is the first version that can inject native sidecars", first: "Update to " + first + " or newer."}
	}
	told, settings, found := k.Told(in.backend().Native)
	switch {
	case found && told == known.Automatic:
		return in.automatic(in.has(settings))
	case found:
		return modeReading{mode: told, why: in.has(settings)}
	case unclear != "":
		return modeReading{mode: known.Undecided, why: unclear}
	}
	if unread := in.unread(); unread != "" {
		return modeReading{mode: known.Undecided, why: unread}
	}
	return in.byDefault(tags)
}

// byDefault is what it does without a setting.
func (in injector) byDefault(tags []string) modeReading {
	k := in.entry
	since := parseSoftware(k.DefaultSince)
	switch old := func(v string) bool { return since == nil || parseSoftware(v).LessThan(since) }; {
	case slices.ContainsFunc(tags, old):
		return modeReading{mode: known.NotNative, why: "it has to be told to, and its pods do not have " + k.Settings[0].Name}
	}
	return in.automatic("versions from " + k.TagPrefix + k.DefaultSince + " on do so by default")
}

// automatic is what it does where it looks at the cluster.
func (in injector) automatic(why string) modeReading {
	needs, s := in.entry.Needs, in.snapshot
	if needs.Server != "" {
		rule := why + ", but only when the API server is " + needs.Server + " or newer; "
		if s.ServerVersion == nil || gate.ParseVersion(s.ServerVersion.GitVersion) == nil {
			return modeReading{mode: known.Undecided, why: rule + "its version was not read"}
		}
		if gate.ParseVersion(s.ServerVersion.GitVersion).LessThan(gate.ParseVersion(needs.Server)) {
			return modeReading{mode: known.NotNative, why: rule + "it is " + s.ServerVersion.GitVersion}
		}
	}
	if needs.Kubelets == "" {
		return modeReading{mode: known.Native, why: why}
	}
	rule := why + ", but only when every kubelet is " + needs.Kubelets + " or newer"
	old, unclear := olderKubelets(s, needs.Kubelets)
	if len(old) > 0 {
		return modeReading{mode: known.NotNative, why: rule + "; older are " + prose.Some(old, 3)}
	}
	if len(checks.Unread(s, facts.Nodes)) > 0 || len(s.Nodes) == 0 {
		return modeReading{mode: known.Undecided, why: rule + "; not all nodes were read"}
	}
	if len(unclear) > 0 {
		return modeReading{mode: known.Undecided, why: rule + "; no version can be read of " + prose.Some(unclear, 3)}
	}
	return modeReading{mode: known.Native, why: why}
}

// olderKubelets are the nodes before a version, and those without a version that can be read.
func olderKubelets(s *facts.Snapshot, than string) (old, unclear []string) {
	for i := range s.Nodes {
		kubelet := s.Nodes[i].Status.NodeInfo.KubeletVersion
		name := fmt.Sprintf("%s (%s)", s.Nodes[i].Name, prose.OrNone(kubelet))
		switch v := gate.ParseVersion(kubelet); {
		case v == nil:
			unclear = append(unclear, name)
		case v.LessThan(gate.ParseVersion(than)):
			old = append(old, name)
		}
	}
	slices.Sort(old)
	slices.Sort(unclear)
	return old, unclear
}

// done is what it has put into a canary: that counts more than anything that it says about itself.
func (in injector) done() modeReading {
	names := in.names()
	for _, t := range admissionRuns(in.snapshot) {
		met := slices.ContainsFunc(t.class.Webhooks, func(w string) bool { return slices.Contains(names, w) })
		if !met || !cameBack(t) || t.canary.Sent == nil {
			continue
		}
		spec, sent := t.canary.Returned.Spec, t.canary.Sent.Spec
		for i := range spec.InitContainers {
			if c := &spec.InitContainers[i]; in.injected(c, sent) && facts.RestartsAlways(c) {
				return modeReading{mode: known.Native, why: fmt.Sprintf("it put init container %q with restartPolicy: Always into a canary in namespace %s (dry run)", c.Name, t.canary.Namespace)}
			}
		}
		for i := range spec.Containers {
			if c := &spec.Containers[i]; in.injected(c, sent) {
				return modeReading{mode: known.NotNative, why: fmt.Sprintf("it put container %q, which is no init container, into a canary in namespace %s (dry run)", c.Name, t.canary.Namespace)}
			}
		}
	}
	return modeReading{}
}

// injected reports whether a container bears a name of the injector's and was not sent.
func (in injector) injected(c *corev1.Container, sent corev1.PodSpec) bool {
	same := func(other corev1.Container) bool { return other.Name == c.Name }
	return in.entry.Injects(c.Name) && !slices.ContainsFunc(sent.Containers, same) && !slices.ContainsFunc(sent.InitContainers, same)
}

// versions are those of its images; unclear says why one is not known.
func (in injector) versions() (versions []string, unclear string) {
	if len(in.images()) == 0 {
		return nil, in.hidden()
	}
	for _, image := range in.images() {
		v, ok := strings.CutPrefix(facts.ImageTag(image), in.entry.TagPrefix)
		if !ok || parseSoftware(v) == nil {
			unclear = fmt.Sprintf("the tag of its image %s is no version that it can be compared by", image)
			continue
		}
		versions = append(versions, v)
	}
	return versions, unclear
}

// called is its name, with the tags that run.
func (in injector) called() string {
	var tags []string
	for _, image := range in.images() {
		tags = append(tags, facts.ImageTag(image))
	}
	return strings.TrimSpace(in.entry.Software + " " + strings.Join(tags, " and "))
}

// evidence is the images that were seen.
func (in injector) evidence() []string {
	var out []string
	for _, image := range in.images() {
		out = append(out, in.imageEvidence(image))
	}
	return out
}
