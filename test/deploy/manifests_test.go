package deploy

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/decoded"
)

const roleFile = "../../deploy/base/clusterrole.yaml"

// The rights are those that `rbac --as-controllers=false` prints for who reads no kubelets, to the letter: whoever may
// act as a controller is not bound by the policy. go test ./test/deploy -run Rights -update.
func TestRightsAreCurrent(t *testing.T) {
	printed := launch(t, os.DevNull, "rbac", "--kubelets", "none", "--as-controllers=false")
	if printed.Exit != 0 {
		t.Fatalf("rbac: exit %d\n%s", printed.Exit, printed.Stderr)
	}
	if *update {
		if err := os.WriteFile(roleFile, []byte(printed.Stdout), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(roleFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(file), printed.Stdout); diff != "" {
		t.Errorf("%s is out of date (-file +printed):\n%s", roleFile, diff)
	}
}

// Nobody is given nodes/proxy, which opens exec on every node; what reading kubelets directly needs is added by the
// overlay that does so.
func TestNodeRights(t *testing.T) {
	rightsIn := func(roles ...*rbacv1.ClusterRole) map[string]bool {
		out := map[string]bool{}
		for _, role := range roles {
			for _, rule := range role.Rules {
				for _, resource := range rule.Resources {
					out[strings.Join(rule.Verbs, ",")+" "+resource] = true
				}
			}
		}
		return out
	}
	var base, direct map[string]bool
	for dir, into := range map[string]*map[string]bool{".": &base, "openreports": nil, "kubelets-direct": &direct} {
		var roles []*rbacv1.ClusterRole
		for _, o := range rendered(t, "../../deploy/"+dir) {
			if role, ok := o.(*rbacv1.ClusterRole); ok {
				roles = append(roles, role)
			}
		}
		got := rightsIn(roles...)
		for right := range got {
			if strings.Contains(right, "nodes/") && dir != "kubelets-direct" || strings.Contains(right, "nodes/proxy") || strings.Contains(right, "*") || strings.Contains(right, "impersonate") {
				t.Errorf("deploy/%s allows %s", dir, right)
			}
		}
		if into != nil {
			*into = got
		}
	}
	printed := new(rbacv1.ClusterRole)
	if err := yaml.UnmarshalStrict([]byte(launch(t, os.DevNull, "rbac", "--kubelets", "direct", "--as-controllers=false").Stdout), printed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rightsIn(printed), direct); diff != "" {
		t.Errorf("deploy/kubelets-direct: -printed +allowed\n%s", diff)
	}
	args := decoded.Only[*batchv1.CronJob](t, rendered(t, "../../deploy/kubelets-direct")).Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args
	if !slices.Contains(args, "--kubelets=direct") {
		t.Errorf("deploy/kubelets-direct runs %v", args)
	}
}

// rendered is what kubectl would apply, decoded strictly.
func rendered(t *testing.T, dir string) []runtime.Object {
	t.Helper()
	return decoded.All(t, kubectl(t, nil, "kustomize", dir))
}

// The pods are what Pod Security calls restricted, by its own rules, and say what they need.
func TestRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for dir, containers := range map[string][]string{
		"../../deploy": {"doctor"}, "../../deploy/openreports": {"doctor", "publish"}, "../../deploy/kubelets-direct": {"doctor"},
	} {
		objects := rendered(t, dir)
		namespace := decoded.Only[*corev1.Namespace](t, objects)
		if level := namespace.Labels[psa.EnforceLevelLabel]; level != string(psa.LevelRestricted) {
			t.Errorf("%s: the namespace enforces %q", dir, level)
		}
		pod := decoded.Only[*batchv1.CronJob](t, objects).Spec.JobTemplate.Spec.Template
		restricted := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
		if !result.Allowed {
			t.Errorf("%s: %s", dir, result.ForbiddenDetail())
		}
		var names []string
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			names = append(names, c.Name)
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: container %s does not say what it needs: %+v", dir, c.Name, c.Resources)
			}
			if c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
				t.Errorf("%s: container %s can write to its image", dir, c.Name)
			}
		}
		if !slices.Equal(names, containers) {
			t.Errorf("%s: containers %v, want %v", dir, names, containers)
		}
	}
}

// In a namespace of another name everything points there, and the policy, which knows the account by its
// own name alone, needs no change.
func TestOtherNamespace(t *testing.T) {
	objects := rendered(t, overlay(t, "openreports", map[string]any{"namespace": "observability"}))
	if name := decoded.Only[*corev1.Namespace](t, objects).Name; name != "observability" {
		t.Errorf("the namespace is %s", name)
	}
	if ns := decoded.Only[*batchv1.CronJob](t, objects).Namespace; ns != "observability" {
		t.Errorf("the CronJob is in %s", ns)
	}
	bindings := 0
	for _, o := range objects {
		if b, ok := o.(*rbacv1.ClusterRoleBinding); ok {
			bindings++
			want := []rbacv1.Subject{{Kind: "ServiceAccount", Name: "kubectl-sidecar", Namespace: "observability"}}
			if diff := cmp.Diff(want, b.Subjects); diff != "" {
				t.Errorf("%s (-want +got):\n%s", b.Name, diff)
			}
		}
	}
	if bindings != 2 {
		t.Errorf("%d bindings, want 2", bindings)
	}
}

var kustomization = regexp.MustCompile("(?s)```yaml\n((?:# kustomization.yaml\n)?resources:\n.*?)```")

// The kustomizations of the page, on top of the folders of this tree, leave no image that cannot be pulled.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/in-cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := kustomization.FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d kustomizations in the page, want 3", len(blocks))
	}
	folder := regexp.MustCompile(`//deploy(?:/(\S+))?\?ref=`)
	for _, block := range blocks {
		var more map[string]any
		if err := yaml.Unmarshal([]byte(block[1]), &more); err != nil {
			t.Fatal(err)
		}
		of := folder.FindStringSubmatch(block[1])
		if of == nil {
			t.Fatalf("no folder of deploy/ in\n%s", block[1])
		}
		delete(more, "resources")
		out := kubectl(t, nil, "kustomize", overlay(t, of[1], more))
		if !strings.Contains(out, "image: YOUR-REGISTRY/kubectl-sidecar:v0.1.0") || strings.Contains(out, "registry.example") {
			t.Errorf("images are left that cannot be pulled:\n%s", out)
		}
	}
}
