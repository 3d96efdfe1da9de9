package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
)

const root = "../.."

// TestRecorded: what is shown is what the plugin prints of the same file, to the last byte and exit code.
func TestRecorded(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Chdir(root)
	for _, r := range recordings() {
		t.Run(r.command, func(t *testing.T) {
			var want, refused, got, messages bytes.Buffer
			exit := cli.Main([]string{"kubectl-sidecar", r.command, "-f", r.file}, genericiooptions.IOStreams{Out: &want, ErrOut: &refused})
			if exit != 3 || refused.Len() > 0 {
				t.Fatalf("the plugin: exit %d, %s", exit, &refused)
			}
			if err := r.show(".", &got, &messages, "(devel)"); err != nil {
				t.Fatal(err)
			}
			transcript := fmt.Sprintf("\n$ kubectl sidecar %s -f %s\n%s$ echo $?\n%d\n\n", r.command, r.file, &want, exit)
			if diff := cmp.Diff(transcript, got.String()); diff != "" {
				t.Errorf("(-plugin +demo):\n%s", diff)
			}
			for _, word := range []string{"recorded", r.file, "taken 20", "kubelets v1."} {
				if !strings.Contains(messages.String(), word) {
					t.Errorf("stderr does not say %q: %s", word, &messages)
				}
			}
		})
	}
}

// TestRecordedElsewhere: outside a checkout it says which file is missing.
func TestRecordedElsewhere(t *testing.T) {
	var out, messages bytes.Buffer
	err := recordings()[0].show(t.TempDir(), &out, &messages, "v1")
	if err == nil || !strings.Contains(err.Error(), "demo.yaml") || out.Len() > 0 {
		t.Errorf("%v, printed %s", err, &out)
	}
}
