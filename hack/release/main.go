// Command release builds what a release consists of into a folder: an archive for each platform, a
// bill of materials for each, sidecar-run for Linux, the manifest for krew, the layout of a krew index, and the sums of all.
//
// The same sources and the same Go give the same bytes, whoever builds them, where and when: nothing
// of a clock, a user, a machine or a version control system gets into a file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/hack/docs/manual"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
)

// platforms is where the plugin runs, in the order of the manifest.
var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"},
}

// A platform is a GOOS and a GOARCH.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }
func (p platform) name() string   { return "kubectl-sidecar_" + p.os + "_" + p.arch }

func (p platform) archive() string {
	if p.os == "windows" {
		return p.name() + ".zip"
	}
	return p.name() + ".tar.gz"
}

func (p platform) binary() string {
	if p.os == "windows" {
		return "kubectl-sidecar.exe"
	}
	return "kubectl-sidecar"
}

// A release is what is to be built. The working directory is the top of the sources.
type release struct {
	version   string // v0.1.0
	url       string // where the folder of each version will be
	out       string
	platforms []platform
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r, err := parse(os.Args[1:])
	if err == nil {
		err = r.build(ctx)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

// semantic is a version as krew and Go want it.
var semantic = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

func parse(args []string) (*release, error) {
	r := &release{}
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.StringVar(&r.version, "version", "", "version of the release, such as v0.1.0")
	flags.StringVar(&r.out, "out", "dist", "folder to write into; older files of the same names are replaced")
	flags.StringVar(&r.url, "url", "https://github.com/kubectl-sidecar/kubectl-sidecar/releases/download", "URL that the folders of all versions are below, for a mirror or a fork")
	only := flags.String("platforms", "", "only these, such as linux/amd64,windows/amd64; there is no manifest for krew then")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if !semantic.MatchString(r.version) {
		return nil, fmt.Errorf("-version: %q is not like v0.1.0", r.version)
	}
	r.platforms = platforms
	if *only != "" {
		r.platforms = nil
		for _, name := range strings.Split(*only, ",") {
			os, arch, _ := strings.Cut(name, "/")
			r.platforms = append(r.platforms, platform{os, arch})
		}
	}
	return r, nil
}

// build leaves the folder as it was until everything is complete.
func (r *release) build(ctx context.Context) error {
	temp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(r.out)), ".release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	dist := filepath.Join(temp, "dist")
	if err := os.Mkdir(dist, 0o755); err != nil {
		return err
	}
	common, err := commonFiles()
	if err != nil {
		return err
	}
	if err := biller(ctx, filepath.Join(temp, "biller")); err != nil {
		return err
	}
	for _, p := range r.platforms {
		if err := r.platform(ctx, p, temp, dist, common); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		fmt.Fprintf(os.Stderr, "built %s\n", p.archive())
	}
	if len(r.platforms) == len(platforms) {
		if err := r.writeKrew(dist); err != nil {
			return err
		}
	}
	if err := writeSums(dist); err != nil {
		return err
	}
	return r.publish(dist)
}

// publish puts what was built where it belongs, in place of what had its names. The rest of the folder
// is not ours.
func (r *release) publish(dist string) error {
	entries, err := os.ReadDir(dist)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		target := filepath.Join(r.out, e.Name())
		if err := errors.Join(os.RemoveAll(target), os.Rename(filepath.Join(dist, e.Name()), target)); err != nil {
			return err
		}
	}
	return nil
}

// commonFiles is what every archive has besides the binary; those of Windows do without what needs a
// Unix shell or man.
func commonFiles() ([]file, error) {
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return nil, err
	}
	files := []file{
		{name: "LICENSE", data: license},
		{name: "kubectl_complete-sidecar", data: []byte(cli.KubectlComplete), mode: 0o755, unix: true},
	}
	pages, err := manual.Man()
	if err != nil {
		return nil, err
	}
	for name, page := range pages {
		files = append(files, file{name: "man/man1/" + name, data: page, unix: true})
	}
	return files, nil
}

func (r *release) platform(ctx context.Context, p platform, temp, dist string, common []file) error {
	binary := filepath.Join(temp, p.name(), p.binary())
	if err := r.compile(ctx, p, binary); err != nil {
		return err
	}
	if err := r.compileRun(ctx, p, dist); err != nil {
		return err
	}
	if err := bill(ctx, filepath.Join(temp, "biller"), p, r.version, binary, filepath.Join(dist, p.name()+".sbom.json")); err != nil {
		return err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	files := []file{{name: p.binary(), data: data, mode: 0o755}}
	for _, f := range common {
		if p.os != "windows" || !f.unix {
			files = append(files, f)
		}
	}
	return writeArchive(filepath.Join(dist, p.archive()), files)
}
