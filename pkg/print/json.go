package print

import (
	"encoding/json"
	"io"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

func jsonDocument(w io.Writer, r *report.Report, _ Options) error { return encodeJSON(w, r) }

// encodeJSON writes a document as all JSON for people and programs is written.
func encodeJSON(w io.Writer, document any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // "<=1.27" is for people too
	e.SetIndent("", "  ")
	return e.Encode(document)
}
