package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

const completed = "\nkubectl sidecar is completed wherever kubectl is: see kubectl completion --help\n"

// olderScript is one that another version of this program may have written.
const olderScript = ownScript + "exec kubectl-sidecar __complete \"$@\"\n"

// TestCompletionInstall: what it says, what is in the files afterwards, and that what is not of this
// program stays. HERE is the folder that all is in.
func TestCompletionInstall(t *testing.T) {
	const plugin = "#!/bin/sh\n"
	for _, test := range []struct {
		name           string
		files          map[string]string
		path           string // folders, with : between them
		args           []string
		code           int
		stdout, stderr string
		changed        map[string]string
	}{
		{
			name: "next to the plugin", path: "a:b:c", files: map[string]string{"b/kubectl-sidecar": plugin},
			stdout: "wrote HERE/b/kubectl_complete-sidecar" + completed, changed: map[string]string{"b/kubectl_complete-sidecar": KubectlComplete},
		},
		{
			name: "the plugin is elsewhere", path: "file:missing:a", files: map[string]string{"file": ""},
			stdout:  "wrote HERE/a/kubectl_complete-sidecar" + completed,
			stderr:  "note: kubectl-sidecar is not on PATH: the script will not find it\n",
			changed: map[string]string{"a/kubectl_complete-sidecar": KubectlComplete},
		},
		{
			name: "again", path: "a:b", files: map[string]string{"a/kubectl-sidecar": plugin, "b/kubectl_complete-sidecar": KubectlComplete},
			stdout: "HERE/b/kubectl_complete-sidecar is there already" + completed,
		},
		{
			name: "of another version", path: "a:b", files: map[string]string{"a/kubectl-sidecar": plugin, "b/kubectl_complete-sidecar": olderScript},
			stdout: "renewed HERE/b/kubectl_complete-sidecar" + completed, changed: map[string]string{"b/kubectl_complete-sidecar": KubectlComplete},
		},
		{
			name: "somebody else's", path: "a:b", files: map[string]string{"a/kubectl-sidecar": plugin, "b/kubectl_complete-sidecar": "#!/bin/sh\necho mine\n"},
			code:   exitCouldNotRun,
			stderr: "error: HERE/b/kubectl_complete-sidecar does not belong to this program and was left as it is\nhint: move it away, or name another folder: --dir\n",
		},
		{
			name: "no place", path: "file:missing", files: map[string]string{"file": ""}, code: exitCouldNotRun,
			stderr: "error: no folder on PATH can be written\nhint: name a folder that can be written, and put it on PATH: --dir\n",
		},
		{
			name: "a folder that is not on PATH", path: "a", args: []string{"--dir", "HERE/b"}, files: map[string]string{"a/kubectl-sidecar": plugin},
			stdout: "wrote HERE/b/kubectl_complete-sidecar" + completed, stderr: "note: HERE/b is not on PATH: kubectl will not find it there\n",
			changed: map[string]string{"b/kubectl_complete-sidecar": KubectlComplete},
		},
		{
			name: "hidden by another", path: "a:b", args: []string{"--dir", "HERE/b"},
			files:  map[string]string{"a/kubectl-sidecar": plugin, "a/kubectl_complete-sidecar": "#!/bin/sh\n"},
			stdout: "wrote HERE/b/kubectl_complete-sidecar" + completed, stderr: "note: HERE/a/kubectl_complete-sidecar comes first on PATH: kubectl uses that one\n",
			changed: map[string]string{"b/kubectl_complete-sidecar": KubectlComplete},
		},
		{
			name: "no such folder", path: "a", args: []string{"--dir", "HERE/missing"}, files: map[string]string{"a/kubectl-sidecar": plugin}, code: exitCouldNotRun,
			stderr: "error: writing HERE/missing/kubectl_complete-sidecar: no such file or directory\nhint: name a folder that can be written: --dir\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			here := t.TempDir()
			want := map[string]string{}
			for _, dir := range []string{"a", "b", "c"} {
				if err := os.Mkdir(filepath.Join(here, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for name, text := range test.files {
				want[name] = text
				if err := os.WriteFile(filepath.Join(here, name), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for name, text := range test.changed {
				want[name] = text
			}
			t.Setenv("PATH", filepath.Join(here, strings.ReplaceAll(test.path, ":", ":"+here+"/")))
			args := []string{"completion", "install"}
			for _, arg := range test.args {
				args = append(args, strings.ReplaceAll(arg, "HERE", here))
			}
			code, stdout, stderr := call(t, "", args...)
			said := []any{code, strings.ReplaceAll(stdout, here, "HERE"), strings.ReplaceAll(stderr, here, "HERE")}
			if diff := cmp.Diff([]any{test.code, test.stdout, test.stderr}, said); diff != "" {
				t.Errorf("exit code, stdout, stderr (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, executables(t, here)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

// executables are the files below dir. All of them can be run.
func executables(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		text, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		out[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCompletionStaysQuiet: where nothing answers, nothing is offered, and nothing is said that would
// end up in the line that is being typed.
func TestCompletionStaysQuiet(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for _, args := range [][]string{
		{"why", ""}, {"why", "-n", ""}, {"why", "--context", ""}, {"doctor", "-n", ""}, {"webhook", "test", "--in-cluster", ""},
		{"why", "--server", "https://127.0.0.1:1", ""}, {"why", "--context", "missing", ""}, {"why", "deploy/"},
	} {
		code, stdout, _ := call(t, "", append([]string{"__complete"}, args...)...)
		if code != report.ExitOK || stdout != ":4\n" {
			t.Errorf("%v: exit %d, offers %q", args, code, stdout)
		}
	}
}
