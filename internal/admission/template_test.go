package admission

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func templateSpec(image string) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: image}}},
	}
}

// What a controller gives its pods, the canary has: owner, name, labels, finalizer, user.
func TestCanaryOfWorkload(t *testing.T) {
	for kind, want := range map[string]string{
		"Deployment":  "web-7d9c5b6f48-* owned by ReplicaSet web-7d9c5b6f48, by replicaset-controller",
		"StatefulSet": "web-1000 owned by StatefulSet web, by statefulset-controller",
		"DaemonSet":   "web-* owned by DaemonSet web, by daemon-set-controller",
		"Job":         "web-* owned by Job web, by job-controller [batch.kubernetes.io/job-tracking]",
		"CronJob":     "web-29000000-* owned by Job web-29000000, by job-controller [batch.kubernetes.io/job-tracking]",
	} {
		template := OfWorkload(kind, &metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "u"}, templateSpec("example.com/web:1"))
		pod := template.Canary()
		name, owner := pod.Name, pod.OwnerReferences[0]
		if pod.GenerateName != "" {
			name = pod.GenerateName + "*"
		}
		_, by, _ := SplitAccount(template.Creator)
		got := name + " owned by " + owner.Kind + " " + owner.Name + ", by " + by
		if len(pod.Finalizers) > 0 {
			got += " [" + strings.Join(pod.Finalizers, " ") + "]"
		}
		if got != want || !*owner.Controller || owner.UID == "" || pod.Labels["app"] != "web" || len(pod.Labels) < 2 {
			t.Errorf("%s: %s, want %s; labels %v", kind, got, want, pod.Labels)
		}
		sidecar := pod.Spec.InitContainers[0]
		if sidecar.Image != "example.com/web:1" || *sidecar.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			t.Errorf("%s: the sidecar is %+v", kind, sidecar)
		}
		if len(template.Spec.InitContainers) > 0 || len(template.Labels) != 1 {
			t.Errorf("%s: the template was changed", kind)
		}
	}
}

// A webhook may look at how many init containers there are: what has a native sidecar already is sent as it is. A running
// pod may have it from a webhook, and gets one more.
func TestCanaryOfSidecars(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	with := templateSpec("example.com/web:1")
	with.Spec.InitContainers = []corev1.Container{{Name: "proxy", Image: "example.com/proxy:1", RestartPolicy: &always}}
	ordinary := templateSpec("example.com/web:1")
	ordinary.Spec.InitContainers = []corev1.Container{{Name: "setup", Image: "example.com/setup:1"}}
	owner := &metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "u"}
	for _, test := range []struct {
		name     string
		template Template
		want     []string
	}{
		{"with one", OfWorkload("Deployment", owner, with), []string{"proxy"}},
		{"without", OfWorkload("Deployment", owner, ordinary), []string{"setup", CanarySidecar}},
		{"running", OfRunning(&corev1.Pod{ObjectMeta: *owner, Spec: with.Spec}), []string{"proxy", CanarySidecar}},
	} {
		var got []string
		for _, c := range test.template.Canary().Spec.InitContainers {
			got = append(got, c.Name)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// Values, contents and creators tell templates apart; names, hashes and bookkeeping do not.
func TestContent(t *testing.T) {
	of := func(kind, name, image string, change func(*Template)) string {
		template := OfWorkload(kind, &metav1.ObjectMeta{Name: name, Namespace: "shop", UID: "u"}, templateSpec(image))
		if change != nil {
			change(&template)
		}
		return template.Content()
	}
	plain := of("Deployment", "web", "a", nil)
	for name, same := range map[string]string{
		"another name": of("Deployment", "shop", "a", nil),
		"bookkeeping": of("Deployment", "web", "a", func(t *Template) {
			t.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "now"}
		}),
		"a hash": of("Deployment", "web", "a", func(t *Template) { t.Labels = map[string]string{"app": "web", "pod-template-hash": "x"} }),
	} {
		if same != plain {
			t.Errorf("%s tells it apart", name)
		}
	}
	for name, other := range map[string]string{
		"another image":      of("Deployment", "web", "b", nil),
		"another controller": of("DaemonSet", "web", "a", nil),
		"another value":      of("Deployment", "web", "a", func(t *Template) { t.Labels = map[string]string{"app": "api"} }),
		"an annotation":      of("Deployment", "web", "a", func(t *Template) { t.Annotations = map[string]string{"inject": "true"} }),
		"a service account's annotation": of("Deployment", "web", "a", func(t *Template) {
			t.AccountAnnotations = map[string]string{"role": "x"}
		}),
	} {
		if other == plain {
			t.Errorf("%s does not tell it apart", name)
		}
	}
	running := func(name, env string) string {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"spark-app": name}}}
		p.Spec.Containers = []corev1.Container{{Name: "main", Image: "spark:3", Env: []corev1.EnvVar{{Name: "ID", Value: env}}}}
		return OfRunning(p).Content()
	}
	if running("job-1-driver", "run-4711") != running("job-27-driver", "run-4712") {
		t.Error("numbers and names tell running pods apart")
	}
	if running("job-1-driver", "run-4711") == running("job-1-driver", "vault:secret") {
		t.Error("contents do not tell running pods apart")
	}
}

