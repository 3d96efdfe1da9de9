package print

import (
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

func yamlDocument(w io.Writer, r *report.Report, _ Options) error {
	return encodeYAML(w, "the report", r)
}

// encodeYAML writes a document; what names it in an error.
func encodeYAML(w io.Writer, what string, document any) error {
	text, err := yaml.Marshal(document)
	if err != nil {
		return fmt.Errorf("encoding %s as YAML: %w", what, err)
	}
	_, err = w.Write(text)
	return err
}
