package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/convert"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// say writes to stderr what was done and what was not, and what else there is to know.
func (c *conversion) say() (changed, asked, refused bool) {
	var out bytes.Buffer
	for _, f := range c.files {
		if f.skipped != nil {
			refused = sayWhatWasSkipped(&out, f) || refused
		}
		refused = c.sayNotJudged(&out, f) || refused
		for _, d := range f.done {
			c.sayDone(&out, d)
			changed = changed || d.changed()
			asked = asked || len(d.Asks)+len(d.Needs)+len(d.Unanswered) > 0
			refused = refused || d.refusal != nil || len(d.Refused) > 0 || d.NotReady
		}
	}
	if out.Len() == 0 {
		out.WriteString("nothing to convert\n")
	}
	for l := range strings.Lines(out.String()) {
		fmt.Fprintln(c.o.streams.ErrOut, print.Escape(strings.TrimSuffix(l, "\n"))) // files say anything
	}
	return changed, asked, refused
}

// sayWhatWasSkipped names a file that was not read, and reports whether that is a problem: templates are none.
func sayWhatWasSkipped(out *bytes.Buffer, f *manifest) bool {
	if errors.Is(f.skipped, workload.ErrTemplate) {
		fmt.Fprintf(out, "%s: skipped: it is a template; convert what it renders, or change it by hand\n", display(f.name))
		return false
	}
	fmt.Fprintf(out, "%s: not read: %v\n", display(f.name), f.skipped)
	return true
}

// sayNotJudged names containers that nobody has looked at, and reports whether there are any that should have been.
func (c *conversion) sayNotJudged(out *bytes.Buffer, f *manifest) bool {
	if f.name != "-" && c.finder.IsPatch(realName(f.name)) {
		return false // it changes with what it patches
	}
	found := false
	for _, d := range f.documents {
		for _, a := range d.Alone {
			if a.Reason == workload.NoManifest {
				fmt.Fprintf(out, "%sskipped: it has neither apiVersion nor kind, and is no manifest; of the values of a chart, convert what they make, or change them by hand\n", at(a.Place))
			}
		}
		for _, u := range d.Unrecognized {
			found = true
			why := fmt.Sprintf("%s of %s is not known to have a pod template there", u.Kind, u.APIVersion)
			if missing := u.Missing(); missing != "" {
				why = "without " + missing + " nobody knows what they are part of"
			}
			fmt.Fprintf(out, "%scontainers at %s were not looked at: %s\n", at(u.Place), strings.Join(u.Way, "."), why)
		}
	}
	return found
}

func (c *conversion) sayDone(out *bytes.Buffer, d done) {
	o := c.o
	for _, m := range d.Moves {
		fmt.Fprintf(out, "%s%s: %s\n", at(m.Place), d.Workload, moveText(d, m))
		if d.Strategy == convert.Native {
			fmt.Fprintf(out, "  %s\n", probeText(m))
		}
	}
	o.sayStrategy(out, d)
	if d.source != "" && d.changed() {
		fmt.Fprintf(out, "  written in %s\n", d.source)
	}
	if len(d.Moves) == 0 && d.Changes() && d.Undone == nil {
		fmt.Fprintf(out, "%s%s\n", at(d.Workload.Place), d.Workload)
	}
	if d.refusal != nil {
		o.sayRefusal(out, d)
	} else if d.result != nil && d.result.Moved > largeMove {
		fmt.Fprintf(out, "  %d lines stand elsewhere now; none of them is different\n", d.result.Moved)
	}
	for _, r := range d.Removed {
		fmt.Fprintf(out, "  %s\n", removedText(r, d.Workload))
	}
	for _, r := range d.Remarks {
		if text := remarkText(r, d.Workload); text != "" {
			fmt.Fprintf(out, "  %s\n", text)
		}
	}
	c.sayOpen(out, d)
}

// sayOpen says what is to be asked, and what must not be.
func (c *conversion) sayOpen(out *bytes.Buffer, d done) {
	for _, a := range d.Asks {
		fmt.Fprintf(out, "%s%s: is %s a sidecar? %s; to convert it: -c %s\n", at(a.Place), d.Workload, a.Container, why(false, a.Signals), c.nameOf(d.Workload, a.Container))
	}
	for _, r := range d.Refused {
		fmt.Fprintf(out, "%s%s: %s stays where it is: %s\n", at(r.Place), d.Workload, r.Container, c.refusedText(d.Workload, r))
	}
}

// at begins a line with a place, where there is one.
func at(p workload.Place) string {
	if p.Line == 0 {
		return ""
	}
	return p.String() + ": "
}

// largeMove is how many lines may move without being mentioned.
const largeMove = 10

// sayRefusal says why a text was left as it is, and prints the patch that does the same to the object.
func (o *convertOptions) sayRefusal(out *bytes.Buffer, d done) {
	why := refusalText(d.refusal)
	if d.missed != nil {
		why = d.missed.Error()
	}
	fmt.Fprintf(out, "  not written: %s\n", why)
	if len(d.refusal.Patch) > 0 {
		fmt.Fprintf(out, "  the same as a JSON patch:\n")
		_ = writePatch(out, d.refusal.Patch)
	}
	if d.missed != nil && stripped(d.missed) {
		o.offer(out)
	}
}

