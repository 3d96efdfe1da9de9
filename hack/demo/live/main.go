// Command live shows the plugin on a real cluster: an API server, a node with a real kubelet, nodes that
// recorded pages of real kubelets answer for, and a mutating webhook that drops the field. It starts all of
// that on this machine, runs `kubectl sidecar doctor` against it, and removes it again. It builds nothing of
// Kubernetes: hack/demo does, and starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// programs is what runs: files, and the versions that they report.
type programs struct {
	plugin, etcd       string
	apiServer, kubelet program // no kubelet: recorded pages answer for all nodes
}

type program struct{ version, file string }

func (p *program) String() string { return p.version + "=" + p.file }

func (p *program) Set(s string) error {
	version, file, ok := strings.Cut(s, "=")
	if !ok || file == "" || !strings.HasPrefix(version, "v1.") {
		return errors.New("want VERSION=FILE, such as v1.37.2=/usr/local/bin/kubelet")
	}
	p.version, p.file = version, file
	return nil
}

func (p program) minor() int {
	n, _ := strconv.Atoi(strings.Split(p.version, ".")[1])
	return n
}

func main() {
	var p programs
	flag.StringVar(&p.plugin, "plugin", "bin/kubectl-sidecar", "the plugin to show")
	flag.StringVar(&p.etcd, "etcd", "", "etcd")
	flag.Var(&p.apiServer, "apiserver", "kube-apiserver, `VERSION=FILE`")
	flag.Var(&p.kubelet, "kubelet", "kubelet, `VERSION=FILE`; without it, recorded pages answer for every node")
	flag.Parse()
	if p.etcd == "" || p.apiServer.file == "" {
		fmt.Fprintln(os.Stderr, "demo: -etcd and -apiserver are needed; make demo finds or builds them")
		os.Exit(2)
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{}) // what is deprecated here is known
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, p); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted; the cluster is removed")
		}
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "demo: "+format+"\n", args...) }

// recorded are nodes with both settings of the gate, of a version in which it is still a setting and that is
// not newer than the API server.
func recorded(apiServer program) []cluster.FakeNode {
	version, on, off := "1.32.2", true, false
	if apiServer.minor() < 32 {
		version = "1.28.15"
	}
	return []cluster.FakeNode{
		{Name: "worker-2", Version: version, SidecarContainers: &on},
		{Name: "worker-3", Version: version, SidecarContainers: &off},
	}
}

// config is an API server and nodes; the demo needs nothing that a controller manager or a scheduler does.
func config(p programs) cluster.Config {
	c := cluster.Config{
		Etcd:       p.etcd,
		APIServers: []cluster.Component{{Version: strings.TrimPrefix(p.apiServer.version, "v"), Program: p.apiServer.file}},
		FakeNodes:  recorded(p.apiServer),
	}
	if p.kubelet.file == "" {
		c.FakeNodes = append([]cluster.FakeNode{{Name: "worker-1", Version: p.apiServer.version}}, c.FakeNodes...)
		return c
	}
	c.Nodes = []cluster.Node{{Name: "worker-1", Component: cluster.Component{Version: strings.TrimPrefix(p.kubelet.version, "v"), Program: p.kubelet.file}}}
	return c
}

func run(ctx context.Context, p programs) (err error) {
	p.plugin, err = filepath.Abs(p.plugin)
	if err != nil {
		return err
	}
	conf := config(p)
	say("starting a cluster on this machine: %s", strings.Join(described(p, conf), "; "))
	began := time.Now()
	c, err := cluster.Start(ctx, conf)
	if err != nil {
		return err
	}
	defer func() {
		say("removing the cluster")
		err = errors.Join(err, c.Stop())
	}()
	say("installing a mutating webhook, built against k8s.io/api v0.27, for the namespaces of one team")
	if err := populate(ctx, c); err != nil {
		return err
	}
	say("ready after %s", time.Since(began).Round(time.Second))
	return show(ctx, p.plugin, c.Kubeconfig, "doctor")
}

// described says what of the cluster is real.
func described(p programs, conf cluster.Config) []string {
	out := []string{"API server " + p.apiServer.version}
	if p.kubelet.file != "" {
		out = append(out, "worker-1 is a real kubelet "+p.kubelet.version)
	}
	var names []string
	for _, n := range conf.FakeNodes {
		names = append(names, n.Name)
	}
	return append(out, fmt.Sprintf("for %s, pages that real kubelets served answer", strings.Join(names, ", ")))
}

// populate creates namespaces and the webhook, which sees the pods of two of them.
func populate(ctx context.Context, c *cluster.Cluster) error {
	for name, team := range map[string]string{"shop": "shop", "cart": "shop", "billing": "payments", "ledger": "payments"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": team}}}
		if _, err := c.Client().CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating namespace %s: %w", name, err)
		}
	}
	var server *cluster.WebhookServer
	var err error
	if len(c.Kubelets) == 0 {
		server, err = c.StripWebhook(ctx)
	} else {
		server, err = c.RunWebhook(ctx, cluster.WebhookPod{Namespace: "identity", Name: "pod-labeler", Node: c.Kubelets[0], Strip: true})
	}
	if err != nil {
		return err
	}
	_, err = c.InstallWebhook(ctx, cluster.Webhook{
		Configuration:     "pod-labeler",
		Client:            server.Client("/mutate"),
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "payments"}},
	})
	return err
}

// show runs the plugin as a user would see it. Findings are what the demo is about, not a failure.
func show(ctx context.Context, plugin, kubeconfig string, args ...string) error {
	fmt.Printf("\n$ kubectl sidecar %s\n", args[0])
	cmd := exec.CommandContext(ctx, plugin, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 2 && ctx.Err() == nil {
		err = nil
	}
	fmt.Printf("$ echo $?\n%d\n\n", cmd.ProcessState.ExitCode())
	return err
}
