package cluster_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

func clientFor(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// API servers of several versions and gates behind a load balancer are told
// apart by their leases, endpoints and answers, and audited each.
func TestSeveralAPIServers(t *testing.T) {
	needNodes(t, "API servers with host names of their own")
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.32"}, {Version: "1.32", FeatureGates: off}, {Version: "1.36"}},
		Balancer:   cluster.RoundRobin,
		Audit:      auditv1.LevelRequestResponse,
	})
	for i, want := range []int{1, 0, 1} {
		if got := gateOf(raw(t, clientFor(t, c.APIServers[i].Config()), "/metrics")); got != want {
			t.Errorf("%s: the gate is %d, want %d", c.APIServers[i].Name, got, want)
		}
	}
	leases, err := c.Client().CoordinationV1().Leases("kube-system").List(t.Context(),
		metav1.ListOptions{LabelSelector: "apiserver.kubernetes.io/identity=kube-apiserver"})
	if err != nil || len(leases.Items) != 3 {
		t.Errorf("%d identity leases, want 3 (%v)", len(leases.Items), err)
	}
	if got := versions(t, c, 12); len(got) != 2 {
		t.Errorf("the balancer leads to %v, want two versions", got)
	}
	c.APIServers[0].Stop()
	c.APIServers[1].Stop()
	if got := versions(t, c, 4); len(got) != 1 || !got[c.APIServers[2].GitVersion] {
		t.Errorf("with two API servers stopped the balancer leads to %v", got)
	}
	checkAudit(t, c)
}

// versions asks that often over new connections.
func versions(t *testing.T, c *cluster.Cluster, times int) map[string]bool {
	t.Helper()
	tlsConfig, err := rest.TLSConfigFor(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range times {
		// Clients made from one configuration would share a connection.
		httpClient := &http.Client{Transport: &http.Transport{TLSClientConfig: tlsConfig, DisableKeepAlives: true}}
		client, err := kubernetes.NewForConfigAndClient(c.Config(), httpClient)
		if err != nil {
			t.Fatal(err)
		}
		version, err := client.ServerVersion()
		if err != nil {
			t.Fatal(err)
		}
		seen[version.GitVersion] = true
	}
	return seen
}

func checkAudit(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	config, err := c.UserConfig("jane", "auditors")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := clientFor(t, config).CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("jane has no rights and may list secrets")
	}
	events, err := c.AuditEvents()
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		if event.User.Username == "jane" && event.ObjectRef.Resource == "secrets" && event.ResponseStatus.Code == 403 {
			return
		}
	}
	t.Errorf("jane's request is not among %d audit events", len(events))
}

func TestUserKubeconfig(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{})
	path, err := c.UserKubeconfig("jane", "dev", "ops")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	review, err := clientFor(t, config).AuthenticationV1().SelfSubjectReviews().
		Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	user := review.Status.UserInfo
	if groups := strings.Join(user.Groups, " "); user.Username != "jane" || groups != "dev ops system:authenticated" {
		t.Errorf("the kubeconfig is %s in %s", user.Username, groups)
	}
}

// Clusters that start at once get in nobody's way.
func TestClustersAtOnce(t *testing.T) {
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			c, err := cluster.Start(t.Context(), cluster.Config{})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := c.Client().ServerVersion(); err != nil {
				t.Error(err)
			}
			if err := c.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// What cannot start says why, soon, and leaves nothing.
func TestRefusedGate(t *testing.T) {
	begin := time.Now()
	_, err := cluster.Start(context.Background(), cluster.Config{ // the last that knows the gate
		APIServers: []cluster.Component{{Version: "1.36", FeatureGates: off}},
	})
	if err == nil || !strings.Contains(err.Error(), "cannot set feature gate SidecarContainers to false, feature is locked to true") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 2*time.Minute {
		t.Errorf("it took %s", took)
	}
}
