package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// A unit is one package to compile, or one program to link. What is the same for several programs is compiled
// once.
type unit struct {
	path    string // import path
	version string // of its module
}

// unitWeight is what a package costs besides its sources, in bytes of source.
const unitWeight = 18_000

// work is what is left to build for a target: the packages that the build cache does not have, each with its weight,
// which is about the size of its sources. downloads is told how many modules were fetched before that could be known.
func work(ctx context.Context, t binaries.Target, downloads func(n int)) (map[unit]int64, error) {
	const format = `{{if .Stale}}{{.ImportPath}}|{{with .Module}}{{.Version}}{{end}}|{{.Dir}}|{{join .GoFiles "|"}}{{end}}`
	var list bytes.Buffer
	var other strings.Builder
	if err := t.Go(ctx, "list", []string{"-deps", "-f", format, t.Pkg}, &list, countDownloads(downloads, &other)); err != nil {
		return nil, fmt.Errorf("listing what %s is made of: %w\n%s", t.Name, err, &other)
	}
	units := map[unit]int64{}
	scanner := bufio.NewScanner(&list)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if f := strings.Split(scanner.Text(), "|"); len(f) > 3 {
			units[unit{f[0], f[1]}] = unitWeight + sizeOf(f[2], f[3:])
		}
	}
	return units, scanner.Err()
}

func sizeOf(dir string, files []string) (size int64) {
	for _, file := range files {
		if info, err := os.Stat(filepath.Join(dir, file)); err == nil {
			size += info.Size()
		}
	}
	return size
}

// lines passes on what is written line by line.
type lines struct {
	each func(line string)
	rest []byte // not yet at its end
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		l.each(string(line))
		l.rest = bytes.Clone(rest)
	}
}

// countDownloads counts go's lines about modules that it fetches, and keeps the others.
func countDownloads(tell func(n int), other *strings.Builder) *lines {
	n := 0
	return &lines{each: func(line string) {
		if strings.HasPrefix(line, "go: downloading ") {
			n++
			tell(n)
			return
		}
		other.WriteString(line + "\n")
	}}
}

// A job is a target with what is left to build for it.
type job struct {
	target binaries.Target
	units  map[unit]int64
}

// jobsFor lists what is to be built of the targets.
func jobsFor(ctx context.Context, targets []binaries.Target, to io.Writer) ([]job, error) {
	var jobs []job
	for _, t := range targets {
		if !t.Missing() {
			continue
		}
		last := time.Now()
		units, err := work(ctx, t, func(n int) {
			if time.Since(last) > 5*time.Second {
				last = time.Now()
				fmt.Fprintf(to, "demo: fetching the modules of %s: %d so far\n", t.Name, n)
			}
		})
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job{t, units})
	}
	return jobs, nil
}
