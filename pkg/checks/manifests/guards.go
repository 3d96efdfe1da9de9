package manifests

import (
	"bytes"
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

var (
	// compared is a version of the cluster that a chart asks for: one in which native sidecars came, and no suffix, so it is
	// false of every version that has one (Masterminds/semver: a constraint without a pre-release skips pre-releases).
	compared = pattern.New(`semverCompare\s+["'` + "`" + `]([<>=^~!]*\s*v?1\.(?:28|29|33)(?:\.\d+)?)["'` + "`" + `]\s.*KubeVersion`)
	// ofSidecars is what a template says that makes native sidecars.
	ofSidecars = pattern.New(`(?i)restartPolicy|initContainers|sidecar`)
)

// A guard is a line of a template that decides by the version of the cluster.
type guard struct {
	line       int
	constraint string
}

// guardsIn are the guards of a template that are false in clusters whose versions have a suffix.
func guardsIn(data []byte) []guard {
	if !ofSidecars.Match(data) {
		return nil
	}
	var out []guard
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if m := compared.FindStringSubmatch(string(line)); m != nil {
			out = append(out, guard{n, m[1]})
		}
	}
	return out
}

// skip says what is wrong with it.
func (g guard) skip(file string) Skip {
	return Skip{checks.Place{File: file, Line: g.line, Column: 1},
		fmt.Sprintf("semverCompare %q is false of versions with a suffix, such as v1.34.1-gke.1 and v1.34.1-eks-1: write %q", g.constraint, g.constraint+"-0")}
}
