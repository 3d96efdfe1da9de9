package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// casesDir has a folder for each situation that `why` must tell: manifest.yaml makes it, case.yaml
// says what it is and what to expect, seen.yaml is what a cluster showed of it (-record .), seen-1.37.yaml what one of
// that version did (-on 1.37 -record .).
const casesDir = "cases"

// A situation is a case.yaml.
type situation struct {
	name     string // of the namespace
	folder   string
	manifest string
	replace  *strings.Replacer // of what the manifest says, or nil
	settling bool              // a fix has just been applied: its pods may be in progress

	// Row of the table of situations that `why` must tell; empty for what must leave it silent.
	Row string `json:"row"`
	// What is the situation in a sentence.
	What string `json:"what"`
	// Cluster is the name of the cluster it happens on, see caseClusters.
	Cluster string `json:"cluster"`
	// LastVersion of Kubernetes is the last on which it happens; empty where it happens on all.
	LastVersion string `json:"lastVersion"`
	// Labels of the namespace.
	Labels map[string]string `json:"labels"`
	// Steps lead to the situation. The manifest is applied before the first.
	Steps []step `json:"steps"`
	// Why is what the plugin is asked about, such as deployment/app.
	Why []string `json:"why"`
	// Expect is the id of the root cause; empty when there is nothing to say.
	Expect string `json:"expect"`
	// Progress is what a pod waits for that is in progress, Puzzle that it is in trouble without a known cause.
	Progress string `json:"progress"`
	Puzzle   bool   `json:"puzzle"`
	// Blames is the object that the root cause must be shown for, as Kind or Kind/name.
	Blames string `json:"blames"`
	// Says are words that the answer must have, be it in the message, its evidence or its fix.
	Says []string `json:"says"`
	// Culprit is a name that only a cluster can tell: of the webhook or policy that took the field.
	Culprit string `json:"culprit"`
	// Exit is the exit code when it is not the usual one: 3, or 0 when nothing is expected.
	Exit *int `json:"exit"`
	// Because is an id that must be among the reasons of the root cause.
	Because string `json:"because"`
	// Known is why the expectation does not hold yet, or not always; the answer is then only logged.
	Known string `json:"known"`
	// Undated is why the answer is another one where nothing tells the time, as in seen.yaml.
	Undated string `json:"undated"`
	// WithoutLog is the root cause where no log is seen, as in seen.yaml; absent where that makes no difference.
	WithoutLog *string `json:"withoutLog"`
	// Earlier are root causes that may be named before, or beside, the one that is expected when it has fully come
	// about; Passes is why it is not there any more ten minutes after.
	Earlier []string `json:"earlier"`
	Passes  string   `json:"passes"`
	// Recorded is false where no cluster can show it here; Source then says where seen.yaml is from.
	Recorded *bool `json:"recorded"`
	// Slow is why it takes minutes: then it is played only to be recorded, or with -slow.
	Slow   string `json:"slow"`
	Source string `json:"source"`
	// Also are more kinds to record, such as services.
	Also []string `json:"also"`
	// AllNodes records all nodes, not only those that pods are on.
	AllNodes bool `json:"allNodes"`
	// Via is which API server kubectl uses, where there are several.
	Via int `json:"via"`
	// Controller is one that this test plays: rollouts.
	Controller string `json:"controller"`
	// Fixed is what is seen when the commands of the printed fix have run. Where it expects
	// another answer, the fix of that one is applied, and so on.
	Fixed []fixed `json:"fixed"`
	// Variants are other manifests of the folder for the same purpose.
	Variants []variant `json:"variants"`
	// After is done when all is seen, to leave the machine in peace.
	After *step `json:"after"`
}

// A step is a command, then something to wait for.
type step struct {
	// Kubectl is a command line in the situation's namespace.
	Kubectl string `json:"kubectl"`
	// Stop is a node to take down, with all that runs on it; its Node object stays.
	Stop string `json:"stop"`
	// Agree gives all API servers the gate, as whoever runs them does.
	Agree bool `json:"agree"`
	// Apply is one more manifest of the folder.
	Apply string `json:"apply"`
	// Static is the manifest of a static pod, for the last node.
	Static string `json:"static"`
	// Refused says that the command must fail.
	Refused bool `json:"refused"`
	// Until is a CEL expression over pods, containers, events, jobs and so on.
	Until string `json:"until"`
	// Hold is how long to wait after that.
	Hold metav1.Duration `json:"hold"`
	// Within is how long Until may take; patience when empty.
	Within metav1.Duration `json:"within"`
}

