package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	psa "k8s.io/pod-security-admission/api"
	podsecurity "k8s.io/pod-security-admission/policy"
)

func TestCanaryPassesPodSecurityRestricted(t *testing.T) {
	evaluator, err := podsecurity.NewEvaluator(podsecurity.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	for _, pod := range []*corev1.Pod{Canary("x"), ControlOf(Canary("x"))} {
		result := podsecurity.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
		if !result.Allowed {
			t.Errorf("refused: %s", result.ForbiddenDetail())
		}
	}
	// The evaluator must be able to say no, or the above says nothing.
	bad := Canary("x")
	bad.Spec.SecurityContext.SeccompProfile = nil
	if podsecurity.AggregateCheckResults(evaluator.EvaluatePod(restricted, &bad.ObjectMeta, &bad.Spec)).Allowed {
		t.Error("the evaluator allows everything")
	}
}

func TestControlHasNoSidecar(t *testing.T) {
	pod := ControlOf(Canary("x"))
	var names []string
	for _, c := range pod.Spec.InitContainers {
		names = append(names, c.Name)
		if c.RestartPolicy != nil {
			t.Errorf("%s is a sidecar", c.Name)
		}
	}
	if diff := cmp.Diff([]string{CanarySetup, CanarySidecar}, names); diff != "" {
		t.Error(diff)
	}
}

func TestFit(t *testing.T) {
	for _, test := range []struct {
		refusal, cpu, memory string
		changed              bool
	}{
		{`pods "c" is forbidden: minimum cpu usage per Container is 500m, but request is 10m`, "500m", "16Mi", true},
		{`pods "c" is forbidden: [minimum cpu usage per Container is 1, but request is 10m, minimum memory usage per Pod is 1Gi, but request is 32Mi]`, "1", "1Gi", true},
		{`pods "c" is forbidden: [maximum cpu usage per Pod is 6m, but limit is 20m]`, "2m", "16Mi", true},
		{`pods "c" is forbidden: exceeded quota: q`, "10m", "16Mi", false},
	} {
		pod := Canary("x")
		if changed := Fit(pod, test.refusal); changed != test.changed {
			t.Errorf("%s: changed %v", test.refusal, changed)
		}
		for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
			if got := c.Resources.Requests.Cpu().String(); got != test.cpu {
				t.Errorf("%s: cpu of %s is %s, want %s", test.refusal, c.Name, got, test.cpu)
			}
			if got := c.Resources.Limits.Memory().String(); got != test.memory {
				t.Errorf("%s: memory of %s is %s, want %s", test.refusal, c.Name, got, test.memory)
			}
		}
	}
}
