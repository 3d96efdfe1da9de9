package main

import (
	"archive/tar"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// layer is an archive of files by their name in the image, all root's and without times.
func layer(files map[string]string) (string, error) {
	var out strings.Builder
	archive := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		mode := int64(0o755)
		if name != program && name != wrapper {
			mode = 0o644
		}
		if err := add(archive, name, mode, files[name]); err != nil {
			return "", err
		}
	}
	err := archive.Close()
	return out.String(), err
}

// writeTree writes an archive of a folder's files, in the order of their names.
func writeTree(w io.Writer, dir string) error {
	archive := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return add(archive, filepath.ToSlash(name), 0o644, path)
	})
	if err != nil {
		return err
	}
	return archive.Close()
}

func add(archive *tar.Writer, name string, mode int64, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(archive, f)
	return err
}
