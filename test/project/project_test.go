// Package project tests what is around the code: forms, workflows and updates on GitHub, hooks, and the
// pages that a contributor reads first.
package project

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const top = "../.."

// decode reads YAML into a value that knows every key that may be there.
func decode(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(top, file))
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// tracked are the files that git tracks, or would.
func tracked(t *testing.T, patterns ...string) []string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", top, "ls-files", "--cached", "--others", "--exclude-standard"}, patterns...)...).Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var files []string
	for _, file := range strings.Fields(string(out)) {
		if _, err := os.Stat(filepath.Join(top, file)); err == nil { // deleted, not yet committed
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		t.Fatalf("git knows no %v", patterns)
	}
	return files
}

// An update is an entry of .github/dependabot.yaml, with the keys that ours use.
type update struct {
	Ecosystem   string   `yaml:"package-ecosystem"`
	Directory   string   `yaml:"directory"`
	Directories []string `yaml:"directories"`
	Schedule    struct {
		Interval string `yaml:"interval"`
	} `yaml:"schedule"`
	Groups map[string]struct {
		Patterns []string `yaml:"patterns"`
	} `yaml:"groups"`
	Ignore []struct {
		Name string `yaml:"dependency-name"`
	} `yaml:"ignore"`
}

// TestDependabot: every module is listed once, and every folder that is listed has one.
func TestDependabot(t *testing.T) {
	var config struct {
		Version int      `yaml:"version"`
		Updates []update `yaml:"updates"`
	}
	decode(t, ".github/dependabot.yaml", &config)
	var listed, actions []string
	for _, u := range config.Updates {
		dirs := u.Directories
		if u.Directory != "" {
			dirs = append(dirs, u.Directory)
		}
		switch u.Ecosystem {
		case "gomod":
			listed = append(listed, dirs...)
		case "github-actions":
			actions = append(actions, dirs...)
		default:
			t.Errorf("updates of %q", u.Ecosystem)
		}
		if !slices.Contains([]string{"daily", "weekly", "monthly"}, u.Schedule.Interval) {
			t.Errorf("%v: how often is %q?", dirs, u.Schedule.Interval)
		}
	}
	var modules []string
	for _, file := range tracked(t, "go.mod", "*/go.mod") {
		modules = append(modules, path.Join("/", path.Dir(file)))
	}
	slices.Sort(listed)
	slices.Sort(modules)
	if config.Version != 2 || !slices.Equal(listed, modules) || !slices.Equal(actions, []string{"/"}) {
		t.Errorf("version %d\nlisted  %v\nmodules %v\nactions %v", config.Version, listed, modules, actions)
	}
}

// A form is what GitHub makes of a file in ISSUE_TEMPLATE.
type form struct {
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Labels      []string `yaml:"labels"`
	Body        []struct {
		Type       string `yaml:"type"`
		ID         string `yaml:"id"`
		Attributes struct {
			Label       string `yaml:"label"`
			Description string `yaml:"description"`
			Placeholder string `yaml:"placeholder"`
			Render      string `yaml:"render"`
			Value       string `yaml:"value"`
			Options     []struct {
				Label    string `yaml:"label"`
				Required bool   `yaml:"required"`
			} `yaml:"options"`
		} `yaml:"attributes"`
		Validations struct {
			Required bool `yaml:"required"`
		} `yaml:"validations"`
	} `yaml:"body"`
}

