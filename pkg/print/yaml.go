package print

import (
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

func yamlDocument(w io.Writer, r *report.Report, _ Options) error {
	document, err := yaml.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the report as YAML: %w", err)
	}
	_, err = w.Write(document)
	return err
}
