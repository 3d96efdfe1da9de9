package manifests

import (
	"fmt"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
)

// Build is what kustomize makes of a folder, with kustomize's own library and kubectl's settings. Its places are
// those in the output, which is named after the folder.
func Build(dir string) (manifests.File, error) {
	out, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return manifests.File{}, fmt.Errorf("building %s: %w", dir, err)
	}
	text, err := out.AsYaml()
	if err != nil {
		return manifests.File{}, fmt.Errorf("building %s: %w", dir, err)
	}
	return manifests.Parse(filepath.ToSlash(filepath.Clean(dir))+"/ (built)", text), nil
}