// TestForms: GitHub shows every form, and each asks for a snapshot with a command that there is.
func TestForms(t *testing.T) {
	for _, file := range tracked(t, ".github/ISSUE_TEMPLATE/*.yml") {
		if path.Base(file) == "config.yml" {
			continue
		}
		var f form
		decode(t, file, &f)
		if f.Name == "" || f.Description == "" || len(f.Body) == 0 {
			t.Errorf("%s: a form has a name, a description and a body", file)
		}
		ids := map[string]bool{}
		asks := false
		for _, field := range f.Body {
			a := field.Attributes
			switch field.Type {
			case "markdown":
				if a.Value == "" {
					t.Errorf("%s: empty text", file)
				}
				continue
			case "textarea", "input":
			case "checkboxes":
				if len(a.Options) == 0 {
					t.Errorf("%s: %s: no boxes", file, field.ID)
				}
			default:
				t.Errorf("%s: field of type %q", file, field.Type)
			}
			if a.Label == "" || field.ID == "" || ids[field.ID] {
				t.Errorf("%s: field %q %q: wants a label and an id of its own", file, field.ID, a.Label)
			}
			ids[field.ID] = true
			if field.ID == "snapshot" {
				asks = strings.Contains(a.Description, "`kubectl sidecar snapshot -o snapshot.yaml`")
			}
		}
		if !asks {
			t.Errorf("%s does not ask for `kubectl sidecar snapshot -o snapshot.yaml`", file)
		}
	}
	var config struct {
		Blank bool `yaml:"blank_issues_enabled"`
		Links []struct {
			Name, URL, About string
		} `yaml:"contact_links"`
	}
	decode(t, ".github/ISSUE_TEMPLATE/config.yml", &config)
	for _, link := range config.Links {
		if link.Name == "" || link.About == "" || !strings.HasPrefix(link.URL, "https://") {
			t.Errorf("config.yml: %+v", link)
		}
	}
}

// A workflow is what these tests read of one; actionlint (make lint) reads the rest.
type workflow struct {
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Permissions map[string]string `yaml:"permissions"`
		Timeout     int               `yaml:"timeout-minutes"`
		Steps       []struct {
			Uses string         `yaml:"uses"`
			Run  string         `yaml:"run"`
			With map[string]any `yaml:"with"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

var (
	pinned   = regexp.MustCompile(`^[a-zA-Z0-9_.-]+/[a-zA-Z0-9_./-]+@[0-9a-f]{40}$`)
	usesLine = regexp.MustCompile(`(?m)uses: (\S+)(.*)$`)
	release  = regexp.MustCompile(`^ # v[0-9]+\.[0-9]+\.[0-9]+$`)
	// writes are the rights beyond reading, by workflow and job: no job gets one that is not here.
	writes = []string{
		"codeql analyze security-events", "release release attestations", "release release contents", "release release id-token",
		"scorecard analysis id-token", "scorecard analysis security-events",
	}
)

// TestWorkflows: a workflow may read, a job may write what is listed; what it uses is pinned to a commit whose
// release is named; it does not leave its token behind, and it ends.
func TestWorkflows(t *testing.T) {
	var granted []string
	for _, file := range tracked(t, ".github/workflows/*") {
		name := strings.TrimSuffix(path.Base(file), ".yaml")
		data, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		var w workflow
		if err := yaml.Unmarshal(data, &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
			t.Errorf("%s: permissions %v, want contents: read", file, w.Permissions)
		}
		for id, job := range w.Jobs {
			if job.Timeout == 0 {
				t.Errorf("%s: %s has no timeout-minutes", file, id)
			}
			for what, right := range job.Permissions {
				if right == "write" {
					granted = append(granted, name+" "+id+" "+what)
				}
			}
			for _, step := range job.Steps {
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
					t.Errorf("%s: %s: checkout leaves the token in the clone", file, id)
				}
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s: %s: an expression in a script is text that others may choose: pass it in env", file, id)
				}
			}
		}
		for _, m := range usesLine.FindAllStringSubmatch(string(data), -1) {
			if !pinned.MatchString(m[1]) || !release.MatchString(m[2]) {
				t.Errorf("%s: %s is not pinned to a commit with its release beside it", file, m[0])
			}
		}
	}
	slices.Sort(granted)
	if !slices.Equal(granted, writes) {
		t.Errorf("jobs may write %v, want %v", granted, writes)
	}
}

// TestHooks: pre-commit finds what a hook needs, and runs a command that there is.
func TestHooks(t *testing.T) {
	var hooks []struct {
		ID            string   `yaml:"id"`
		Name          string   `yaml:"name"`
		Description   string   `yaml:"description"`
		Entry         string   `yaml:"entry"`
		Language      string   `yaml:"language"`
		TypesOr       []string `yaml:"types_or"`
		RequireSerial bool     `yaml:"require_serial"`
	}
	decode(t, ".pre-commit-hooks.yaml", &hooks)
	for _, h := range hooks {
		if h.ID == "" || h.Name == "" || h.Entry != "kubectl-sidecar lint" || !slices.Contains([]string{"golang", "system"}, h.Language) {
			t.Errorf("hook %+v", h)
		}
	}
	if len(hooks) != 2 {
		t.Errorf("%d hooks", len(hooks))
	}
}
