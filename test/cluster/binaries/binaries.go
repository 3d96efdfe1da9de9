// Package binaries finds, and builds when they are missing, the programs that
// a test cluster runs: etcd, the Kubernetes components of several minors and
// programs of this repository.
//
// A Kubernetes minor is available when a folder test/kubernetes/vX.YY exists
// whose go.mod requires k8s.io/kubernetes and names the wanted commands in
// `tool` directives. Supporting another minor means adding such a folder;
// nothing here changes. What is built of Kubernetes is kept in the user's cache, for every checkout, and programs of this
// repository in .cache, which git ignores.
package binaries

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

const module = "github.com/kubectl-sidecar/kubectl-sidecar"

// Root is the folder of the checkout: the nearest folder at or above the
// working directory that holds this module's go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(data), "module "+module+"\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("find the checkout: no go.mod of %s at or above the working directory", module)
		}
		dir = parent
	}
}

// Kept is where the programs of Kubernetes are kept, one folder for each version: in the user's cache (os.UserCacheDir),
// so that checkouts share them, or in the checkout where the user has none.
func Kept(root string) string {
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "kubectl-sidecar", "kubernetes")
	}
	return filepath.Join(root, ".cache", "kubernetes")
}

// Minors lists the Kubernetes minors that can be built, oldest first: "1.27".
func Minors() ([]string, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(root, "test", "kubernetes", "v1.*", "go.mod"))
	if err != nil {
		return nil, fmt.Errorf("list kubernetes minors: %w", err)
	}
	var minors []string
	for _, file := range files {
		minors = append(minors, strings.TrimPrefix(filepath.Base(filepath.Dir(file)), "v"))
	}
	sort.Slice(minors, func(i, j int) bool { return minorNumber(minors[i]) < minorNumber(minors[j]) })
	return minors, nil
}

// Newest is the newest minor that has all of the named components.
func Newest(components ...string) (string, error) {
	minors, err := Minors()
	if err != nil {
		return "", err
	}
	for i := len(minors) - 1; i >= 0; i-- {
		release, err := readRelease(minors[i])
		if err == nil && release.hasAll(components) {
			return minors[i], nil
		}
	}
	return "", fmt.Errorf("no kubernetes minor has %s", strings.Join(components, ", "))
}

// GitVersion is the full version behind a minor: "v1.36.3" for "1.36".
func GitVersion(minor string) (string, error) {
	release, err := readRelease(minor)
	return release.version, err
}

// Components lists the commands that a minor can be built for.
func Components(minor string) ([]string, error) {
	release, err := readRelease(minor)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, tool := range release.tools {
		names = append(names, path.Base(tool))
	}
	return names, nil
}

// Kubernetes returns the path of one component ("kubelet") of a minor
// ("1.36"), after building it if need be. KUBEBUILDER_ASSETS is honoured for
// kube-apiserver when the binary there is of the wanted minor.
func Kubernetes(ctx context.Context, minor, component string) (string, error) {
	release, err := readRelease(minor)
	if err != nil {
		return "", err
	}
	if file := fromAssets(ctx, component, release.minor); file != "" {
		return file, nil
	}
	t, err := release.target(component)
	if err != nil {
		return "", err
	}
	return build(ctx, t)
}

// KubernetesTarget is how one component of a minor is built.
func KubernetesTarget(minor, component string) (Target, error) {
	release, err := readRelease(minor)
	if err != nil {
		return Target{}, err
	}
	return release.target(component)
}

// Etcd returns the path of etcd, from KUBEBUILDER_ASSETS when it is there.
func Etcd(ctx context.Context) (string, error) {
	if file := fromAssets(ctx, "etcd", ""); file != "" {
		return file, nil
	}
	t, err := EtcdTarget()
	if err != nil {
		return "", err
	}
	return build(ctx, t)
}

// EtcdTarget is how etcd is built.
func EtcdTarget() (Target, error) {
	root, err := Root()
	if err != nil {
		return Target{}, err
	}
	dir := filepath.Join(root, "test", "kubernetes", "etcd")
	version, err := required(filepath.Join(dir, "go.mod"), "go.etcd.io/etcd/server/v3")
	if err != nil {
		return Target{}, err
	}
	return Target{
		Name: "etcd " + version, Dir: dir, Pkg: "go.etcd.io/etcd/server/v3",
		Out: filepath.Join(Kept(root), "etcd-"+version, "etcd"),
	}, nil
}

