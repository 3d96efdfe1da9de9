package cluster

import (
	"context"
	"path/filepath"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/image"
)

// ToolImage is on every node. Its program is test/cluster/image/tool, where
// its commands are described.
const ToolImage = toolImage

const toolImage = "kubectl-sidecar.dev/test/tool:1"

// writeImages makes the archives that nodes import, once.
func (c *Cluster) writeImages(ctx context.Context) error {
	c.imagesOnce.Do(func() { c.imagesErr = c.writeToolImage(ctx) })
	return c.imagesErr
}

func (c *Cluster) writeToolImage(ctx context.Context) error {
	tool, err := binaries.Program(ctx, ".", "./test/cluster/image/tool")
	if err != nil {
		return err
	}
	archive := filepath.Join(c.dir, "tool.tar")
	c.images = append(c.images, archive)
	return image.Image{
		Name: ToolImage, Files: map[string]string{"/tool": tool}, Entrypoint: []string{"/tool"},
	}.WriteFile(archive)
}
