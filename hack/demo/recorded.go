package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/tty"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A recording is a snapshot of a real cluster that ships with the project, and the command that judges it.
type recording struct {
	command string // "doctor"
	file    string
	judge   func(s *facts.Snapshot, version string) (*report.Report, int)
	print   print.Printer
}

// recordings is what is shown before anything else is built.
func recordings() []recording {
	return []recording{
		{"doctor", "docs/examples/demo.yaml", doctor, print.Formats[0].Print},
		{"why", "docs/examples/stuck-pod.yaml", why, print.WhyFormats[0].Print},
	}
}

// doctor is what `kubectl sidecar doctor -f` makes of a snapshot.
func doctor(s *facts.Snapshot, version string) (*report.Report, int) {
	judged := cluster.Judge(s, func(string) bool { return false })
	r := report.Waive(report.New(s, judged, version), report.Annotations(s), time.Now())
	rule := report.ExitRule{FailOn: checks.Error, Exit: r.ExitCode(checks.Error)}
	r.Obey(rule)
	return r, rule.Exit
}

// why is what `kubectl sidecar why -f` makes of a snapshot that has all it reads.
func why(s *facts.Snapshot, version string) (*report.Report, int) {
	r := report.Why(s, pods.Judge(s, nil), nil, version)
	return r, r.WhyExitCode()
}

// show prints a recording as the plugin does, and on messages where it is from.
func (r recording) show(root string, out, messages io.Writer, version string) error {
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(r.file)))
	if err != nil {
		return err
	}
	s, err := facts.Read(bytes.NewReader(data), r.file)
	if err != nil {
		return err
	}
	fmt.Fprintf(messages, "demo: a recorded cluster, not a running one: %s\n", origin(s, r.file))
	fmt.Fprintf(out, "\n$ kubectl sidecar %s -f %s\n", r.command, r.file)
	document, exit := r.judge(s, version)
	if err := r.print(out, document, tty.Options(out, tty.Auto)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "$ echo $?\n%d\n\n", exit)
	return err
}

// origin says when a snapshot was taken, and of what.
func origin(s *facts.Snapshot, file string) string {
	var servers, kubelets []string
	for _, a := range s.APIServers {
		servers = append(servers, a.Version)
	}
	for i := range s.Nodes {
		kubelets = append(kubelets, s.Nodes[i].Status.NodeInfo.KubeletVersion)
	}
	parts := []string{fmt.Sprintf("%s, taken %s", file, s.TakenAt.UTC().Format(time.RFC3339))}
	for _, p := range []struct {
		of       string
		versions []string
	}{{"API server", servers}, {"kubelets", kubelets}} {
		slices.Sort(p.versions)
		if versions := slices.Compact(p.versions); len(versions) > 0 {
			parts = append(parts, p.of+" "+strings.Join(versions, " and "))
		}
	}
	return strings.Join(parts, ", ")
}
