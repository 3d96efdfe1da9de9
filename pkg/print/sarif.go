package print

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// sarifDocument is for code scanning: a rule for each check, a result for each finding and for each
// check that could not tell, a notification for each gap. Where there is no file there is still an
// address: services such as GitHub's take no result without one. It is made of the object's name, so
// that it is the same whether the cluster or a file is judged.
func sarifDocument(w io.Writer, r *report.Report, _ Options) error {
	return writeSARIF(w, sarif.NewReport().AddRun(sarifRunOf(r)))
}

func writeSARIF(w io.Writer, document *sarif.Report) error {
	if err := document.PrettyWrite(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// sarifRunOf is a report as a run. Of several clusters, each is a run of its own, in a category of its own.
func sarifRunOf(r *report.Report) *sarif.Run {
	run := sarif.NewRunWithInformationURI("kubectl-sidecar", "https://github.com/kubectl-sidecar/kubectl-sidecar")
	run.Tool.Driver.WithVersion(r.Tool.Version)
	run.WithResults([]*sarif.Result{}) // null would mean that nothing was looked for
	run.WithColumnKind("unicodeCodePoints")
	properties := sarif.NewPropertyBag().Add("verdict", r.Verdict).Add("summary", r.Summary).
		Add("cluster", r.Cluster.Server).Add("kubernetes", r.Cluster.Version)
	if !r.TakenAt.IsZero() {
		properties.Add("takenAt", r.TakenAt.UTC().Format(time.RFC3339))
	}
	if len(r.Limits) > 0 {
		properties.Add("limits", r.Limits)
	}
	if r.Cluster.Context != "" {
		properties.Add("context", r.Cluster.Context)
		run.WithAutomationDetails(sarif.NewRunAutomationDetails().WithID("kubectl-sidecar/" + url.PathEscape(r.Cluster.Context) + "/"))
	}
	run.WithProperties(properties)
	s := &sarifRun{run: run, context: r.Cluster.Context, invocation: sarifInvocation(r), baseline: usesBaseline(r), seen: map[string]int{}}
	for i, e := range r.Checks {
		run.Tool.Driver.AddRule(sarifRule(e))
		s.entry(i, e)
	}
	run.AddInvocation(s.invocation)
	return run
}

func usesBaseline(r *report.Report) bool {
	return slices.ContainsFunc(r.Waivers, func(w report.Waiver) bool { return w.Action == report.Baseline })
}

func sarifInvocation(r *report.Report) *sarif.Invocation {
	code := r.ExitRuleOf().Exit
	i := sarif.NewInvocation().WithExitCode(code).WithExitCodeDescription(r.Summary)
	// The tool did what it is for, whatever it found; a code that no report has means that it did not.
	i.WithExecutionSuccessful(code == report.ExitOK || code == report.ExitFindings || code == report.ExitUnknown)
	for _, w := range idle(r) {
		level := sarif.LevelWarning
		if w.State == report.Unused {
			level = sarif.LevelNote
		}
		message := sarif.NewTextMessage(unplaced(waiverLine(w)))
		i.AddToolConfigurationNotification(sarif.NewNotification().WithLevel(level).WithMessage(message))
	}
	if len(r.Checks) == 0 {
		i.AddToolExecutionNotification(sarif.NewNotification().WithLevel(sarif.LevelError).WithMessage(sarif.NewTextMessage(r.Summary)))
	}
	return i
}

func sarifRule(e report.Entry) *sarif.ReportingDescriptor {
	help := fmt.Sprintf("What it means, why it matters and how to fix or silence it: %s, or kubectl sidecar explain %s", checkPage(e.ID), e.ID)
	markdown := fmt.Sprintf("What it means, why it matters and how to fix or silence it: [%s](%s), or `kubectl sidecar explain %s`", e.ID, checkPage(e.ID), e.ID)
	rule := sarif.NewRule(e.ID).WithName(e.ID).WithHelpURI(checkPage(e.ID))
	rule.WithShortDescription(sarif.NewMultiformatMessageString().WithText(unplaced(e.Title)))
	rule.WithFullDescription(sarif.NewMultiformatMessageString().WithText(unplaced("Passes when " + e.Title + ".")))
	rule.WithHelp(sarif.NewMultiformatMessageString().WithText(help).WithMarkdown(markdown))
	rule.WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(sarifLevel(e.Severity)))
	return rule.WithProperties(sarif.NewPropertyBag().AddTag(string(e.Category)).AddTag("kubernetes"))
}

func sarifLevel(s checks.Severity) string {
	switch s {
	case checks.Error:
		return sarif.LevelError
	case checks.Warning:
		return sarif.LevelWarning
	}
	return sarif.LevelNote
}

// A sarifRun is a run while it is filled.
type sarifRun struct {
	run        *sarif.Run
	invocation *sarif.Invocation
	// baseline says that the caller compares with one: then every result has a state.
	baseline bool
	// context is the name of the cluster, of several.
	context string
	// seen counts the results of one check on one object, to tell them apart.
	seen map[string]int
}

func (s *sarifRun) entry(index int, e report.Entry) {
	rule := sarif.NewReportingDescriptorReference().WithID(e.ID).WithIndex(index)
	if e.Status == checks.Skipped {
		off := sarif.NewReportingConfiguration().WithLevel(sarifLevel(e.Severity)).WithEnabled(false)
		s.invocation.AddRuleConfigurationOverride(sarif.NewConfigurationOverride().WithDescriptor(rule).WithConfiguration(off))
		return
	}
	for _, f := range e.Findings {
		s.finding(index, e, f)
	}
	for _, f := range e.Suppressed {
		s.suppress(s.finding(index, e, f.Finding), f.Waiver)
	}
	if len(e.Missing) > 0 || e.Status == checks.Unknown {
		s.open(index, e, "could not tell: "+missingText(e))
	}
	for _, g := range e.Accepted {
		s.suppress(s.open(index, e, "could not tell: "+gapText(g.Gap)), g.Waiver)
		s.notify(rule, sarif.LevelNote, "accepted ("+whyWaived(g.Waiver)+"): "+gapText(g.Gap))
	}
	for _, g := range e.Missing {
		s.notify(rule, sarifLevel(e.Severity), gapText(g))
	}
}

// finding adds a result with all that is known, since a viewer may show nothing else.
func (s *sarifRun) finding(index int, e report.Entry, f checks.Finding) *sarif.Result {
	text := f.Message
	name := report.ObjectName(f.Object)
	if name != "" {
		text = name + ": " + text
	}
	for _, line := range f.Evidence {
		text += "\nevidence: " + line
	}
	if len(f.Because) > 0 {
		text += "\nbecause: " + strings.Join(f.Because, ", ")
	}
	text += "\nfix: " + f.Fix
	return s.add(index, e, f, text).WithLevel(sarifLevel(e.Severity))
}

// open adds a result of the kind that says: not enough is known to decide. The format has no level
// for such results.
func (s *sarifRun) open(index int, e report.Entry, text string) *sarif.Result {
	return s.add(index, e, checks.Finding{}, text).WithKind("open").WithLevel(sarif.LevelNone)
}

func (s *sarifRun) add(index int, e report.Entry, f checks.Finding, text string) *sarif.Result {
	o := f.Object
	name := strings.Join([]string{o.Kind, o.Namespace, o.Name}, "/")
	s.seen[e.ID+name]++
	about := []string{e.ID, o.Kind, o.Namespace, o.Name}
	if s.context != "" {
		about = append(about, s.context)
	}
	sum := sha256.Sum256([]byte(strings.Join(about, "\x00")))
	print := fmt.Sprintf("%s:%d", hex.EncodeToString(sum[:8]), s.seen[e.ID+name])
	result := sarif.NewRuleResult(e.ID).WithRuleIndex(index).WithMessage(sarif.NewTextMessage(unplaced(text)))
	// The first is the name under which GitHub looks for one.
	result.WithPartialFingerprints(map[string]string{"primaryLocationLineHash": print, "kubectlSidecar/v1": print})
	result.AddLocation(sarifLocation(s.context, e, f, name))
	if s.baseline {
		result.WithBaselineState("new")
	}
	s.run.AddResult(result)
	return result
}

// sarifLocation is an object as a logical location, and the place in its manifest, or else a file that does not exist.
func sarifLocation(context string, e report.Entry, f checks.Finding, name string) *sarif.Location {
	o := f.Object
	path := []string{"cluster"}
	if context != "" {
		path = []string{"clusters", url.PathEscape(context)}
	}
	root := len(path)
	for _, part := range []string{strings.ToLower(o.Kind), o.Namespace, o.Name} {
		if part != "" {
			path = append(path, url.PathEscape(part))
		}
	}
	if len(path) == root {
		path = append(path, strings.ReplaceAll(string(e.Category), " ", "-"), e.ID)
	}
	uri, region := strings.Join(path, "/"), sarif.NewRegion().WithStartLine(1)
	if f.Place.File != "" {
		uri, region = (&url.URL{Path: f.Place.File}).String(), sarifRegion(f.Place)
	}
	place := sarif.NewPhysicalLocation().
		WithArtifactLocation(sarif.NewArtifactLocation().WithURI(uri)).
		WithRegion(region)
	location := sarif.NewLocationWithPhysicalLocation(place)
	if o != (checks.Object{}) {
		location.AddLogicalLocation(sarif.NewLogicalLocation().WithFullyQualifiedName(name).WithName(o.Name).WithKind("object"))
	}
	return location
}

func sarifRegion(p checks.Place) *sarif.Region {
	region := sarif.NewRegion().WithStartLine(max(p.Line, 1))
	if p.Line > 0 && p.Column > 0 {
		region.WithStartColumn(p.Column)
	}
	return region
}

func (s *sarifRun) suppress(result *sarif.Result, w report.WaivedBy) {
	result.AddSuppression(sarif.NewSuppression().WithKind("external").WithStatus("accepted").WithJustification(whyWaived(w)))
	if w.Action == report.Baseline {
		result.WithBaselineState("unchanged")
	}
}

func (s *sarifRun) notify(rule *sarif.ReportingDescriptorReference, level, text string) {
	message := sarif.NewMessage().WithText(unplaced(text))
	s.invocation.AddToolExecutionNotification(sarif.NewNotification().WithAssociatedRule(rule).WithLevel(level).WithMessage(message))
}

// unplaced keeps text from being taken for a message with placeholders ({0}) or links ([text](target)).
func unplaced(text string) string {
	return strings.NewReplacer("{", "{{", "}", "}}", "](", `\](`).Replace(text)
}
