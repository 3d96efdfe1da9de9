package cluster_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// Every kubelet is the version that it should be and has the gate that it was
// given, as seen through the API server.
func TestKubelets(t *testing.T) {
	c := shared(t)
	for i, n := range sharedNodes {
		t.Run(n.name, func(t *testing.T) {
			node, err := c.Client().CoreV1().Nodes().Get(t.Context(), n.name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want, err := binaries.GitVersion(n.version)
			if err != nil {
				t.Fatal(err)
			}
			if got := node.Status.NodeInfo.KubeletVersion; got != want || c.Kubelets[i].GitVersion != want {
				t.Errorf("version %s, want %s", got, want)
			}
			proxy := "/api/v1/nodes/" + n.name + "/proxy/"
			metrics, configz := raw(t, c.Client(), proxy+"metrics"), raw(t, c.Client(), proxy+"configz")
			if n.version == "1.27" && strings.Contains(metrics, "SidecarContainers") {
				t.Errorf("the gate is there, and should not be known")
			}
			if !strings.Contains(metrics, n.series) {
				t.Errorf("no series %s", n.series)
			}
			if *update && n.page != "" {
				record(t, n.page, metrics, configz)
			}
		})
	}
}

func record(t *testing.T, page, metrics, configz string) {
	t.Helper()
	var zipped bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if _, err := zip.Write([]byte(metrics)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	// Folders of this run say nothing about the kubelet.
	for _, k := range sharedCluster.Kubelets {
		configz = strings.ReplaceAll(configz, k.Dir, "/var/lib/node")
	}
	configz = strings.ReplaceAll(configz, sharedCluster.Dir(), "/etc/kubernetes")
	for name, data := range map[string][]byte{
		"metrics-" + page + ".txt.gz": zipped.Bytes(), "configz-" + page + ".json": []byte(configz + "\n"),
	} {
		if err := os.WriteFile(filepath.Join("testdata", "kubelet", name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A pod runs to its end on every kubelet, reaching a pod on another node and
// through it the network between nodes.
func TestPodsRun(t *testing.T) {
	c := shared(t)
	client := c.Client().CoreV1()
	server, err := client.Pods("default").Create(t.Context(),
		pod("server", "k36", "serve", ":8080"), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server = await(t, c, server.Name, func(p *corev1.Pod) bool { return p.Status.PodIP != "" })
	for _, n := range sharedNodes {
		object := pod("client-"+n.name, n.name, "retry", "20s", "http://"+server.Status.PodIP+":8080/hello", "then", "exit", "0")
		if _, err := client.Pods("default").Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range sharedNodes {
		p := await(t, c, "client-"+n.name, func(p *corev1.Pod) bool {
			return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
		})
		log, err := client.Pods("default").GetLogs(p.Name, &corev1.PodLogOptions{}).DoRaw(t.Context())
		if err != nil || p.Status.Phase != corev1.PodSucceeded {
			t.Errorf("%s: %s: %s (%v)", p.Name, p.Status.Phase, log, err)
		}
	}
	got := raw(t, c.Client(), "/api/v1/namespaces/default/pods/server:8080/proxy/there")
	if !strings.Contains(got, "GET /there") {
		t.Errorf("through the pod proxy: %q", got)
	}
}

// A kubelet that refuses its gates is an error that says so.
func TestKubeletRefusesGate(t *testing.T) {
	c := shared(t)
	_, err := c.AddNode(t.Context(), cluster.Node{Name: "refuses", Component: cluster.Component{Version: "1.27", FeatureGates: on}})
	if err == nil || !strings.Contains(err.Error(), "unrecognized feature gate: SidecarContainers") {
		t.Errorf("got %v", err)
	}
}

func pod(name, node string, args ...string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{
			NodeName: node, RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{Name: "main", Image: cluster.ToolImage, Args: args}},
		},
	}
}

func await(t *testing.T, c *cluster.Cluster, name string, done func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		p, err := c.Client().CoreV1().Pods("default").Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if done(p) {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatal(fmt.Errorf("%s: still %s: %+v", name, p.Status.Phase, p.Status.ContainerStatuses))
		}
	}
}
