package manifests

import (
	"bytes"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/checktest"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A sample is one file of test data: testdata/<id>/*.txtar, with a comment that says what it shows, manifests, perhaps a
// section kubernetes-version, and a section want with the whole result of check <id>.
type sample struct {
	path, id string
	input    Input
	archive  *txtar.Archive
}

func (s sample) result() checks.Result {
	results := Judge(s.input, func(id string) bool { return id != s.id })
	return results[slices.IndexFunc(results, func(r checks.Result) bool { return r.Check.ID == s.id })]
}

func samples(t *testing.T) []sample {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(paths) < 3*len(All()) {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	var out []sample
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(archive.Comment)) == 0 {
			t.Errorf("%s: begin with a comment that says what the file shows", path)
		}
		s := sample{path: path, id: filepath.Base(filepath.Dir(path)), input: Input{Minor: Newest}, archive: archive}
		for _, f := range archive.Files {
			switch f.Name {
			case "want":
			case "cluster.yaml":
				if s.input.Cluster, err = facts.Read(bytes.NewReader(f.Data), path); err != nil {
					t.Fatal(path, err)
				}
				s.input.Namespace = "default"
			case "kubernetes-version":
				if s.input.Minor, err = strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(string(f.Data)), "1.")); err != nil {
					t.Fatal(path, err)
				}
				s.input.Named = true
			default:
				s.input.Files = append(s.input.Files, Parse(f.Name, f.Data))
			}
		}
		out = append(out, s)
	}
	return out
}

func TestChecks(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(s.path, "testdata/"), ".txtar"), func(t *testing.T) {
			checktest.Compare(t, s.path, s.archive, s.result())
		})
	}
}

// TestEveryStatus wants at least one file of each check that fails, one that passes, one that is unknown.
func TestEveryStatus(t *testing.T) {
	seen := map[string][]checks.Status{}
	for _, s := range samples(t) {
		seen[s.id] = append(seen[s.id], s.result().Status())
	}
	for _, c := range All() {
		wanted := []checks.Status{checks.Fail, checks.Pass, checks.Unknown}
		if c.ID == customResourceDropsField.ID {
			wanted = wanted[1:] // it fails only with a cluster: TestSchemas
		}
		for _, status := range wanted {
			if !slices.Contains(seen[c.ID], status) {
				t.Errorf("testdata/%s: no file in which the check says %s", c.ID, status)
			}
		}
	}
}

func TestListed(t *testing.T) { checktest.Suite{Checks: All()}.Listed(t) }

// TestNothingSeen: a check that passes without having seen anything is wrong.
func TestNothingSeen(t *testing.T) {
	for _, r := range Judge(Input{Minor: Newest}, nil) {
		if r.Status() != checks.Unknown {
			t.Errorf("%s says %s of nothing", r.Check.ID, r.Status())
		}
	}
}

// TestWellFormed holds every result of the test data, by whatever check, to what the printers rely on.
func TestWellFormed(t *testing.T) {
	for _, s := range samples(t) {
		for _, r := range Judge(s.input, nil) {
			for _, f := range r.Outcome.Findings {
				if f.Object.Kind == "" || f.Message == "" || len(f.Evidence) == 0 || f.Place.File == "" || f.Place.Line == 0 || f.Place.Column == 0 {
					t.Errorf("%s: %s: a finding needs object, message, evidence and place: %+v", s.path, r.Check.ID, f)
				}
				if strings.Contains(f.Message, "\n") || strings.HasSuffix(f.Message, ".") || strings.Contains(f.Message, "%!") {
					t.Errorf("%s: %s: a message is one line without a period at the end: %q", s.path, r.Check.ID, f.Message)
				}
				for _, e := range f.Evidence {
					if strings.TrimSpace(e) == "" || strings.Contains(e, "\n") {
						t.Errorf("%s: %s: evidence is one line each: %q", s.path, r.Check.ID, e)
					}
				}
				checktest.Steps(t, s.path, f.Steps, f.Fix)
			}
		}
	}
}

// TestSchemas: with a cluster it is known whether a schema prunes the field.
func TestSchemas(t *testing.T) {
	rollout := Parse("rollout.yaml", []byte(`apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  template:
    spec:
      initContainers:
      - {name: proxy, image: envoy, restartPolicy: Always}
      containers:
      - {name: web, image: web}
`))
	for _, test := range []struct {
		version facts.CRDVersion
		want    checks.Status
	}{
		{facts.CRDVersion{Name: "v1alpha1", Served: true, Storage: true, Prunes: []string{"spec.template.spec.initContainers"}}, checks.Fail},
		{facts.CRDVersion{Name: "v1alpha1", Served: true, Storage: true, Keeps: []string{"spec.template.spec.initContainers"}}, checks.Pass},
	} {
		in := Input{Files: []File{rollout}, Minor: Newest, Cluster: &facts.Snapshot{
			CustomResourceDefinitions: []facts.CRD{{Name: "rollouts.argoproj.io", Group: "argoproj.io", Kind: "Rollout", Versions: []facts.CRDVersion{test.version}}},
		}}
		r := Judge(in, func(id string) bool { return id != customResourceDropsField.ID })
		i := slices.IndexFunc(r, func(r checks.Result) bool { return !r.Skip })
		if got := r[i].Status(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.version, got, test.want)
		}
	}
}

// TestVersions: with a cluster, the oldest kubelet that a pod can land on counts, and for what API servers do theirs.
func TestVersions(t *testing.T) {
	node := func(name, version string) corev1.Node {
		n := corev1.Node{}
		n.Name, n.Labels, n.Status.NodeInfo.KubeletVersion = name, map[string]string{"kubernetes.io/hostname": name}, version
		return n
	}
	of := func(selector string) File {
		return Parse("web.yaml", []byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"+selector+
			"      initContainers:\n      - {name: proxy, image: envoy, restartPolicy: Always, ports: [{name: p, containerPort: 1}]}\n      containers:\n      - {name: web, image: web}\n"))
	}
	cluster := &facts.Snapshot{
		APIServers: []facts.APIServer{{Version: "v1.34.1"}}, Nodes: []corev1.Node{node("new", "v1.34.1"), node("old", "v1.28.15")},
		Seen: []facts.Kind{facts.APIServers, facts.Nodes},
	}
	for selector, want := range map[string][]string{
		"": {fieldNotInVersion.ID}, "      nodeSelector: {kubernetes.io/hostname: new}\n": nil,
	} {
		var got []string
		for _, r := range Judge(Input{Files: []File{of(selector)}, Minor: Newest, Cluster: cluster}, nil) {
			if r.Status() == checks.Fail {
				got = append(got, r.Check.ID)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", selector, diff)
		}
	}
}

// TestUnreadable: a field of a wrong type leaves the checks unknown.
func TestUnreadable(t *testing.T) {
	f := Parse("a.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, image: a, command: sleep}\n"))
	for _, r := range Judge(Input{Files: []File{f}, Minor: Newest}, nil) {
		if r.Status() != checks.Unknown {
			t.Errorf("%s says %s", r.Check.ID, r.Status())
		}
	}
}
