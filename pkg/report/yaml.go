package report

import (
	"fmt"
	"io"

	"sigs.k8s.io/yaml"
)

func yamlDocument(w io.Writer, r *Report, _ Options) error {
	document, err := yaml.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the report as YAML: %w", err)
	}
	_, err = w.Write(document)
	return err
}
