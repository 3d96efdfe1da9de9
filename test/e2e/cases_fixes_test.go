package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
)

// textOnly are the checks whose fix has no command that changes something in the cluster, and why it cannot have one.
var textOnly = map[string]string{
	"crd-prunes-restart-policy": "the CRD belongs to the software that installs it",
	"scheduler-gate-off":        "flags of the control plane are set in files of its hosts",
	"volume-not-mounted":        "the storage is to be mended, not the pod",
}

// unproven are the checks whose fix changes something, and why no cluster here shows that it helps.
var unproven = map[string]string{
	"webhook-breaks-pod-updates": "another test shows it: TestWhyJobNeverCompletes",
	"known-kubelet-bug":          "the versions that are built here do not have the bugs that can be brought about; 39-deleted-early says where its fix was run",
}

// placeholders are what a command may leave to its reader, and why it cannot say it.
var placeholders = map[string]string{
	"IMAGE":    "the right name of an image that cannot be pulled",
	"PORT":     "the port of a program that nothing tells about",
	"NODE":     "one node after the other",
	"CLUSTER":  "the provider's name of the cluster",
	"VERSION":  "what kubeadm upgrade plan prints",
	"POOL":     "the provider's name of the node pool",
	"REGION":   "the provider's name of the region",
	"USER":     "who a registry knows",
	"PASSWORD": "what only that one knows",
}

// TestFixesAreProven: what a fix tells to run has been run on a real cluster for each check, until the pod was well.
func TestFixesAreProven(t *testing.T) {
	proven := map[string]string{}
	for _, s := range readSituations(t, "") {
		if len(s.Fixed) > 0 && s.Fixed[len(s.Fixed)-1].Expect == "" && !s.Fixed[len(s.Fixed)-1].Puzzle && s.produced() {
			proven[s.Expect] = s.name
		}
	}
	printed := printedSteps(t)
	for _, c := range pods.All() {
		changes := slices.ContainsFunc(printed[c.ID], func(s checks.Step) bool { return changing.MatchString(s.Command) })
		_, isText := textOnly[c.ID]
		_, isUnproven := unproven[c.ID]
		switch {
		case changes && isText:
			t.Errorf("%s is in textOnly, and its fix has a command that changes something", c.ID)
		case changes && proven[c.ID] == "" && !isUnproven:
			t.Errorf("%s: no situation has its fix applied: add fixed to one, or say why none can, in unproven", c.ID)
		case proven[c.ID] != "" && isUnproven:
			t.Errorf("%s is in unproven, and %s proves it", c.ID, proven[c.ID])
		case !changes && !isText:
			t.Errorf("%s: no fix of it changes something: say why in textOnly", c.ID)
		}
	}
}

var placeholder = regexp.MustCompile(`(?:^|[\s"'=/])([A-Z]{4,})(?:$|[\s"':/])`)

// TestPlaceholders: a command can be pasted as it is, but for what is listed.
func TestPlaceholders(t *testing.T) {
	words := []string{"POST"}
	for id, steps := range printedSteps(t) {
		for _, s := range steps {
			for _, found := range placeholder.FindAllStringSubmatch(s.Command, -1) {
				if placeholders[found[1]] == "" && !slices.Contains(words, found[1]) {
					t.Errorf("%s: placeholder %s in\n%s", id, found[1], s.Command)
				}
			}
		}
	}
}

// printedSteps are the steps of the expected results of each check on pods.
func printedSteps(t *testing.T) map[string][]checks.Step {
	t.Helper()
	files, err := filepath.Glob("../../pkg/checks/pods/testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	out := map[string][]checks.Step{}
	for _, file := range files {
		id := filepath.Base(filepath.Dir(file))
		if id == "diagnoses" {
			continue // of several checks
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range txtar.Parse(data).Files {
			if section.Name != "want" {
				continue
			}
			var want struct {
				Findings []checks.Finding `json:"findings"`
			}
			if err := yaml.Unmarshal(section.Data, &want); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, f := range want.Findings {
				out[id] = append(out[id], f.Steps...)
			}
		}
	}
	return out
}
