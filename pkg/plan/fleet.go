package plan

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// FleetKind heads a list of plans as a document.
const FleetKind = "PlanList"

// A Fleet is the plans of several clusters, and a table of them. Its JSON is public: docs/schema/plans.v1.json.
type Fleet struct {
	metav1.TypeMeta `json:",inline"`
	Tool            string `json:"tool"`
	// ExitCode is the worst of the clusters.
	ExitCode int `json:"exitCode"`
	// Clusters has a row for each plan, in the order of Items: those with something to move first.
	Clusters []Member `json:"clusters"`
	Items    []*Plan  `json:"items"`
}

// A Member is one cluster in a row: how many of its workloads have which status.
type Member struct {
	Context  string `json:"context"`
	Server   string `json:"server"`
	ExitCode int    `json:"exitCode"`
	Looked   int    `json:"looked"`
	Ready    int    `json:"ready"`
	Ask      int    `json:"ask"`
	Unknown  int    `json:"unknown"`
	Blocked  int    `json:"blocked"`
	Done     int    `json:"done"`
	// Gaps is how much could not be read.
	Gaps int `json:"gaps"`
	// Reached is false where nothing of the cluster could be read.
	Reached bool `json:"reached"`
}

// An Unreached says why nothing of a cluster was read, and what to do about it.
type Unreached struct {
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

// Unreachable is the plan of a cluster of which nothing could be read.
func Unreachable(context, server string, why Unreached, tool string) *Plan {
	return &Plan{
		TypeMeta: metav1.TypeMeta{APIVersion: facts.APIVersion, Kind: Kind}, Tool: tool, Context: context, Server: server,
		Rows: []Row{}, Unreached: &why,
	}
}

// NewFleet sorts plans into a list, and decides its exit code: 3 where something is to be moved, else 4 where not all was
// seen, else 0.
func NewFleet(plans []*Plan, tool string) *Fleet {
	f := &Fleet{TypeMeta: metav1.TypeMeta{APIVersion: facts.APIVersion, Kind: FleetKind}, Tool: tool, Clusters: []Member{}, Items: slices.Clone(plans)}
	if f.Items == nil {
		f.Items = []*Plan{}
	}
	rank := func(code int) int { return slices.Index([]int{ExitToMove, ExitUnknown, ExitNothing}, code) }
	slices.SortStableFunc(f.Items, func(a, b *Plan) int {
		return cmp.Or(cmp.Compare(rank(a.ExitCode()), rank(b.ExitCode())), cmp.Compare(b.Count(Ready), a.Count(Ready)),
			cmp.Compare(len(b.Rows), len(a.Rows)), cmp.Compare(a.Context, b.Context))
	})
	for _, p := range f.Items {
		f.Clusters = append(f.Clusters, Member{
			Context: p.Context, Server: p.Server, ExitCode: p.ExitCode(), Looked: p.Looked,
			Ready: p.Count(Ready), Ask: p.Count(Ask), Unknown: p.Count(Unknown), Blocked: p.Count(Blocked), Done: p.Count(Done),
			Gaps: len(p.Gaps), Reached: p.Unreached == nil,
		})
	}
	if len(f.Items) > 0 {
		f.ExitCode = f.Clusters[0].ExitCode
	}
	return f
}
