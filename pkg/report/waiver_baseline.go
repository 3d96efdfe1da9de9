package report

import (
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// BaselineKind heads a baseline file.
const BaselineKind = "Baseline"

type baseline struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Cluster    string            `json:"cluster,omitempty"`
	TakenAt    string            `json:"takenAt,omitempty"`
	Tool       string            `json:"tool"`
	Findings   []baselineFinding `json:"findings"`
}

// A baselineFinding is recognized by its check and its object. Message is for whoever reads the file:
// it has counts and versions in it, which change while the problem stays the same.
type baselineFinding struct {
	Check   string `json:"check"`
	Object  string `json:"object"`
	Message string `json:"message"`
}

const baselineHead = `# What kubectl sidecar doctor --baseline does not fail for: what was found when this was written.
# Recognized by check and object; the message is for you. Written by: kubectl sidecar baseline
`

// WriteBaseline writes the findings of r that count, of whatever severity, and returns how many lines it
// has. A finding about several namespaces has a line for each, so that one more namespace is new. Gaps
// are not among them: what could not be read is unknown, and may be anything. Text of r goes in as it is:
// [print.Baseline] is for what comes from a cluster.
func WriteBaseline(w io.Writer, r *Report) (int, error) {
	b := baseline{APIVersion: facts.APIVersion, Kind: BaselineKind, Cluster: r.Cluster.Server, Tool: r.Tool.Version, Findings: []baselineFinding{}}
	if !r.TakenAt.IsZero() {
		b.TakenAt = r.TakenAt.UTC().Format("2006-01-02T15:04:05Z")
	}
	seen := map[place]bool{}
	for _, e := range r.Checks {
		for _, f := range e.Findings {
			for _, names := range subjectsOf(f) {
				at := place{check: e.ID, object: names[0]}
				if names[0] != "" && !seen[at] {
					b.Findings = append(b.Findings, baselineFinding{Check: e.ID, Object: names[0], Message: f.Message})
				}
				seen[at] = true
			}
		}
	}
	text, err := yaml.Marshal(b)
	if err != nil {
		return 0, fmt.Errorf("encoding the baseline: %w", err)
	}
	if _, err := w.Write(append([]byte(baselineHead), text...)); err != nil {
		return 0, fmt.Errorf("writing the baseline: %w", err)
	}
	return len(b.Findings), nil
}