func refusalText(r *edit.Refusal) string {
	text := map[edit.Reason]string{
		edit.NotFound:      "there is no such container",
		edit.NoPodSpec:     "there is no pod spec",
		edit.LastContainer: "a pod needs an ordinary container, and it is the last one",
		edit.NameTwice:     "its name is used twice",
		edit.BadPath:       "a field is not there",
		edit.NotParsed:     "the text cannot be parsed",
		edit.Template:      "it is a template",
		edit.Tabs:          "tabs are used as indentation",
		edit.LineBreaks:    "it has line breaks that are read differently",
		edit.Flow:          "one list is in brackets, the other is not",
		edit.AnchorInside:  "an anchor would stand behind what uses it",
		edit.AnchorAround:  "it would change here as well, where the anchor around it is used: write it out here first",
		edit.Shape:         "it is written in an unusual way",
		edit.Unproven:      "the result could not be proven",
	}[r.Reason]
	if r.Line > 0 {
		text = fmt.Sprintf("line %d: %s", r.Line, text)
	}
	if r.About != "" {
		text += ": " + r.About
	}
	return text
}

func (c *conversion) refusedText(w *workload.Workload, r convert.Refused) string {
	switch r.Reason {
	case convert.LastContainer:
		return "a pod needs an ordinary container"
	case convert.InitExits:
		return "it is an init container that exits: as a native sidecar it would be restarted forever"
	case convert.CallsMain:
		return "it needs " + r.About + ", which would start after it"
	case convert.OneShot:
		return "it exits on its own: as a native sidecar it would be restarted forever"
	case convert.Wrapped:
		return r.About + " waits for it among the ordinary containers: take the wrapper out, too: --remove-workarounds"
	case convert.InitOrder:
		return "init container " + r.About + " writes what it reads, and comes after one that needs it: change their order first"
	case convert.RestartsAll:
		return "its restartPolicyRules restart all containers, and are not allowed for native sidecars"
	case convert.OwnPolicy:
		return fmt.Sprintf("its restartPolicy: %s says that it is not always restarted, as native sidecars are; to convert it nonetheless: -c %s", r.About, c.nameOf(w, r.Container))
	case convert.Unreadable:
		return r.About
	}
	return strategyRefused(r)
}

func remarkText(r convert.Remark, w *workload.Workload) string {
	switch r.Kind {
	case convert.NextRun:
		return "only jobs of the next runs have it"
	case convert.Replace:
		return "a " + w.Kind + " cannot be changed in place: delete it, and create it anew"
	case convert.HookRenews:
		return "Helm creates this hook anew at the next upgrade: nothing has to be deleted"
	case convert.Rollout:
		return "applying it replaces the pods"
	case convert.NeedsField:
		return "needs Kubernetes 1.29 or later on the API servers and on every node it may land on"
	case convert.NeedsPorts:
		return fmt.Sprintf("port %q of %s: Services find named ports of native sidecars since Kubernetes 1.33", r.About, r.Container)
	case convert.StopsAtOnce:
		return fmt.Sprintf("%sthe preStop hook of %s will run as soon as the pod is deleted, while the main container still works: consider dropping it", at(r.Place), r.Container)
	case convert.FailurePolicy:
		return fmt.Sprintf("%sthis rule has no containerName, and matches exit codes of %s, too: 137 and 143 are usual for sidecars", at(r.Place), r.Container)
	case convert.FromChart:
		return "Helm has rendered it from " + r.About + ": change that, or the chart's values; -o kustomize prints what a post-renderer can add"
	case convert.Injected:
		return fmt.Sprintf("%s%s is usually put into pods by a webhook, whose setting makes it native: kubectl sidecar webhooks", at(r.Place), r.Container)
	case convert.WaitsForCtl:
		return "the controller of " + r.About + " has to know the field, too, and its CRD must not prune it"
	case convert.Scales:
		return fmt.Sprintf("%s%s names %s: check that it still finds it", at(r.Place), r.About, r.Container)
	case convert.NamesPort:
		return fmt.Sprintf("%s%s is a port of %s: found there since Kubernetes 1.33", at(r.Place), r.About, r.Container)
	}
	return restartsText(r)
}

// restartsText is what changes where a container is always restarted, and told to exit when the work has exited.
func restartsText(r convert.Remark) string {
	switch r.Kind {
	case convert.RulesGo:
		return fmt.Sprintf("%sthe native sidecar %s has no restartPolicyRules: the API server rejects them there, and it is always restarted", at(r.Place), r.Container)
	case convert.PolicyGoes:
		return fmt.Sprintf("%srestartPolicy: %s of %s no longer holds: a native sidecar is restarted whenever it exits (Always)", at(r.Place), r.About, r.Container)
	case convert.WorkLeft:
		return fmt.Sprintf("%s%s is told to exit (SIGTERM) as soon as the work has exited: what it has not done with volume %s by then is lost, unless it does that on the signal", at(r.Place), r.Container, r.About)
	}
	return strategyRemark(r)
}
