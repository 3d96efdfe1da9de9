package sweep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// An outcome is what a run said, in a form that can be compared with another's.
type outcome struct {
	verdict report.Verdict
	status  map[string]checks.Status // of each check, or what a diagnosis or webhook says
	gaps    []facts.Gap
	said    map[string]string // the first finding of each check that failed
	answers string            // what the diagnoses, findings or rows say and what to do, without ages
	grave   map[string]bool   // what decides over the verdict
}

// understand reads what a command printed.
func understand(cmd *command, r ran) (outcome, error) {
	switch cmd.args[0] {
	case "snapshot":
		s, err := facts.Read(strings.NewReader(r.stdout), "stdout")
		if err != nil {
			return outcome{}, err
		}
		return judged(report.New(s, clusterchecks.Judge(s, nil), "test")), nil
	case "webhooks":
		return webhookTable(r.stdout)
	case "plan":
		return planTable(r.stdout)
	}
	if err := valid(r.stdout); err != nil {
		return outcome{}, err
	}
	var rep report.Report
	if err := json.Unmarshal([]byte(r.stdout), &rep); err != nil {
		return outcome{}, err
	}
	return judged(&rep), nil
}

func judged(r *report.Report) outcome {
	out := outcome{verdict: r.Verdict, status: map[string]checks.Status{}, said: map[string]string{}, grave: map[string]bool{}}
	for _, e := range r.Checks {
		out.status[e.ID], out.grave[e.ID] = e.Status, e.Severity == checks.Error
		if len(e.Findings) > 0 {
			out.said[e.ID] = fmt.Sprintf("%s %q", e.Findings[0].Message, e.Findings[0].Evidence)
		}
		out.gaps = append(out.gaps, e.Missing...)
	}
	for _, d := range r.Diagnoses {
		out.status["diagnosis "+d.RootCause] = checks.Fail
		out.answers += number.ReplaceAllString(fmt.Sprintf("%s/%s: %s\n%s\n", d.Object.Kind, d.Object.Name, d.Message, d.Fix), "N")
	}
	return out
}

// number is what differs between two runs, as a count or a duration: 59s is 1m2s a moment later.
var number = regexp.MustCompile(`(\d+(ms|[dhms])?)+`)

// webhookTable is what `webhooks` says; each webhook's result is taken for a check.
func webhookTable(stdout string) (outcome, error) {
	var table struct {
		Webhooks []clusterchecks.WebhookRow
		Missing  []facts.Gap
	}
	decoder := json.NewDecoder(strings.NewReader(stdout))
	if err := decoder.Decode(&table); err != nil || decoder.More() {
		return outcome{}, fmt.Errorf("not one JSON document: %w", err)
	}
	out := outcome{verdict: report.Unknown, status: map[string]checks.Status{}, gaps: table.Missing}
	for _, row := range table.Webhooks {
		out.status[row.Name] = checks.Status(row.Result)
	}
	return out, nil
}

// planTable is what `plan` says; each workload's status is taken for a check, and all that is said of it for its answer.
func planTable(stdout string) (outcome, error) {
	var p plan.Plan
	decoder := json.NewDecoder(strings.NewReader(stdout))
	if err := decoder.Decode(&p); err != nil || decoder.More() {
		return outcome{}, fmt.Errorf("not one JSON document: %w", err)
	}
	out := outcome{verdict: report.Ready, status: map[string]checks.Status{}, gaps: p.Gaps, grave: map[string]bool{}}
	switch p.ExitCode() {
	case plan.ExitUnknown:
		out.verdict = report.Unknown
	case plan.ExitToMove:
		out.verdict = report.NotReady
	}
	for _, row := range p.Rows {
		name := row.Kind + "/" + row.Name
		out.status[name], out.grave[name] = checks.Status(row.Status), true
		text, err := json.Marshal(row)
		if err != nil {
			return outcome{}, err
		}
		out.answers += string(text) + "\n"
		for _, b := range row.Blocks {
			if b.Kind == plan.WebhookUnread && b.Why != "" {
				out.gaps = append(out.gaps, facts.Gap{Kind: facts.Canaries, Reason: b.Why})
			}
		}
	}
	return out, nil
}

