// Package manifests reads manifests as people have them: files, folders, patterns, stdin, and what kustomize makes of a
// folder. It judges nothing.
package manifests

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/dumps"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Stdin is the name under which what comes from stdin is reported.
const Stdin = "stdin"

// Options say what to read.
type Options struct {
	// Names are files, folders, patterns, and - for stdin.
	Names []string
	// Recursive reads folders in folders, too.
	Recursive bool
	// Stdin is read for -.
	Stdin io.Reader
	// Context bounds the unpacking of archives; nil is no bound.
	Context context.Context
	// Settle, which may be nil, is called with each file as it was read, in any order and several at once: it may judge
	// the file and forget its documents. It is not called where files of kustomize's decide what the others are.
	Settle func(*manifests.File)
}

// A NameError is a name that nothing can be read from.
type NameError struct {
	Name string
	Err  error
}

func (e *NameError) Error() string { return fmt.Sprintf("reading %s: %v", e.Name, e.Err) }
func (e *NameError) Unwrap() error { return e.Err }

// ErrURL is a name that is an address: nothing is downloaded.
var ErrURL = errors.New("files only: nothing is downloaded")

// ErrPacked is an archive that cannot be unpacked.
var ErrPacked = errors.New("it is packed")

// ErrNothing is a folder without a manifest.
var ErrNothing = errors.New("no file there ends in .yaml, .yml, .json or .kyaml")

// Read reads everything, in the order of the names, and each file once.
func Read(o Options) ([]manifests.File, error) {
	names, err := o.Files()
	if err != nil {
		return nil, err
	}
	files := make([][]manifests.File, len(names))
	kustomized := slices.ContainsFunc(names, manifests.IsKustomizationName)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		group.Go(func() error {
			data, err := o.read(name)
			if err != nil {
				return &NameError{name, reason(err)}
			}
			if files[i], err = parse(o.Context, shown(name), data); err != nil {
				return &NameError{name, err}
			}
			if o.Settle != nil && name != "-" && !kustomized {
				o.settle(files[i])
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := slices.Concat(files...)
	if o.Settle != nil && !kustomized && slices.ContainsFunc(out, func(f manifests.File) bool { return f.Kustomization() }) {
		return o.again(names, files) // one that has another name than kustomize's
	}
	return withReferences(out), nil
}

// settle judges the files that a name stands for.
func (o Options) settle(files []manifests.File) {
	for i := range files {
		o.Settle(&files[i])
	}
}

// again reads what was settled once more, to keep it: files of kustomize's refer to it.
func (o Options) again(names []string, files [][]manifests.File) ([]manifests.File, error) {
	for i, name := range names {
		if !slices.ContainsFunc(files[i], func(f manifests.File) bool { return f.Settled }) {
			continue
		}
		data, err := o.read(name)
		if err != nil {
			return nil, &NameError{name, reason(err)}
		}
		if files[i], err = parse(o.Context, shown(name), data); err != nil {
			return nil, &NameError{name, err}
		}
	}
	return withReferences(slices.Concat(files...)), nil
}

// parse reads the manifests of a file, which may be an archive of them.
func parse(ctx context.Context, name string, data []byte) ([]manifests.File, error) {
	if !dumps.Packed(data) {
		return []manifests.File{manifests.Parse(name, data)}, nil
	}
	unpacked, err := dumps.Unpack(cmp.Or(ctx, context.Background()), name, bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPacked, err)
	}
	var out []manifests.File
	for _, f := range unpacked {
		out = append(out, manifests.Parse(f.Place, f.Data))
	}
	return out, nil
}

// withReferences adds what files of kustomize's refer to, as far as it can be read: whether a patch fits depends on it.
func withReferences(files []manifests.File) []manifests.File {
	read := map[string]bool{}
	for _, f := range files {
		read[f.Name] = true
	}
	for i := 0; i < len(files); i++ {
		for _, name := range files[i].References() {
			for _, file := range referred(name) {
				data, err := os.ReadFile(file)
				if key := shown(file); err == nil && !read[key] {
					read[key] = true
					f := manifests.Parse(key, data)
					f.Context = true
					files = append(files, f)
				}
			}
		}
	}
	return files
}

// referred is a file, or what kustomize looks for in a folder.
func referred(name string) []string {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil
	case !info.IsDir():
		return []string{name}
	}
	var out []string
	for _, file := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		out = append(out, filepath.Join(name, file))
	}
	return out
}

// shown is a name as a report has it: with slashes, and without what says nothing.
func shown(name string) string {
	if name == "-" {
		return Stdin
	}
	return filepath.ToSlash(filepath.Clean(name))
}

func (o Options) read(name string) ([]byte, error) {
	if name == "-" {
		return limited(o.Stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limited(f)
}

func limited(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, facts.MaxFile+1))
	if err == nil && len(data) > facts.MaxFile {
		err = fmt.Errorf("it is larger than %d MB, the most that is read", facts.MaxFile>>20)
	}
	return data, err
}

// Files are the names of all files to read: - for stdin.
func (o Options) Files() ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for _, name := range o.Names {
		found, err := o.expand(name)
		if err != nil {
			return nil, &NameError{name, reason(err)}
		}
		for _, f := range found {
			if key := filepath.Clean(f); !seen[key] {
				seen[key] = true
				out = append(out, f)
			}
		}
	}
	if len(out) == 0 && len(o.Names) > 0 {
		return nil, &NameError{strings.Join(o.Names, ", "), ErrNothing}
	}
	return out, nil
}

func (o Options) expand(name string) ([]string, error) {
	if name == "-" {
		return []string{name}, nil
	}
	if strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://") {
		return nil, ErrURL
	}
	info, err := os.Stat(name)
	if absent(err) && strings.ContainsAny(name, "*?[") {
		return o.matches(name)
	}
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return o.folder(name)
	}
	return []string{name}, nil
}

// absent reports whether there is no such file. Windows calls a name with * or ? invalid instead.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || err != nil && runtime.GOOS == "windows"
}

// matches are the files that a pattern names, which no shell has expanded.
func (o Options) matches(pattern string) ([]string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("no file matches")
	}
	var out []string
	for _, name := range found {
		files, err := o.expand(name)
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	return out, nil
}

// endings are those of files that are read in folders, as kubectl has it, and KYAML's.
var endings = []string{".yaml", ".yml", ".json", ".kyaml"}

// folder is the manifests of a folder. Hidden folders and those of dependencies are left out.
func (o Options) folder(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && (!o.Recursive || strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir() && slices.Contains(endings, strings.ToLower(filepath.Ext(path))):
			out = append(out, path)
		}
		return nil
	})
	return out, err
}

// reason is an error without the path, which stands before it.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
