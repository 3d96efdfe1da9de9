package print

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

// planStory is all about one workload, with the commands to paste.
func planStory(r *plan.Row) []string {
	out := []string{fmt.Sprintf("%s %s/%s: %s", r.Kind, r.Namespace, r.Name, statusWords[r.Status])}
	for i := range r.Sidecars {
		out = append(out, sidecarStory(&r.Sidecars[i])...)
	}
	if len(r.References) > 0 {
		out = append(out, "", "What else means them, to check when they move:")
		for _, x := range r.References {
			out = append(out, "  "+referenceWords(x))
		}
	}
	for i := range r.Injected {
		out = append(out, injectedStory(&r.Injected[i])...)
	}
	if g := gainWords(r.Gains); g != "" {
		out = append(out, "", "What it gains: "+g)
	}
	out = append(out, "", "Where it runs: "+nodeWords(r.Nodes), "Webhooks: "+admissionWords[r.Admission])
	for _, w := range r.Workarounds {
		out = append(out, workaroundStory(&w)...)
	}
	for _, b := range r.Blocks {
		out = append(out, "", blockWords(b), "  -> "+Unblock(b))
	}
	return append(append(out, "", "What to do:"), planSteps(r)...)
}

var admissionWords = map[cluster.Keeping]string{
	cluster.Keeps: "the canaries of its namespace kept the field", cluster.Loses: "a canary of its namespace lost the field", cluster.Untold: "unknown: no canary tells",
}

func sidecarStory(s *plan.Sidecar) []string {
	out := []string{"", "Container " + s.Name + ": why it is taken for a sidecar"}
	for _, x := range s.Signals {
		out = append(out, fmt.Sprintf("  %s (%s): %s", signalWords(x), x.Certainty, quotes(x.Evidence)))
	}
	switch {
	case s.Probe != nil:
		out = append(out, "  startupProbe: "+probeWords(s))
	case len(s.Flags) > 0:
		out = append(out, "  no startupProbe: add "+strings.Join(s.Flags, " ")+" to its command, which opens an endpoint that the kubelet reaches")
	case s.Doubt == roles.NotNeeded:
		out = append(out, "  no startupProbe: nobody waits for it")
	case s.Doubt == roles.MayNeedMain:
		out = append(out, "  no startupProbe: what answers its own probe may be the application, which starts later")
	case s.Doubt == roles.OwnCannotPass:
		out = append(out, "  no startupProbe: it listens on 127.0.0.1 only, and the kubelet asks the pod's IP: its own probes do not pass either")
	default:
		out = append(out, "  no startupProbe: nothing is known that the kubelet can ask")
	}
	if s.Before != "" {
		out = append(out, "  it has to stand before init container "+s.Before+", which needs it")
	}
	for _, o := range s.Changes {
		out = append(out, "  changes with it: "+obstacleWords(o.Kind)+": "+quotes(o.Evidence))
	}
	return out
}

// injectedStory is about a sidecar that is in no manifest.
func injectedStory(i *plan.Injected) []string {
	out := []string{"", "Container " + i.Name + ": " + injectedBy(i)}
	switch {
	case i.Canary != "":
		out = append(out, "  a canary in namespace "+i.Canary+" got it as a regular container; called were "+dash(prose.Some(i.Webhooks, 3)))
	default:
		out = append(out, "  its template asks for it: "+i.Asked+"; no canary tells whether it is native already")
	}
	if i.How == "" {
		return append(out, "  -> ask who runs the webhook whether it can add it to the initContainers, with restartPolicy: Always")
	}
	return append(out, "  -> "+i.How)
}

func injectedBy(i *plan.Injected) string {
	if i.Software == "" {
		return "injected by a webhook"
	}
	return "injected by " + i.Software
}

func probeWords(s *plan.Sidecar) string {
	var asks []string
	for _, kind := range []string{"httpGet", "tcpSocket", "exec", "grpc"} {
		if fields, ok := s.Probe[kind].(map[string]any); ok {
			asks = append(asks, fmt.Sprintf("%s %v", kind, fields))
		}
	}
	out := strings.ReplaceAll(strings.Join(asks, ", "), "map", "")
	if s.Doubt == roles.MayBeLoopback {
		out += "; a declared port does not prove that it listens on the pod's IP: it never passes if it listens on 127.0.0.1 only"
	}
	return out
}

func quotes(list []roles.Evidence) string {
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprintf("%s: %s", e.Field, e.Quote))
	}
	return prose.Some(out, 2)
}

func workaroundStory(w *roles.Workaround) []string {
	out := []string{"", fmt.Sprintf("Workaround %s in %s: %s", w.Kind, dash(w.Container), quotes(w.Evidence))}
	words := map[roles.Fault]string{
		roles.NeverRuns:       "the call never runs: it is an argument of the command before it",
		roles.NotAfterFailure: "the call does not run after a failure: the pod then runs on forever",
		roles.LosesExitCode:   "the exit code of the work is lost: that of the call counts",
	}
	for _, f := range w.Faults {
		out = append(out, "  "+words[f])
	}
	return out
}

// planSteps are the commands to paste. Who has the manifest comes first: a change in the cluster does not last there.
func planSteps(r *plan.Row) []string {
	var flags []string
	for _, s := range r.Sidecars {
		flags = append(flags, "-c "+prose.Shell("%s", s.Name))
	}
	var out []string
	if r.Owner != nil {
		out = append(out, fmt.Sprintf("  %s has the manifest: change it there", ownerWords(r.Owner)))
	}
	if len(r.Sidecars) > 0 {
		out = append(out, "  kubectl sidecar convert -f FILE "+strings.Join(flags, " ")+"   # in the manifest")
		out = append(out, liveSteps(r, strings.Join(flags, " "))...)
	} else if len(r.Workarounds) > 0 {
		out = append(out, "  kubectl sidecar convert -f FILE --remove-workarounds")
	} else {
		return append(out, "  set the injector, not this workload; its pods have it when they are made the next time")
	}
	return append(out, "  then: "+map[plan.Delivery]string{
		plan.NextRun: "nothing; the next run has it", plan.Replace: "delete and create it again: its containers cannot be changed",
		plan.NewPods: "delete its pods one after the other: only new ones have it",
		plan.Rollout: "a rollout brings it to the pods", plan.NextRelease: "nothing; the next release creates the hook again",
	}[r.Delivery])
}

// liveSteps are the commands for what is in the cluster. One that changes it is there only where nobody has the manifest,
// who would undo it.
func liveSteps(r *plan.Row, flags string) []string {
	object := prose.Shell("%s/%s", strings.ToLower(r.Kind), r.Name)
	namespace := prose.Shell("-n %s", r.Namespace)
	convert := "kubectl sidecar convert " + object + " " + namespace + " " + flags
	switch {
	case r.Delivery == plan.Replace:
		out := []string{"  " + convert + " -o yaml   # prints what to create when what is in the cluster is deleted"}
		if r.Owner == nil {
			out = append(out, "  "+convert+" -o yaml | kubectl replace --force -f -   # deletes it, and creates it again")
		}
		return out
	case r.Owner != nil:
		return []string{"  " + convert + "   # prints the patch for what is in the cluster"}
	}
	return []string{
		"  " + convert + "   # prints the patch for what is in the cluster",
		fmt.Sprintf("  kubectl patch %s %s --type=json -p \"$(%s)\"   # applies it", object, namespace, convert),
	}
}
