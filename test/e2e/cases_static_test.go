package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// Static pods are changed in a file of their node, which no command of a fix can do: it prints a part of the manifest.

// staticFile is the manifest of the situation's static pod on the last node.
func (st *stage) staticFile(s *situation) string {
	kubelets := st.cluster.Kubelets
	return filepath.Join(kubelets[len(kubelets)-1].StaticPods(), s.name+".yaml")
}

// writeStatic gives a static pod to the last node.
func (st *stage) writeStatic(s *situation, name string) error {
	data, err := os.ReadFile(s.file(name))
	if err != nil {
		return err
	}
	return os.WriteFile(st.staticFile(s), data, 0o600)
}

// mergeStatic puts what a fix prints into the manifest of the static pod.
func (st *stage) mergeStatic(s *situation, steps []checks.Step) error {
	data, err := os.ReadFile(st.staticFile(s))
	if err != nil {
		return err
	}
	for _, step := range steps {
		if step.Language != checks.YAML {
			continue
		}
		patch, err := os.CreateTemp("", "kubectl-sidecar-static-*.yaml")
		if err != nil {
			return err
		}
		defer os.Remove(patch.Name())
		if _, err := fmt.Fprintf(patch, "spec:\n%s\n", bytes.ReplaceAll([]byte("  "+step.Command), []byte("\n"), []byte("\n  "))); err != nil {
			return err
		}
		if err := patch.Close(); err != nil {
			return err
		}
		out, err := st.run(s, bytes.NewReader(data), "patch", "--local", "-f", "-", "-o", "yaml", "--type=strategic", "--patch-file", patch.Name())
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return os.WriteFile(st.staticFile(s), out, 0o600)
	}
	return errors.New("no part of a manifest is printed")
}
