package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A canary proves what its own shape meets today. This says which software is publicly known for it, so
// what acts only on some pods is known before such a pod comes along.
var knownStrippingSoftware = rule{
	Check: checks.Check{
		ID:       "known-stripping-software",
		Title:    "mutating webhooks run versions that are not known to strip restartPolicy",
		Severity: checks.Warning,
		Category: checks.Admission,
		Needs:    []facts.Kind{facts.MutatingWebhooks, facts.WebhookBackends},
		Uses:     []facts.Kind{facts.Canaries},
	},
	Run: runKnownStripping,
}

func runKnownStripping(s *scene) checks.Outcome {
	all := s.runs
	proven := map[string]bool{}
	for _, v := range attributions(all, facts.Stripped, stripEvidence) {
		proven[v.name] = true
	}
	found := recognize(s.Snapshot, known.Webhooks(), func(k known.Webhook) (string, known.Recognize) { return k.ID, k.Recognize })
	var out checks.Outcome
	for _, f := range found {
		c := candidate{f, all, slices.DeleteFunc(f.names(), func(name string) bool { return !proven[name] })}
		finding, gap := c.compare()
		if finding != nil {
			out.Findings = append(out.Findings, *finding)
		}
		if gap != nil {
			out.Missing = append(out.Missing, *gap)
		}
	}
	out.Missing = append(out.Missing, unrecognized(s.Snapshot, found)...)
	out.Tried = fmt.Sprintf("%s, %d of known software", prose.Counted(len(installed(s.Snapshot)), "mutating webhook"), len(found))
	return out
}

// A candidate is software that some version of is known to strip, where it is installed.
type candidate struct {
	*software[known.Webhook]
	canaries []admissionRun
	// culprits are those of its webhooks that are proven to have stripped a canary.
	culprits []string
}

// compare compares the versions that run with the first good one. What the images do not tell is a gap,
// and so is what nobody has confirmed.
func (s candidate) compare() (*checks.Finding, *facts.Gap) {
	k := s.entry
	var affected, unclear []string
	for _, image := range s.images() {
		switch standing, why := standingOf(k, facts.ImageTag(image)); standing {
		case standingBad:
			affected = append(affected, image)
		case standingUnknown:
			unclear = append(unclear, image+" ("+why+")")
		}
	}
	if len(s.images()) == 0 {
		unclear = append(unclear, s.hidden())
	}
	switch {
	case len(s.culprits) > 0 && len(affected)+len(unclear) > 0:
		return s.finding(affected, unclear), nil
	case k.Evidence == known.Inferred && len(affected) == 0:
		return nil, nil
	case k.Evidence == known.Inferred:
		return nil, s.gap("it is " + s.called(affected) + ", which may strip restartPolicy from init containers: that is inferred from its source code, and nobody has confirmed it")
	case len(affected) > 0:
		return s.finding(affected, unclear), nil
	case len(unclear) > 0:
		return nil, s.gap(fmt.Sprintf("it is %s; %s, %s strips restartPolicy from init containers; which version runs is not known: %s",
			k.Software, founded[k.Evidence], s.versions(), strings.Join(unclear, ", ")))
	}
	return nil, nil
}

// founded introduces what is said of software, by how it is known.
var founded = map[known.Evidence]string{
	known.Reported:  "as users or maintainers reported",
	known.VendorDoc: "as a vendor's documentation says",
	known.Code:      "as derived from its source code",
}

func (s candidate) finding(affected, unclear []string) *checks.Finding {
	k := s.entry
	f := &checks.Finding{Object: s.object()}
	f.Message = fmt.Sprintf("it is %s; %s, it %s", s.called(affected), founded[k.Evidence], k.What)
	if k.OnlyWhen != "" {
		f.Message += "; it acts only when " + k.OnlyWhen
	}
	for _, image := range affected {
		f.Evidence = append(f.Evidence, s.imageEvidence(image)+", and "+s.versions()+" does it")
	}
	for _, u := range unclear {
		f.Evidence = append(f.Evidence, "which version runs is not known: "+u)
	}
	switch n := s.cleared(s.canaries); {
	case len(s.culprits) > 0:
		f.Object.Name = s.culprits[0]
		f.Because = []string{webhookStripsRestartPolicy.ID}
		f.Evidence = append(f.Evidence, "a canary lost the field to it: see "+webhookStripsRestartPolicy.ID)
	case n > 0:
		f.Evidence = append(f.Evidence, fmt.Sprintf("canaries of %s met it and kept the field, which clears it for such pods only", prose.Counted(n, "shape")))
	}
	f.Evidence = append(f.Evidence, sourceText(k.Evidence, k.Sources))
	for _, clause := range s.fix() {
		f.Steps = append(f.Steps, checks.Step{Text: prose.Sentence(clause)})
	}
	return f
}

func (s candidate) gap(reason string) *facts.Gap {
	pod := "a pod"
	if s.entry.OnlyWhen != "" {
		pod += ", such that " + s.entry.OnlyWhen + ","
	}
	g := facts.NewGap(facts.WebhookBackends, s.webhooks[0].instance(), reason,
		facts.Do(s.remedy(strings.Join(s.fix(), "; "))+"; or see what it does: create "+pod+" with a native sidecar and --dry-run=server -o yaml, and look for restartPolicy"))
	return &g
}

// called is its name, with the versions that run.
func (s candidate) called(images []string) string {
	var tags []string
	for _, image := range images {
		tags = append(tags, facts.ImageTag(image))
	}
	return strings.TrimSpace(s.entry.Software + " " + strings.Join(tags, " and "))
}

// versions says which do it.
func (s candidate) versions() string {
	switch k := s.entry; {
	case k.Fixed != "":
		return "every version before " + k.Fixed
	case k.Through != "":
		return "every version through " + k.Through
	}
	return "some version"
}

// fix is what to do, in clauses.
func (s candidate) fix() []string {
	switch k := s.entry; {
	case k.Fixed != "" && k.Remedy != "":
		return []string{fmt.Sprintf("update %s to %s or newer", k.Software, k.Fixed), k.Remedy}
	case k.Fixed != "":
		return []string{fmt.Sprintf("update %s to %s or newer", k.Software, k.Fixed)}
	case k.Remedy != "":
		return []string{"no released version is known to be good: " + k.Remedy}
	}
	return []string{"ask its vendor for a version that keeps the field; until then keep it away from pods with native sidecars"}
}

// standing is how a version compares with what is known.
type standing int

const (
	standingUnknown standing = iota
	standingBad
	standingGood
)

// standingOf compares a tag with the versions of an entry, and says why when that is not possible.
func standingOf(k known.Webhook, tag string) (standing, string) {
	running, through, fixed := parseSoftware(tag), parseSoftware(k.Through), parseSoftware(k.Fixed)
	switch {
	case tag == "":
		return standingUnknown, "no tag"
	case running == nil:
		return standingUnknown, "the tag is not a version"
	case fixed == nil && through == nil:
		return standingUnknown, "which versions are good is not known"
	case fixed == nil && through.LessThan(running):
		return standingUnknown, "newer than what was looked at"
	case fixed == nil || running.LessThan(fixed):
		return standingBad, ""
	case !fixed.LessThan(running) && isPreRelease(tag) && !isPreRelease(k.Fixed):
		return standingUnknown, "from before the first good version was released"
	}
	return standingGood, ""
}

// isPreRelease reads the usual words; other suffixes of tags are variants of images.
func isPreRelease(tag string) bool {
	return slices.ContainsFunc([]string{"-alpha", "-beta", "-rc"}, func(word string) bool { return strings.Contains(tag, word) })
}
