package software

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// Flags that are given as variables count like those on the command line.
func TestVariables(t *testing.T) {
	proxy := func(env ...corev1.EnvVar) *corev1.Container {
		return &corev1.Container{Name: "db", Image: "registry.example/cloud-sql-connectors/cloud-sql-proxy:2.11.4", Env: env}
	}
	for _, test := range []struct {
		name  string
		c     *corev1.Container
		port  int
		reach Reach
		from  string
	}{
		{"health on every address", proxy(
			corev1.EnvVar{Name: "CSQL_PROXY_HEALTH_CHECK", Value: "true"},
			corev1.EnvVar{Name: "CSQL_PROXY_HTTP_PORT", Value: "9801"},
			corev1.EnvVar{Name: "CSQL_PROXY_HTTP_ADDRESS", Value: "0.0.0.0"},
		), 9801, Reached, "env of db: CSQL_PROXY_HTTP_ADDRESS=0.0.0.0"},
		{"its application's port stays on loopback", proxy(
			corev1.EnvVar{Name: "CSQL_PROXY_HTTP_ADDRESS", Value: "0.0.0.0"},
		), 5432, LoopbackOnly, "db, the Cloud SQL Auth Proxy, listens on 127.0.0.1 by default"},
		{"every address", proxy(
			corev1.EnvVar{Name: "CSQL_PROXY_ADDRESS", Value: "0.0.0.0"},
			corev1.EnvVar{Name: "CSQL_PROXY_PORT", Value: "5432"},
		), 5432, Reached, "env of db: CSQL_PROXY_ADDRESS=0.0.0.0"},
		{"of other software they mean nothing", &corev1.Container{Name: "db", Image: "postgres", Env: []corev1.EnvVar{
			{Name: "CSQL_PROXY_PORT", Value: "5432"},
		}}, 5432, ReachUnknown, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			reach, by := ReachOf(test.c, Binds(test.c), test.port)
			if reach != test.reach || by.From != test.from {
				t.Errorf("reach %d by %q, want %d by %q", reach, by.From, test.reach, test.from)
			}
		})
	}
	asked := FindProbe(Question{Container: proxy(
		corev1.EnvVar{Name: "CSQL_PROXY_HEALTH_CHECK", Value: "true"},
		corev1.EnvVar{Name: "CSQL_PROXY_HTTP_PORT", Value: "9801"},
		corev1.EnvVar{Name: "CSQL_PROXY_HTTP_ADDRESS", Value: "0.0.0.0"},
	), Template: proxy()})
	want := map[string]any{"periodSeconds": 1, "failureThreshold": 60, "httpGet": map[string]any{"port": 9801, "path": "/startup"}}
	if diff := cmp.Diff(want, asked.Fields); diff != "" || asked.Words != nil {
		t.Errorf("%v (-want +got):\n%s", asked.Words, diff)
	}
}
