package dumps

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const hintURL = "files only: download it first, or pipe it: curl -sSL URL | kubectl sidecar doctor -f -"

// name reads what a name stands for.
func (r *reader) name(name string) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if name == "-" {
		return r.open(source{place: Stdin, from: r.patient(r.Stdin), named: true})
	}
	if strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://") {
		return &Error{fmt.Errorf("reading %s: %w", name, ErrURL), hintURL}
	}
	info, err := os.Stat(name)
	switch {
	case absent(err) && strings.ContainsAny(name, "*?["):
		return r.pattern(name, err)
	case err != nil:
		return unreadable(name, err)
	case info.IsDir():
		return r.folder(name)
	}
	return r.named(name)
}

// absent reports whether there is no such file. Windows calls a name with * or ? invalid instead.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || err != nil && runtime.GOOS == "windows"
}

// unreadable is the error of a name, with the path once.
func unreadable(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &Error{Err: fmt.Errorf("reading %s: %w", name, err)}
}

// named reads a file that the user named, once.
func (r *reader) named(name string) error {
	place := placeOf(name)
	if r.done[place] {
		return nil
	}
	r.done[place] = true
	if err := r.entry(name); err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return unreadable(name, err)
	}
	defer f.Close()
	return r.open(source{place: name, from: r.patient(f), named: true})
}

func placeOf(name string) string { return filepath.ToSlash(filepath.Clean(name)) }

// pattern reads what a pattern matches that no shell has expanded.
func (r *reader) pattern(pattern string, missing error) error {
	names, err := filepath.Glob(pattern)
	switch {
	case err != nil:
		return unreadable(pattern, missing) // it is a name with a bracket
	case len(names) == 0:
		return unreadable(pattern, errors.New("no file matches"))
	}
	for _, name := range names {
		if err := r.name(name); err != nil {
			return err
		}
	}
	return nil
}

// folderEndings are those of the files of a plain folder that are read.
var folderEndings = slices.Concat(documentEndings, []string{".gz", ".tgz", ".tar", ".zip", ".bz2"})

// folder reads a folder: of a dump everything, else files with objects, as kubectl does.
func (r *reader) folder(dir string) error {
	dump := isDump(dir, 3)
	r.packed = r.packed || dump
	empty := true
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		if err != nil {
			r.missing(placeOf(name), nil, unreadable(name, err))
			return nil
		}
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"
			if name != dir && !dump && (!r.Recursive || hidden) {
				return fs.SkipDir
			}
			return nil
		}
		if !dump && !slices.Contains(folderEndings, strings.ToLower(filepath.Ext(name))) {
			return nil
		}
		empty = false
		return r.found(name, d, dump)
	})
	switch {
	case err != nil:
		return err
	case empty:
		return &Error{fmt.Errorf("reading %s: no file there ends in .yaml, .yml, .json, .kyaml, .gz, .tgz, .tar or .zip", dir), "-R reads the folders in a folder, too"}
	}
	return nil
}

// found reads a file of a folder. In a dump no link is followed: whoever made it may have meant any file.
func (r *reader) found(name string, d fs.DirEntry, dump bool) error {
	place := placeOf(name)
	if r.done[place] {
		return nil
	}
	if err := r.entry(name); err != nil {
		return err
	}
	if dump && d.Type()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(name)
		if err == nil && !filepath.IsAbs(target) {
			target = placeOf(filepath.Join(filepath.Dir(name), target))
		}
		r.links = append(r.links, link{place, target})
		return nil
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		r.left = append(r.left, place+" (no file)")
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		r.missing(place, nil, unreadable(name, err))
		return nil
	}
	defer f.Close()
	r.done[place] = true
	return r.open(source{place: place, from: r.patient(f)})
}

// dumpFolders are names of folders that only tools give.
var dumpFolders = []string{"cluster-resources", "cluster-scoped-resources", "sos_commands"}

// mostListed is how many files of a folder are looked at to find out whether it is a dump.
const mostListed = 2000

// isDump reports whether a folder is what a tool has written, or has that in it, at most so deep.
func isDump(dir string, deep int) bool {
	budget := mostListed
	return dumpIn(dir, deep, &budget)
}

func dumpIn(dir string, deep int, budget *int) bool {
	folders, files := listed(dir, budget)
	nodes := slices.ContainsFunc(files, func(name string) bool { return stem(name) == "nodes" })
	for _, name := range folders {
		inner := filepath.Join(dir, name)
		if slices.Contains(dumpFolders, name) || nodes && hasFile(inner, "pods.json", "pods.yaml", "pods.txt") {
			return true
		}
		if name == "namespaces" {
			namespaces, _ := listed(inner, budget)
			for _, namespace := range namespaces {
				if hasFile(filepath.Join(inner, namespace), "core") {
					return true
				}
			}
		}
		if deep > 1 && dumpIn(inner, deep-1, budget) {
			return true
		}
	}
	return false
}

// listed are the names of folders and files in a folder, as far as the budget goes.
func listed(dir string, budget *int) (folders, files []string) {
	if *budget <= 0 {
		return nil, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	entries, _ := f.ReadDir(*budget) // an error is that of what comes after these
	*budget -= len(entries)
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		} else {
			files = append(files, e.Name())
		}
	}
	return folders, files
}

func hasFile(dir string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}
