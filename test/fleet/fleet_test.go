// Package fleet tests deploy/fleet with what reads it: promtool, a real Prometheus that scrapes a real node exporter
// that serves what the CronJob's doctor wrote, Grafana's types, and a real API server with the CRDs of Argo CD and Flux.
package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/decoded"
)

const (
	fleet = "../../deploy/fleet"
	rules = fleet + "/rules.yaml"
)

// tool is one of the module with Prometheus, built without the dozens of clouds it can discover targets in.
func tool(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-n", name)
	cmd.Dir = "prometheus"
	cmd.Env = append(os.Environ(), "GOFLAGS=-tags=remove_all_sd", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// TestRules: what fires when, by promtool.
func TestRules(t *testing.T) {
	promtool := tool(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "--lint=all", "--lint-fatal", rules}, {"test", "rules", "rules.test.yaml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// TestGateChecks: the rules know every check on a gate or a version that has none.
func TestGateChecks(t *testing.T) {
	text, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`check=~"([^"]+)"`).FindSubmatch(text)
	if m == nil {
		t.Fatal("no rule names checks")
	}
	named := regexp.MustCompile("^(" + string(m[1]) + ")$")
	pages, err := filepath.Glob("../../docs/checks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var missed, found []string
	for _, page := range pages {
		id := strings.TrimSuffix(filepath.Base(page), ".md")
		switch about := regexp.MustCompile(`-(gate-off|too-old)$|^apiservers-disagree$`).MatchString(id); {
		case named.MatchString(id):
			found = append(found, id)
		case about:
			missed = append(missed, id)
		}
	}
	if len(missed) > 0 || len(found) != 9 {
		t.Errorf("the rules name %v, and not %v", found, missed)
	}
}

// TestDashboard runs the tests of the module that has Grafana's types.
func TestDashboard(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), "go", "-C", "grafana", "test", "-count=1", ".").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// rendered is what kubectl would apply of deploy/fleet/cluster, decoded strictly.
func rendered(t *testing.T) []runtime.Object {
	t.Helper()
	return decoded.All(t, kubectl(t, nil, "kustomize", fleet+"/cluster"))
}

// TestCluster: the pods are restricted, use the same volume and are on one node; the Service finds the exporter.
func TestCluster(t *testing.T) {
	objects := rendered(t)
	job := decoded.Only[*batchv1.CronJob](t, objects).Spec.JobTemplate.Spec.Template
	exporter := decoded.Only[*appsv1.Deployment](t, objects).Spec.Template
	service := decoded.Only[*corev1.Service](t, objects)
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, pod := range map[string]corev1.PodTemplateSpec{"doctor": job, "exporter": exporter} {
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}, &pod.ObjectMeta, &pod.Spec))
		if !result.Allowed {
			t.Errorf("%s: %s", name, result.ForbiddenDetail())
		}
		c := pod.Spec.Containers[0]
		if c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s can write to its image, or does not say what it needs", name)
		}
		if claim := pod.Spec.Volumes[0].PersistentVolumeClaim; claim == nil || claim.ClaimName != decoded.Only[*corev1.PersistentVolumeClaim](t, objects).Name || c.VolumeMounts[0].MountPath != "/reports" {
			t.Errorf("%s has other volumes: %+v", name, pod.Spec.Volumes)
		}
	}
	near := job.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].LabelSelector.MatchLabels
	for what, selector := range map[string]map[string]string{"the Job's affinity": near, "the Service": service.Spec.Selector} {
		for key, value := range selector {
			if exporter.Labels[key] != value || job.Labels[key] == value && key != "app.kubernetes.io/name" {
				t.Errorf("%s: %s=%s is not what tells the exporter from the Job", what, key, value)
			}
		}
	}
	if args := job.Spec.Containers[0].Args; !slices.Contains(args, "--output=prometheus=/reports/kubectl-sidecar.prom") || !slices.Contains(args, "--as-controllers=false") {
		t.Errorf("doctor runs with %v", args)
	}
}

// TestTypes applies everything to a real API server that has the CRDs of Argo CD and Flux, as strictly as it goes; it
// keeps every field, and takes no field that it does not have.
func TestTypes(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	crds := []string{
		moduleDir(t, "github.com/argoproj/argo-cd/v3") + "/manifests/crds/applicationset-crd.yaml",
		moduleDir(t, "github.com/fluxcd/kustomize-controller") + "/config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",
		moduleDir(t, "github.com/fluxcd/source-controller") + "/config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml",
	}
	for _, crd := range crds {
		kubectl(t, c, "apply", "--server-side", "-f", crd)
	}
	await(t, func() error { // wait fails for one that has no conditions yet
		out, err := command(t, c, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	kubectl(t, c, "create", "namespace", "argocd")
	kubectl(t, c, "create", "namespace", "flux-system")
	for _, file := range []string{"applicationset.yaml", "flux.yaml"} {
		kubectl(t, c, "apply", "--validate=strict", "-f", filepath.Join(fleet, file))
		text, err := os.ReadFile(filepath.Join(fleet, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"goTemplateOptions:", "kustomize:", "selfHeal:", "sparseCheckout:", "sourceRef:", "newTag:", "wait:"} {
			wrong := strings.Replace(string(text), field, "no"+field, 1)
			if wrong == string(text) {
				continue
			}
			name := filepath.Join(t.TempDir(), file)
			if err := os.WriteFile(name, []byte(wrong), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := command(t, c, "apply", "--validate=strict", "--dry-run=server", "-f", name).CombinedOutput(); err == nil {
				t.Errorf("%s with no%s is taken: %s", file, field, out)
			}
		}
	}
	kubectl(t, c, "apply", "--validate=strict", "-k", fleet+"/cluster")

	var set struct {
		Spec struct {
			Template struct {
				Spec struct {
					Source struct{ Path, TargetRevision string }
				}
			}
		}
	}
	var sync struct{ Spec struct{ Path string } }
	fromJSON(t, kubectl(t, c, "get", "applicationset", "-n", "argocd", "kubectl-sidecar", "-o", "json"), &set)
	fromJSON(t, kubectl(t, c, "get", "kustomization", "-n", "flux-system", "kubectl-sidecar", "-o", "json"), &sync)
	for _, path := range []string{set.Spec.Template.Spec.Source.Path, sync.Spec.Path} {
		if _, err := os.Stat(filepath.Join("../..", path, "kustomization.yaml")); err != nil {
			t.Errorf("nothing is there to sync: %v", err)
		}
	}
}

func fromJSON(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// moduleDir is where the files of a module are that crds/go.mod requires.
func moduleDir(t *testing.T, path string) string {
	t.Helper()
	for _, args := range [][]string{{"mod", "download", path}, {"list", "-m", "-f", "{{.Dir}}", path}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = "crds"
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %v: %v", args, err)
		}
		if args[0] == "list" {
			return strings.TrimSpace(string(out))
		}
	}
	return ""
}

func command(t *testing.T, c *cluster.Cluster, args ...string) *exec.Cmd {
	t.Helper()
	path, err := binaries.Kubernetes(t.Context(), "1.36", "kubectl")
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := os.DevNull
	if c != nil {
		kubeconfig = c.Kubeconfig
	}
	return exec.CommandContext(t.Context(), path, append([]string{"--kubeconfig", kubeconfig}, args...)...)
}

func kubectl(t *testing.T, c *cluster.Cluster, args ...string) string {
	t.Helper()
	cmd := command(t, c, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, &stderr)
	}
	return string(out)
}
