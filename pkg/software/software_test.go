package software

import (
	"fmt"
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

func env(pairs ...string) []corev1.EnvVar {
	var out []corev1.EnvVar
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, corev1.EnvVar{Name: pairs[i], Value: pairs[i+1]})
	}
	return out
}

// TestReach: what manifests say besides flags on the command line.
func TestReach(t *testing.T) {
	for _, test := range []struct {
		name string
		c    corev1.Container
		port int
		want Reach
	}{
		{"instances in a variable", corev1.Container{Env: env("INSTANCES", "a:b:c=tcp:localhost:3306")}, 3306, LoopbackOnly},
		{"instances in a variable, on every address", corev1.Container{Env: env("INSTANCES", "a:b:c=tcp:0.0.0.0:3306")}, 3306, Reached},
		{"health endpoint in variables", corev1.Container{Image: "x/cloud-sql-proxy:2", Env: env("CSQL_PROXY_HTTP_ADDRESS", "0.0.0.0", "CSQL_PROXY_HTTP_PORT", "9700")}, 9700, Reached},
		{"the port for the application stays on loopback", corev1.Container{Image: "x/cloud-sql-proxy:2", Env: env("CSQL_PROXY_HTTP_ADDRESS", "0.0.0.0", "CSQL_PROXY_HTTP_PORT", "9700")}, 5432, LoopbackOnly},
		{"a client's URL is no address to listen on", corev1.Container{Args: []string{"curl", "-s", "http://localhost:8080/"}}, 8080, ReachUnknown},
	} {
		if got, because := ReachOf(&test.c, Binds(&test.c), test.port); got != test.want {
			t.Errorf("%s: %d (%s), want %d", test.name, got, because.From, test.want)
		}
	}
	served := corev1.Container{Command: []string{"python", "-m", "http.server", "8111"}}
	if ports := TCPPorts(&served, nil); !slices.Equal(ports, []int{8111}) {
		t.Errorf("http.server: %v", ports)
	}
}

func TestOpeningByVariables(t *testing.T) {
	c := corev1.Container{Image: "x/cloud-sql-proxy:2", Env: env("CSQL_PROXY_HEALTH_CHECK", "true", "CSQL_PROXY_HTTP_ADDRESS", "0.0.0.0", "CSQL_PROXY_HTTP_PORT", "9700")}
	if p, ok := FindOpening(&c, &c); !ok || len(p.Missing) > 0 || p.Endpoint.Port != 9700 {
		t.Errorf("%+v, %v", p, ok)
	}
}

func TestHooks(t *testing.T) {
	exec := func(words ...string) *corev1.LifecycleHandler {
		return &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: words}}
	}
	for _, test := range []struct {
		hook          *corev1.LifecycleHandler
		quits, sleeps bool
	}{
		{exec("/cloud-sql-proxy", "shutdown", "--admin-port", "9092"), true, false},
		{exec("sh", "-c", "curl localhost:15020/quitquitquit"), true, false},
		{exec("sleep", "10"), false, true},
		{&corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 3}}, false, true},
		{exec("/app", "deregister"), false, false},
	} {
		if HookQuits(test.hook) != test.quits || HookSleeps(test.hook) != test.sleeps {
			t.Errorf("%s: quits %v, sleeps %v", Handler(test.hook), HookQuits(test.hook), HookSleeps(test.hook))
		}
	}
}

func TestCatchesStop(t *testing.T) {
	rule := func(operator batchv1.PodFailurePolicyOnExitCodesOperator, container *string, values ...int32) *batchv1.PodFailurePolicy {
		return &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{ContainerName: container, Operator: operator, Values: values}}}}
	}
	work := "work"
	for _, test := range []struct {
		policy *batchv1.PodFailurePolicy
		want   string
	}{
		{rule(batchv1.PodFailurePolicyOnExitCodesOpIn, nil, 1, 143), "0 [143]"},
		{rule(batchv1.PodFailurePolicyOnExitCodesOpNotIn, nil, 1), "0 [137 143]"},
		{rule(batchv1.PodFailurePolicyOnExitCodesOpIn, &work, 137), "-1 []"},
		{rule(batchv1.PodFailurePolicyOnExitCodesOpIn, nil, 42), "-1 []"},
	} {
		if i, codes := CatchesStop(test.policy, "sidecar"); fmt.Sprint(i, codes) != test.want {
			t.Errorf("%+v: %d %v, want %s", test.policy.Rules[0].OnExitCodes, i, codes, test.want)
		}
	}
}
