package report

import (
	"encoding/json"
	"io"
)

func jsonDocument(w io.Writer, r *Report, _ Options) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // "<=1.27" is for people too
	e.SetIndent("", "  ")
	return e.Encode(r)
}