// What a quota or an admission plug-in says no to is made to fit, of a workload's containers as little as possible.
func TestFitWorkload(t *testing.T) {
	spec := templateSpec("a")
	spec.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}
	pod := OfWorkload("StatefulSet", &metav1.ObjectMeta{Name: "web", Namespace: "shop"}, spec).Canary()
	if !Fit(pod, `pods "x" is forbidden: exceeded quota: small, requested: cpu=2, used: cpu=0, limited: cpu=1`) {
		t.Error("it does not fit a quota")
	}
	if cpu := pod.Spec.Containers[0].Resources.Requests.Cpu().String(); cpu != "10m" {
		t.Errorf("cpu %s", cpu)
	}
	if Fit(pod, "exceeded quota: pods") {
		t.Error("it fits twice")
	}
	if !Fit(pod, "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on") || pod.OwnerReferences[0].BlockOwnerDeletion != nil {
		t.Errorf("owner %+v", pod.OwnerReferences[0])
	}
	if !Fit(pod, `pods "web-1000" already exists`) || pod.Name != "" || pod.GenerateName != "web-1000-" {
		t.Errorf("name %q %q", pod.Name, pod.GenerateName)
	}
}

// A pod is found for selectors and conditions that name labels or annotations, and said to be possible for others.
func TestAttract(t *testing.T) {
	chain := NewChain(Config{Webhooks: webhooksOf(t, `
- metadata: {name: a}
  webhooks:
  - {name: selector, rules: `+pods+`, objectSelector: {matchLabels: {spark: driver}}}
  - {name: condition, rules: `+pods+`, matchConditions: [{name: x, expression: "object.metadata.?annotations['mesh'].orValue('') == 'yes'"}]}
  - {name: riddle, rules: `+pods+`, matchConditions: [{name: x, expression: "object.metadata.?labels['x'].orValue('').size() == 77"}]}
  - {name: elsewhere, rules: `+pods+`, namespaceSelector: {matchLabels: {team: b}}}
`)})
	ns := namespaceOf("one", "team", "a")
	got := map[string]string{}
	for _, name := range chain.Names() {
		pod, selectable, ok := chain.Attract(name, &ns)
		switch {
		case ok:
			got[name] = pairs(pod.Labels) + pairs(pod.Annotations)
		case selectable:
			got[name] = "possible"
		default:
			got[name] = "impossible"
		}
	}
	label := "\"app.kubernetes.io/name\"=\"kubectl-sidecar-canary\"\n"
	want := map[string]string{
		"a/selector": label + "\"spark\"=\"driver\"\n", "a/condition": label + "\"mesh\"=\"yes\"\n", "a/riddle": "possible", "a/elsewhere": "impossible",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Who creates a pod decides conditions that ask for it; what is false for everybody was written for somebody else.
func TestBy(t *testing.T) {
	const jobs, spark = "system:serviceaccount:kube-system:job-controller", "system:serviceaccount:spark:operator"
	chain := NewChain(Config{Webhooks: webhooksOf(t, `
- metadata: {name: a}
  webhooks:
  - {name: jobs, rules: `+pods+`, matchConditions: [{name: x, expression: "request.userInfo.username == '`+jobs+`'"}]}
  - {name: spark, rules: `+pods+`, matchConditions: [{name: x, expression: "request.userInfo.username.startsWith('system:serviceaccount:spark:')"}]}
  - {name: never, rules: `+pods+`, matchConditions: [{name: x, expression: "request.userInfo.username == 'x'"}, {name: y, expression: "object.spec.serviceAccountName == 'y'"}]}
`)})
	ns, pod := namespaceOf("one"), podOf()
	calls := func(c *Chain) string {
		var out []string
		for _, call := range c.Webhooks(&ns, pod) {
			name := call.Webhook
			if call.Maybe != "" {
				name += "?"
			}
			out = append(out, name)
		}
		return strings.Join(out, " ")
	}
	for what, test := range map[string]struct {
		chain *Chain
		want  string
	}{
		"anybody":                {chain, "jobs? spark?"},
		"the caller":             {chain.By(""), "spark?"},
		"jobs":                   {chain.By(jobs), "jobs"},
		"replicasets":            {chain.By(ControllerUser(ReplicaSetController)), ""},
		"spark":                  {chain.Knowing([]string{spark}).By(spark), "spark"},
		"the caller, knowing it": {chain.Knowing([]string{spark}).By(""), ""},
	} {
		if got := calls(test.chain); got != test.want {
			t.Errorf("%s: %q, want %q", what, got, test.want)
		}
	}
	asks, named := chain.AsksForUser()
	if diff := cmp.Diff([]string{jobs, "system:serviceaccount:spark:"}, named); !asks || diff != "" {
		t.Errorf("it names (-want +got)\n%s", diff)
	}
}
