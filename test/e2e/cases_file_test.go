package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// casesDir has a folder for each situation that `why` must tell: manifest.yaml makes it, case.yaml
// says what it is and what to expect, seen.yaml is what a cluster showed of it (-record).
const casesDir = "cases"

// A situation is a case.yaml.
type situation struct {
	name string // of the folder, and of the namespace

	// Row of the table of situations that `why` must tell; empty for what must leave it silent.
	Row string `json:"row"`
	// What is the situation in a sentence.
	What string `json:"what"`
	// Cluster is the name of the cluster it happens on, see caseClusters.
	Cluster string `json:"cluster"`
	// Labels of the namespace.
	Labels map[string]string `json:"labels"`
	// Steps lead to the situation. The manifest is applied before the first.
	Steps []step `json:"steps"`
	// Why is what the plugin is asked about, such as deployment/app.
	Why []string `json:"why"`
	// Expect is the id of the root cause; empty when there is nothing to say.
	Expect string `json:"expect"`
	// Because is an id that must be among the reasons of the root cause.
	Because string `json:"because"`
	// Known is why the expectation does not hold yet, or not always; the answer is then only logged.
	Known string `json:"known"`
	// Recorded is false where no cluster can show it here; Source then says where seen.yaml is from.
	Recorded *bool  `json:"recorded"`
	Source   string `json:"source"`
	// Also are more kinds to record, such as services.
	Also []string `json:"also"`
	// AllNodes records all nodes, not only those that pods are on.
	AllNodes bool `json:"allNodes"`
	// Via is which API server kubectl uses, where there are several.
	Via int `json:"via"`
	// Controller is one that this test plays: rollouts.
	Controller string `json:"controller"`
	// After is a command line for kubectl when all is seen, to leave the machine in peace.
	After string `json:"after"`
}

// A step is a command, then something to wait for.
type step struct {
	// Kubectl is a command line in the situation's namespace.
	Kubectl string `json:"kubectl"`
	// Apply is one more manifest of the folder.
	Apply string `json:"apply"`
	// Refused says that the command must fail.
	Refused bool `json:"refused"`
	// Until is a CEL expression over pods, containers, events, jobs and so on.
	Until string `json:"until"`
	// Hold is how long to wait after that.
	Hold metav1.Duration `json:"hold"`
	// Within is how long Until may take; two minutes when empty.
	Within metav1.Duration `json:"within"`
}

func (s *situation) file(name string) string { return filepath.Join(casesDir, s.name, name) }

func (s *situation) produced() bool { return s.Recorded == nil || *s.Recorded }

// readSituations reads all folders whose name matches only.
func readSituations(t *testing.T, only string) []*situation {
	t.Helper()
	wanted, err := regexp.Compile(only)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(casesDir, "*", "case.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no situations in %s (%v)", casesDir, err)
	}
	var all []*situation
	for _, file := range files {
		s := &situation{name: filepath.Base(filepath.Dir(file))}
		data, err := os.ReadFile(file)
		if err == nil {
			err = yaml.UnmarshalStrict(data, s)
		}
		if err == nil {
			err = s.check()
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if wanted.MatchString(s.name) {
			all = append(all, s)
		}
	}
	return all
}

func (s *situation) check() error {
	switch {
	case s.What == "":
		return fmt.Errorf("what is missing")
	case s.produced() && caseClusters()[s.Cluster].APIServers == nil:
		return fmt.Errorf("no cluster %q", s.Cluster)
	case s.produced() && len(s.Why) == 0:
		return fmt.Errorf("why is missing")
	case !s.produced() && s.Source == "":
		return fmt.Errorf("source is missing")
	}
	for _, step := range s.Steps {
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
		return 2 * time.Minute
	}
	return s.Within.Duration
}