// Program builds a main package of this repository, pkg being relative to the
// module in dir (itself relative to the checkout), always, because its source
// may have changed: the Go build cache makes that cheap.
func Program(ctx context.Context, dir, pkg string) (string, error) {
	t, err := ProgramTarget(dir, pkg)
	if err != nil {
		return "", err
	}
	return build(ctx, t)
}

// ProgramTarget is how Program builds.
func ProgramTarget(dir, pkg string) (Target, error) {
	root, err := Root()
	if err != nil {
		return Target{}, err
	}
	name := path.Base(path.Join(dir, pkg))
	return Target{
		Name: name, Dir: filepath.Join(root, dir), Pkg: pkg, always: true,
		Out: filepath.Join(root, ".cache", "programs", name),
	}, nil
}

// Own is how a program of this repository is built into a file of its own, with flags for the linker.
func Own(root, pkg, out, ldflags string) Target {
	return Target{Name: filepath.Base(out), Dir: root, Pkg: pkg, Out: out, ldflags: ldflags, always: true, once: true}
}

// release is one folder test/kubernetes/vX.YY.
type release struct {
	root, dir string
	minor     string // "1.36"
	version   string // "v1.36.3"
	tools     []string
}

func readRelease(minor string) (release, error) {
	root, err := Root()
	if err != nil {
		return release{}, err
	}
	minor = strings.TrimPrefix(minor, "v")
	r := release{root: root, minor: minor, dir: filepath.Join(root, "test", "kubernetes", "v"+minor)}
	file := filepath.Join(r.dir, "go.mod")
	data, err := os.ReadFile(file)
	if err != nil {
		minors, _ := Minors()
		return release{}, fmt.Errorf("kubernetes %s is not available (available: %s): %w", minor, strings.Join(minors, ", "), err)
	}
	for _, match := range toolLine.FindAllStringSubmatch(string(data), -1) {
		r.tools = append(r.tools, match[1])
	}
	r.version, err = required(file, "k8s.io/kubernetes")
	return r, err
}

// Commands are named either in `tool x` or in lines of a `tool (...)` block.
var toolLine = regexp.MustCompile(`(?m)^(?:tool )?\s*(k8s\.io/\S+/cmd/\S+|k8s\.io/kubectl\S*)$`)

func (r release) tool(component string) (string, error) {
	for _, tool := range r.tools {
		if path.Base(tool) == component {
			return tool, nil
		}
	}
	return "", fmt.Errorf("kubernetes %s has no tool directive for %s", r.minor, component)
}

func (r release) target(component string) (Target, error) {
	tool, err := r.tool(component)
	if err != nil {
		return Target{}, err
	}
	return Target{
		Name: component + " " + r.version, Dir: r.dir, Pkg: tool, ldflags: r.ldflags(),
		Out: filepath.Join(Kept(r.root), r.version, component),
	}, nil
}

func (r release) hasAll(components []string) bool {
	for _, component := range components {
		if _, err := r.tool(component); err != nil {
			return false
		}
	}
	return true
}

// Without these flags every component reports v0.0.0-master.
func (r release) ldflags() string {
	major, minor, _ := strings.Cut(r.minor, ".")
	return strings.Join([]string{
		"-X k8s.io/component-base/version.gitVersion=" + r.version,
		"-X k8s.io/component-base/version.gitMajor=" + major,
		"-X k8s.io/component-base/version.gitMinor=" + minor,
		"-X k8s.io/client-go/pkg/version.gitVersion=" + r.version,
		"-X k8s.io/component-base/version.gitTreeState=clean",
	}, " ")
}

// required reads the version that a go.mod requires of a module.
func required(file, modulePath string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the version of %s: %w", modulePath, err)
	}
	line := regexp.MustCompile(`(?m)^(?:require )?\s*` + regexp.QuoteMeta(modulePath) + ` (v\S+)`)
	match := line.FindSubmatch(data)
	if match == nil {
		return "", fmt.Errorf("%s does not require %s", file, modulePath)
	}
	return string(match[1]), nil
}

func minorNumber(minor string) int {
	_, after, _ := strings.Cut(minor, ".")
	n, _ := strconv.Atoi(after)
	return n
}
