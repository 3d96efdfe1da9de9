package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// manifestNames are the files that names, folders and patterns stand for.
func manifestNames(names []string, recursive bool) ([]string, error) {
	var out []string
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case name == "-" || err != nil && !strings.ContainsAny(name, "*?["):
			out = append(out, name)
		case err != nil:
			found, err := filepath.Glob(name)
			if err != nil || len(found) == 0 {
				return nil, couldNotRun("", fmt.Errorf("reading %s: no file matches", name))
			}
			out = append(out, found...)
		case info.IsDir():
			err := filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() && path != name && (!recursive || strings.HasPrefix(d.Name(), ".")) {
					return fs.SkipDir
				}
				if err == nil && !d.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json", ".kyaml"}, filepath.Ext(path)) {
					out = append(out, path)
				}
				return err
			})
			if err != nil {
				return nil, couldNotRun("", fmt.Errorf("reading %s: %w", name, cause(err)))
			}
		default:
			out = append(out, name)
		}
	}
	return out, nil
}
