package software

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestExits: who is told to do one thing, and who only looks so.
func TestExits(t *testing.T) {
	env := func(name, value string) []corev1.EnvVar { return []corev1.EnvVar{{Name: name, Value: value}} }
	script := func(text string) []string { return []string{"sh", "-c", text} }
	for _, tt := range []struct {
		name string
		c    corev1.Container
		want bool
	}{
		{"a flag", corev1.Container{Args: []string{"--repo=x", "--one-time"}}, true},
		{"a flag that is off", corev1.Container{Args: []string{"--repo=x", "--one-time=false"}}, false},
		{"a variable", corev1.Container{Env: env("GITSYNC_ONE_TIME", "true")}, true},
		{"a variable that is off", corev1.Container{Env: env("GITSYNC_ONE_TIME", "false")}, false},
		{"a list of files, once", corev1.Container{Image: "quay.io/kiwigrid/k8s-sidecar:1", Env: env("METHOD", "LIST")}, true},
		{"a list of files, for good", corev1.Container{Image: "quay.io/kiwigrid/k8s-sidecar:1", Env: env("METHOD", "WATCH")}, false},
		{"somebody else's variable", corev1.Container{Image: "lab/app", Env: env("METHOD", "LIST")}, false},
		{"a configuration is tested", corev1.Container{Command: []string{"nginx", "-t"}}, true},
		{"another one", corev1.Container{Command: []string{"envoy", "--mode", "validate", "-c", "/e.yaml"}}, true},
		{"tested and served", corev1.Container{Command: script("nginx -t && exec nginx -g 'daemon off;'")}, false},
		{"its version is logged first", corev1.Container{Command: script("app --version; exec app")}, false},
		{"then something short", corev1.Container{Command: script("vault agent -exit-after-auth -config=/c && cp /a /b")}, true},
		{"another image's file is copied", corev1.Container{Image: "amazon/aws-xray-daemon", Command: []string{"cp", "/xray", "/shared/"}}, true},
		{"a limit of time", corev1.Container{Command: []string{"timeout", "60", "nginx", "-g", "daemon off;"}}, true},
		{"a flag of that name", corev1.Container{Args: []string{"--timeout", "60", "serve"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Exits(&tt.c); got != tt.want {
				t.Errorf("%v", got)
			}
		})
	}
}

// TestHookQuits: a signal to reload stops nothing.
func TestHookQuits(t *testing.T) {
	for command, want := range map[string]bool{
		"pkill -HUP app": false, "kill -s USR1 1": false, "kill -1 1": false, "kill 1": true, "pkill app": true, "nginx -s quit": true, "kill -TERM 1": true,
	} {
		hook := &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", command}}}
		if got := HookQuits(hook); got != want {
			t.Errorf("%s: %v", command, got)
		}
	}
}
