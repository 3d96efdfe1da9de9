package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// stubs are programs that commands in pages need and that are not ours: kubectl finds the plugin, helm renders a chart.
var stubs = map[string]string{
	"kubectl": "#!/bin/sh\n[ \"$1\" = sidecar ] && shift && exec kubectl-sidecar \"$@\"\nexit 9\n",
	"helm":    "#!/bin/sh\n[ \"$1\" = template ] && cat \"$2/rendered.yaml\"\n",
}

// pasted CODE PAGE BEGINNING runs the line of a page that begins so, word for word, in a shell, and asserts its exit code.
func pasted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: pasted CODE PAGE BEGINNING")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(args[1])))
	ts.Check(err)
	var found []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, args[2]) {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		ts.Fatalf("%s: %d lines begin with %q", args[1], len(found), args[2])
	}
	bin := ts.MkAbs(".bin")
	ts.Check(os.MkdirAll(bin, 0o755))
	for name, script := range stubs {
		ts.Check(os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755))
	}
	ts.Setenv("PATH", bin+string(filepath.ListSeparator)+ts.Getenv("PATH"))
	if got := exitCode(ts, ts.Exec("sh", "-c", found[0])); got != want {
		ts.Fatalf("%s: exit code %d, want %d", found[0], got, want)
	}
}