var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile("../../docs/schema/report.v1.json")
})

// valid reports whether the text is one report that keeps the published contract.
func valid(text string) error {
	s, err := schema()
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		return fmt.Errorf("not one JSON document: %w", err)
	}
	return s.Validate(document)
}

// judge says what is wrong with a run whose request went wrong.
func judge(x trial, r ran) error {
	if r.crash != "" {
		return errors.New("crashed: " + r.crash)
	}
	if r.took > timeout+grace {
		return fmt.Errorf("took %v, with a time-out of %v", r.took, timeout)
	}
	if r.exit == 1 {
		return oneError(r)
	}
	got, err := understand(x.command, r)
	if err != nil {
		return fmt.Errorf("no valid result: %w\n%.500s", err, r.stdout)
	}
	return errors.Join(sound(x, got), honest(x, r, got))
}

// oneError wants one clear line, a hint at most, and nothing on stdout.
func oneError(r ran) error {
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	clear := strings.HasPrefix(lines[0], "error: ") && len(lines[0]) > len("error: ") &&
		(len(lines) == 1 || len(lines) == 2 && strings.HasPrefix(lines[1], "hint: "))
	if r.stdout != "" || !clear {
		return fmt.Errorf("not one clear error line: stdout %q, stderr %q", r.stdout, r.stderr)
	}
	return nil
}

// sound wants every check to say what it said undisturbed, or that it cannot tell: nothing is found
// that is not there, and nothing passes that did not.
func sound(x trial, got outcome) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(got.status)) {
		before, known := x.command.baseline.status[id]
		switch now := got.status[id]; {
		case now == before, now == checks.Unknown, now == "suspect": // of several, one
		case !known && strings.HasPrefix(id, "diagnosis undiagnosed"):
		default:
			errs = append(errs, fmt.Errorf("%s: %q, undisturbed %q: %s", id, now, before, got.said[id]))
		}
	}
	return errors.Join(errs...)
}

// honest wants a gap that names what was asked for, unless the fact was had in another way: then
// the result is that of the undisturbed run.
func honest(x trial, r ran, got outcome) error {
	same := maps.Equal(got.status, x.command.baseline.status) && got.verdict == x.command.baseline.verdict
	if (x.fault.passing || anotherWay(x)) && (same || got.verdict != report.Ready) {
		return nil // other requests may have run out of time, and say so themselves
	}
	if (x.command.args[0] == "why" || x.command.args[0] == "plan") && same && got.answers == x.command.baseline.answers {
		return nil // the answer is whole; what is missing would have been one more proof of it
	}
	var errs []error
	if got.verdict == report.Ready && !sameErrors(x, got) {
		errs = append(errs, fmt.Errorf("verdict %s, exit %d", got.verdict, r.exit))
	}
	kinds := kindsOf(x.class)
	named := slices.ContainsFunc(got.gaps, func(g facts.Gap) bool {
		// Where connections are refused from some request on, the last ones count as well.
		about := slices.Contains(kinds, g.Kind) || x.fault.name == "refused"
		return about && !slices.Contains(x.command.baseline.gaps, g)
	})
	// The table of webhooks says for each whether it could tell.
	if !named && (same || x.command.args[0] != "webhooks") {
		errs = append(errs, fmt.Errorf("no gap names %v, only %v", kinds, gapKinds(got.gaps)))
	}
	return errors.Join(errs...)
}

// sameErrors reports whether every check that decides over the verdict, one of severity error, says
// what it said undisturbed. Then what went wrong concerns warnings only, and a gap is all there is.
func sameErrors(x trial, got outcome) bool {
	for id := range x.command.baseline.grave {
		if x.command.baseline.grave[id] && got.status[id] != x.command.baseline.status[id] {
			return false
		}
	}
	return true
}

// gapKinds is each kind of which there is a gap, once.
func gapKinds(gaps []facts.Gap) []facts.Kind {
	var out []facts.Kind
	for _, g := range gaps {
		if !slices.Contains(out, g.Kind) {
			out = append(out, g.Kind)
		}
	}
	return out
}