// A fixed is a step after the fix has been applied.
type fixed struct {
	step
	// First is a command line for what the fix leaves to others, such as who runs a webhook.
	First string `json:"first"`
	// Values are what to put in place of the placeholders of a command, see placeholders.
	Values map[string]string `json:"values"`
	// Which are words in the text of the step to run; without, it is the first one that mends something.
	Which string `json:"which"`
	// Manifest is that the fix is a part of the manifest of a static pod.
	Manifest bool `json:"manifest"`
	// Editor is a script that edits what kubectl edit gives it, as somebody would.
	Editor string `json:"editor"`
	// Expect is the id of the root cause that the next answer names; none when it is empty. Puzzle is that the work
	// itself fails, which no fix of ours mends.
	Expect string `json:"expect"`
	Puzzle bool   `json:"puzzle"`
}

// A variant is the same with another manifest.
type variant struct {
	Manifest string `json:"manifest"`
	Steps    []step `json:"steps"`
	Expect   string `json:"expect"`
	Passes   string `json:"passes"`
}

func (s *situation) file(name string) string { return filepath.Join(casesDir, s.folder, name) }

// absolute is a file of the situation from wherever a command runs.
func (s *situation) absolute(name string) string {
	path, err := filepath.Abs(s.file(name))
	if err != nil {
		return s.file(name)
	}
	return path
}

// possible reports whether a cluster can show the situation here, produced whether one is made to.
func (s *situation) possible() bool { return s.Recorded == nil || *s.Recorded }

func (s *situation) produced() bool {
	return s.possible() && (s.Slow == "" || *slow || regexp.MustCompile(*record).MatchString(s.name))
}

// readSituations reads all folders whose name matches only, or one of several that are separated by commas.
func readSituations(t *testing.T, only string) []*situation {
	t.Helper()
	var wanted []*regexp.Regexp
	for pattern := range strings.SplitSeq(only, ",") {
		one, err := regexp.Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		wanted = append(wanted, one)
	}
	files, err := filepath.Glob(filepath.Join(casesDir, "*", "case.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no situations in %s (%v)", casesDir, err)
	}
	var all []*situation
	for _, file := range files {
		folder := filepath.Base(filepath.Dir(file))
		if stays(t, folder) {
			continue
		}
		s := &situation{name: folder, folder: folder, manifest: "manifest.yaml"}
		data, err := os.ReadFile(file)
		if err == nil {
			data, s.replace = move(data)
			err = yaml.UnmarshalStrict(data, s)
		}
		if err == nil {
			err = s.check()
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, s := range append(s.variants(), s) {
			if slices.ContainsFunc(wanted, func(one *regexp.Regexp) bool { return one.MatchString(s.name) }) {
				all = append(all, s)
			}
		}
	}
	return all
}

func (s *situation) variants() []*situation {
	var all []*situation
	for _, v := range s.Variants {
		name := strings.TrimSuffix(v.Manifest, ".yaml")
		all = append(all, &situation{
			name: s.name + "-" + name, folder: s.folder, manifest: v.Manifest, replace: s.replace,
			What: s.What + ": " + name, Cluster: s.Cluster, Steps: v.Steps, Why: s.Why, Expect: v.Expect, Passes: v.Passes,
		})
	}
	return all
}

func (s *situation) check() error {
	switch {
	case s.What == "":
		return fmt.Errorf("what is missing")
	case s.possible() && caseClusters()[s.Cluster].APIServers == nil:
		return fmt.Errorf("no cluster %q", s.Cluster)
	case s.possible() && len(s.Why) == 0:
		return fmt.Errorf("why is missing")
	case !s.possible() && s.Source == "":
		return fmt.Errorf("source is missing")
	}
	steps := slices.Clone(s.Steps)
	for _, f := range s.Fixed {
		steps = append(steps, f.step)
	}
	for _, v := range s.Variants {
		steps = append(steps, v.Steps...)
	}
	for _, step := range steps {
		if step.Until == "" {
			continue
		}
		if _, err := compile(step.Until); err != nil {
			return fmt.Errorf("until: %w", err)
		}
	}
	return nil
}

// longest is how long the situation may take, for the deadline of the whole.
func (s step) longest() time.Duration {
	if s.Within.Duration == 0 {
		return patience
	}
	return s.Within.Duration
}
