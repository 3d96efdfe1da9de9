package docs_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
)

var update = flag.Bool("update", false, "write what the examples print into the pages")

// An example is a comment that says what to run, and the transcript that follows it:
//
//	<!-- example: doctor -f docs/examples/demo.yaml -->
//	```console
//	$ kubectl sidecar doctor
//	...
//	$ echo $?
//	3
//	```
//
// The command of the transcript is what a reader would type on a cluster; the comment runs the same
// on facts that were taken from one. The last two lines are the exit code, and may be left out
// when it is 0.
var example = regexp.MustCompile("(?s)<!-- example: ([^\n]*) -->\n```console\n(\\$ [^\n]*)\n(.*?)```")

// TestExamples runs every example of the pages and compares all that it prints.
func TestExamples(t *testing.T) {
	t.Chdir("..") // the comments name files as from the top of the tree
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("GITHUB_STEP_SUMMARY", "") // the examples are not what a step reports
	pages := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	ran := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		now := example.ReplaceAllStringFunc(string(text), func(block string) string {
			ran++
			m := example.FindStringSubmatch(block)
			return fmt.Sprintf("<!-- example: %s -->\n```console\n%s\n%s```", m[1], m[2], transcript(t, m[1]))
		})
		if *update {
			if err := os.WriteFile(page, []byte(now), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(string(text), now); diff != "" {
			t.Errorf("%s is out of date; go test ./docs -update, and read it (-page +now):\n%s", page, diff)
		}
	}
	if ran < 2 {
		t.Errorf("only %d examples ran", ran)
	}
}

// transcript is what the command prints, and its exit code when that is not 0.
func transcript(t *testing.T, command string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := append([]string{"kubectl-sidecar"}, strings.Fields(command)...)
	exit := cli.Main(args, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr})
	if stderr.Len() > 0 && args[1] != "convert" { // whose stdout is for patch
		t.Errorf("%s wrote to stderr:\n%s", command, &stderr)
	}
	out := stdout.String() + stderr.String()
	if exit != 0 {
		out += "$ echo $?\n" + strconv.Itoa(exit) + "\n"
	}
	return out
}
