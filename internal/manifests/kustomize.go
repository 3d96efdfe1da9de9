package manifests

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
)

// Build is what kustomize makes of a folder, with kustomize's own library and kubectl's settings, and the local files
// that it was made of.
func Build(dir string) ([]manifests.File, error) {
	out, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", dir, err)
	}
	text, err := out.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", dir, err)
	}
	built := manifests.File{Name: shown(dir)}
	var from []manifests.File
	for _, name := range referred(dir) {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // one of its three names
		}
		root := manifests.Parse(shown(name), data)
		root.Context, root.Root = true, true
		built.Name = shown(filepath.Join(dir, "(built)"))
		from = withReferences([]manifests.File{root})
		break
	}
	parsed := manifests.Parse(built.Name, text)
	parsed.Built = true
	return append([]manifests.File{parsed}, from...), nil
}
