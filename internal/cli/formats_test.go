package cli

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestEveryFormat: every format has the same exit code and the same verdict, on stdout and as one of
// many files, for every answer that there can be.
func TestEveryFormat(t *testing.T) {
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	t.Setenv("LC_ALL", "C.UTF-8")
	const node = "apiVersion: v1\nkind: Node\nmetadata: {name: \"%s\"}\nstatus: {nodeInfo: {kubeletVersion: %s}}\n"
	const oneWaiver = "../../docs/examples/waivers.yaml"
	for _, test := range []struct {
		name, stdin string
		args        []string
		exit        int
		verdict     report.Verdict
	}{
		{"ready", fmt.Sprintf(node, "a", "v1.36.3"), []string{"-f", "-", "--checks", "kubelet-too-old"}, 0, report.Ready},
		{"not ready", fmt.Sprintf(node, "a", "v1.27.4"), []string{"-f", "-", "--checks", "kubelet-too-old"}, 3, report.NotReady},
		{"hostile", fmt.Sprintf(node, `a`, `"v1.27.4\e[31m\u202e<b>|{0}]](x)"`), []string{"-f", "-", "--checks", "kubelet-too-old"}, 3, report.NotReady},
		{"never", fmt.Sprintf(node, "a", "v1.27.4"), []string{"-f", "-", "--checks", "kubelet-too-old", "--fail-on", "never"}, 0, report.NotReady},
		{"a warning", fmt.Sprintf(node, "a", "v1.33.1") + "---\n" + fmt.Sprintf(node, "b", "v1.36.3"), []string{"-f", "-", "--checks", "node-version-skew,kubelet-too-old"}, 0, report.Ready},
		{"a warning counts", fmt.Sprintf(node, "a", "v1.33.1") + "---\n" + fmt.Sprintf(node, "b", "v1.36.3"), []string{"-f", "-", "--checks", "node-version-skew,kubelet-too-old", "--fail-on", "warning"}, 4, report.Unknown},
		{"unknown", fmt.Sprintf(node, "a", "v1.30.2"), []string{"-f", "-", "--checks", "kubelet-gate-off"}, 4, report.Unknown},
		{"nothing", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n", []string{"-f", "-"}, 4, report.Unknown},
		{"no error could be", fmt.Sprintf(node, "a", "v1.30.2"), []string{"-f", "-", "--checks", "node-version-skew"}, 0, report.Unknown},
		{"all there is", "", []string{"-f", "../../docs/examples/demo.yaml"}, 3, report.NotReady},
		{"some rights", "", []string{"-f", "../../docs/examples/view.yaml"}, 4, report.Unknown},
		{"waived", "", []string{"-f", "../../docs/examples/demo.yaml", "--waivers", oneWaiver, "--fail-on", "info"}, 3, report.NotReady},
	} {
		t.Run(test.name, func(t *testing.T) { everyFormat(t, test.stdin, test.args, test.exit, test.verdict) })
	}
}

func everyFormat(t *testing.T, stdin string, args []string, wantExit int, verdict report.Verdict) {
	dir := t.TempDir()
	all := append([]string{"doctor"}, args...)
	for _, f := range print.Formats {
		all = append(all, "-o", f.Name+"="+filepath.Join(dir, f.Name))
	}
	if code, _, stderr := call(t, stdin, all...); code != wantExit {
		t.Errorf("all at once: exit code %d, want %d\n%s", code, wantExit, stderr)
	}
	gated(t, dir, wantExit, slices.Contains(args, failNever))
	summary := summaryIn(t, filepath.Join(dir, "json"), verdict)
	for _, f := range print.Formats {
		code, stdout, stderr := call(t, stdin, append([]string{"doctor", "-o", f.Name}, append(args, "--color", "never")...)...)
		if code != wantExit || stderr != "" {
			t.Errorf("%s: exit code %d, want %d, stderr %q", f.Name, code, wantExit, stderr)
		}
		if !says(f.Name, stdout, summary, verdict) {
			t.Errorf("%s does not say %q:\n%s", f.Name, summary, stdout)
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(stdout, string(data)); diff != "" {
			t.Errorf("%s: a file has other text than stdout (-stdout +file):\n%s", f.Name, diff)
		}
	}
}

// gated checks the formats that have a notion of passing: SARIF tells the exit code, and JUnit is red
// when it is not 0, or cannot tell.
func gated(t *testing.T, dir string, exit int, never bool) {
	t.Helper()
	for format, want := range map[string]string{
		"sarif": fmt.Sprintf(`"exitCode": %d,`, exit),
		"junit": `(?m)^      <(failure|error) message=`,
	} {
		data, err := os.ReadFile(filepath.Join(dir, format))
		if err != nil {
			t.Fatal(err)
		}
		expected := format == "sarif" || exit != 0 || never
		if regexp.MustCompile(want).Match(data) != expected {
			t.Errorf("exit code %d, and %s has %s: %v", exit, format, want, !expected)
		}
	}
}

// says reports whether a document has the summary. A page has the verdict as its heading; metrics have
// no words.
func says(format, document, summary string, verdict report.Verdict) bool {
	switch format {
	case "html":
		word, rest, _ := strings.Cut(summary, ": ")
		heading := regexp.MustCompile(`(?i)<h1>.*</span> ` + word + `</h1>`)
		return heading.MatchString(document) && strings.Contains(flat(document), `<p class="summary">`+rest)
	case "prometheus":
		return strings.Contains(document, fmt.Sprintf(`kubectl_sidecar_verdict{verdict="%s"} 1`, verdict))
	}
	return strings.Contains(flat(document), summary)
}

// summaryIn is the verdict in words, up to the first semicolon: "not ready: 1 of 2 checks found errors".
func summaryIn(t *testing.T, file string, verdict report.Verdict) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Verdict report.Verdict
		Summary string
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if r.Verdict != verdict {
		t.Errorf("verdict %q, want %q", r.Verdict, verdict)
	}
	words, _, _ := strings.Cut(r.Summary, ";")
	return words
}

// flat is text without what formats do to it: line breaks, escaping, marks for bold.
func flat(text string) string {
	text = strings.NewReplacer(`\`, "", "**", "").Replace(html.UnescapeString(text))
	return strings.Join(strings.Fields(text), " ")
}
