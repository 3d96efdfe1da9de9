// Image writes the plugin's container image, for every platform that it was built for, as an OCI archive:
// without a daemon, a registry or a base image, and twice the same for the same programs. It is what the
// Containerfile says; test/deploy compares the two.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func main() {
	var o options
	flag.StringVar(&o.programs, "programs", "dist/image", "the `folder` with linux-ARCH/kubectl-sidecar and linux-ARCH/sidecar-run for every architecture")
	flag.StringVar(&o.license, "license", "LICENSE", "the license `file`")
	flag.StringVar(&o.name, "name", "registry.example/kubectl-sidecar", "the image's `name`, without tag")
	flag.StringVar(&o.version, "version", "dev", "the plugin's `version`, which is the tag")
	flag.Int64Var(&o.created, "created", 0, "when it was made, in `seconds` since 1970: the commit's time, for two builds to be the same")
	flag.StringVar(&o.out, "o", "dist/kubectl-sidecar-image.tar", "the archive to write")
	flag.Parse()
	if err := o.write(); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Printf("%s: %s\n", o.out, o.reference())
}

type options struct {
	programs, license, name, version, out string
	created                               int64
}

// reference is the name under which container runtimes know the image.
func (o options) reference() string {
	// Versions of Go and git have characters that tags must not have.
	return o.name + ":" + strings.NewReplacer("+", "-", "/", "-").Replace(o.version)
}

func (o options) write() error {
	index, err := o.index()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "kubectl-sidecar-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write the image: %w", err)
	}
	reference := o.reference()
	_, tag, _ := strings.Cut(reference, ":")
	names := map[string]string{"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": tag}
	if err := path.AppendIndex(index, layout.WithAnnotations(names)); err != nil {
		return fmt.Errorf("write the image: %w", err)
	}
	written, err := path.ImageIndex()
	if err != nil {
		return fmt.Errorf("check the image: %w", err)
	}
	if err := validate.Index(written); err != nil {
		return fmt.Errorf("check the image: %w", err)
	}
	return archive(dir, o.out)
}

// index is the image of all platforms.
func (o options) index() (v1.ImageIndex, error) {
	programs, err := filepath.Glob(filepath.Join(o.programs, "linux-*", program))
	if err != nil {
		return nil, err
	}
	if len(programs) == 0 {
		return nil, fmt.Errorf("no linux-ARCH/%s in %s: make image builds them", program, o.programs)
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, file := range programs { // sorted by Glob
		_, arch, _ := strings.Cut(filepath.Base(filepath.Dir(file)), "-")
		image, err := o.image(file, arch)
		if err != nil {
			return nil, fmt.Errorf("image for %s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index, nil
}

func (o options) image(file, arch string) (v1.Image, error) {
	data, err := layer(map[string]string{
		"LICENSE": o.license, program: file, wrapper: filepath.Join(filepath.Dir(file), wrapper),
	})
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(data)), nil }
	content, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: time.Unix(o.created, 0).UTC()}
	image, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{
		Layer: content, History: v1.History{Created: created, CreatedBy: "make image"},
	})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, created
	config.Config = v1.Config{
		User: user, Entrypoint: []string{"/" + program},
		Labels: map[string]string{
			"org.opencontainers.image.title":    "kubectl-sidecar",
			"org.opencontainers.image.version":  o.version,
			"org.opencontainers.image.licenses": "Apache-2.0",
			"org.opencontainers.image.source":   "https://github.com/kubectl-sidecar/kubectl-sidecar",
		},
	}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return nil, err
	}
	return mutate.ConfigMediaType(image, types.OCIConfigJSON), nil
}

const (
	program = "kubectl-sidecar"
	// wrapper is what init containers copy from the image into pods.
	wrapper = "sidecar-run"
	// user is nobody in particular, as a number: the kubelet can then see that it is not root.
	user = "65532:65532"
)

// archive gives the file its name when it is complete.
func archive(dir, out string) (err error) {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(out), ".image-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = errors.Join(writeTree(f, dir), f.Chmod(0o644), f.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	return os.Rename(f.Name(), out)
}
