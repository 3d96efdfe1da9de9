package print

import (
	"encoding/json"
	"io"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// openReportsDocument is a ClusterReport of openreports.io/v1alpha1 for dashboards such as Policy
// Reporter. It is one object with one name, whatever was found, so that applying it again updates
// it; findings about namespaced objects refer to them.
func openReportsDocument(w io.Writer, r *report.Report, _ Options) error {
	return writeOpenReport(w, r, func(*openReport) {})
}

// writeOpenReport lets name say how the object differs from that of a single cluster.
func writeOpenReport(w io.Writer, r *report.Report, name func(*openReport)) error {
	results := openResults(r)
	object := newOpenReport(r, results)
	for size := (openSize{results: 1000, text: 4000}); ; size = size.smaller() {
		object.fill(r, results, size)
		name(object)
		data, err := json.Marshal(object)
		if err != nil {
			return err
		}
		if len(data) <= openLimit || size.text < 40 {
			break
		}
	}
	data, err := yaml.Marshal(object)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// openLimit is the size in bytes of the object as JSON. kubectl apply keeps a copy of it in an
// annotation, and all annotations of an object may have 256 KiB.
const openLimit = 200 << 10

// openSize limits the results of a check, and the characters of a text.
type openSize struct{ results, text int }

func (s openSize) smaller() openSize {
	if s.results > 1 {
		return openSize{results: s.results / 2, text: s.text}
	}
	return openSize{results: 1, text: s.text / 2}
}

// The fields of a ClusterReport that are used here; test/formats/openreports holds them against the
// types of github.com/openreports/reports-api, which would bring a newer set of libraries with it.
type openReport struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Metadata   openMetadata `json:"metadata"`
	Source     string       `json:"source"`
	Summary    openSummary  `json:"summary"`
	Results    []openResult `json:"results"`
}

type openMetadata struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type openSummary struct {
	Pass  int `json:"pass"`
	Fail  int `json:"fail"`
	Warn  int `json:"warn"`
	Error int `json:"error"`
	Skip  int `json:"skip"`
}

type openResult struct {
	Source     string            `json:"source"`
	Policy     string            `json:"policy"`
	Category   string            `json:"category,omitempty"`
	Severity   string            `json:"severity,omitempty"`
	Timestamp  *openTime         `json:"timestamp,omitempty"`
	Result     string            `json:"result"`
	Scored     bool              `json:"scored,omitempty"`
	Resources  []openReference   `json:"resources,omitempty"`
	Message    string            `json:"message,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
}

// openTime is absent, not zero, when a file does not tell: then the object's own age has to do.
type openTime struct {
	Seconds int64 `json:"seconds"`
	Nanos   int32 `json:"nanos"`
}

type openReference struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name,omitempty"`
}

const (
	openSource = "kubectl-sidecar"
	// openPrefix is that of labels and annotations.
	openPrefix = "kubectl-sidecar.dev/"
)

func newOpenReport(r *report.Report, results []openResult) *openReport {
	o := &openReport{
		APIVersion: "openreports.io/v1alpha1", Kind: "ClusterReport", Source: openSource,
		Metadata: openMetadata{
			Name: "kubectl-sidecar-" + commandOf(r),
			Labels: map[string]string{
				"app.kubernetes.io/managed-by": openSource,
				openPrefix + "verdict":         string(r.Verdict),
			},
		},
	}
	for _, result := range results {
		o.Summary.count(result.Result)
	}
	return o
}

// count takes in what is left out for its size, too.
func (s *openSummary) count(result string) {
	switch result {
	case "pass":
		s.Pass++
	case "fail":
		s.Fail++
	case "warn":
		s.Warn++
	case "skip":
		s.Skip++
	default:
		s.Error++
	}
}

// fill puts in as many results of each check, and as much text, as size allows.
func (o *openReport) fill(r *report.Report, results []openResult, size openSize) {
	o.Results = []openResult{}
	kept, left := map[string]int{}, 0
	for _, result := range results {
		if kept[result.Policy] == size.results {
			left++
			continue
		}
		kept[result.Policy]++
		o.Results = append(o.Results, result.cut(size.text))
	}
	o.Metadata.Annotations = map[string]string{
		openPrefix + "summary":    cut(r.Summary, size.text),
		openPrefix + "server":     cut(r.Cluster.Server, size.text),
		openPrefix + "kubernetes": cut(r.Cluster.Version, size.text),
		openPrefix + "version":    cut(r.Tool.Version, size.text),
	}
	if !r.TakenAt.IsZero() {
		o.Metadata.Annotations[openPrefix+"taken-at"] = r.TakenAt.UTC().Format(time.RFC3339)
	}
	if len(r.Limits) > 0 {
		o.Metadata.Annotations[openPrefix+"limited"] = cut(prose.List(r.Limits, "and"), size.text)
	}
	if left > 0 {
		o.Metadata.Annotations[openPrefix+"left-out"] = prose.Of(left, len(results), "result") +
			", since the object would be too large; the summary counts them, kubectl sidecar doctor shows them"
	}
}

func (r openResult) cut(n int) openResult {
	r.Message = cut(r.Message, n)
	properties := make(map[string]string, len(r.Properties))
	for name, value := range r.Properties {
		properties[name] = cut(value, n)
	}
	r.Properties = properties
	references := make([]openReference, 0, len(r.Resources))
	for _, ref := range r.Resources {
		ref.Kind, ref.Namespace, ref.Name = cut(ref.Kind, n), cut(ref.Namespace, n), cut(ref.Name, n)
		references = append(references, ref)
	}
	r.Resources = references
	return r
}

// cut leaves n characters of text, and says when it took any away.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n]) + "... (cut)"
}

// openVersions are the API versions of objects that findings are about. Others are parts of objects,
// or groups of them, and have none.
var openVersions = map[string]string{
	"Node": "v1", "Pod": "v1", "Namespace": "v1", "Service": "v1",
	"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1",
	"Job": "batch/v1", "CronJob": "batch/v1",
	"MutatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
	"CustomResourceDefinition":     "apiextensions.k8s.io/v1",
}

func openReferences(o checks.Object) []openReference {
	if o == (checks.Object{}) {
		return nil
	}
	return []openReference{{APIVersion: openVersions[o.Kind], Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}}
}
