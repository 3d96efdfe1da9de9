// Command demo shows the plugin on a real cluster: a control plane, nodes of two versions and with
// both settings of the feature gate, and a mutating webhook that drops the field. It starts all of
// that on this machine, runs `kubectl sidecar doctor` against it, and removes it again.
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
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

func main() {
	plugin := flag.String("plugin", "bin/kubectl-sidecar", "the plugin to show")
	recorded := flag.Bool("recorded", false, "recorded kubelet pages instead of real kubelets")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, *plugin, *recorded || !kubelets()); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted; everything is removed")
		}
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// kubelets reports whether real kubelets can run here, and says why not.
func kubelets() bool {
	err := cluster.CanRunNodes()
	if err != nil {
		say("no real kubelets here (%v): pages that real ones served stand in for them", err)
	}
	return err == nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "demo: "+format+"\n", args...) }

// The demo's cluster: two versions to build, all of what doctor tells apart.
const (
	newest = "1.36"
	older  = "1.32"
)

var off = map[string]bool{"SidecarContainers": false}

func config(recorded bool) cluster.Config {
	newest := cluster.Component{Version: newest}
	c := cluster.Config{
		APIServers:        []cluster.Component{newest},
		ControllerManager: &newest,
		Scheduler:         &newest,
	}
	if recorded {
		no := false
		c.FakeNodes = []cluster.FakeNode{
			{Name: "worker-1", Version: "1.36"}, {Name: "worker-2", Version: older}, {Name: "worker-3", Version: older, SidecarContainers: &no},
		}
		return c
	}
	c.Nodes = []cluster.Node{
		{Name: "worker-1", Component: newest},
		{Name: "worker-2", Component: cluster.Component{Version: older}},
		{Name: "worker-3", Component: cluster.Component{Version: older, FeatureGates: off}},
	}
	return c
}

func run(ctx context.Context, plugin string, recorded bool) (err error) {
	plugin, err = filepath.Abs(plugin)
	if err != nil {
		return err
	}
	say("starting a v%s control plane and three nodes (the first time, the Kubernetes binaries are built: about five minutes)", newest)
	began := time.Now()
	c, err := cluster.Start(ctx, config(recorded))
	if err != nil {
		return err
	}
	defer func() {
		say("removing the cluster")
		err = errors.Join(err, c.Stop())
	}()
	say("installing a mutating webhook, built against k8s.io/api v0.27, for the namespaces of one team")
	if err := populate(ctx, c, recorded); err != nil {
		return err
	}
	say("ready after %s", time.Since(began).Round(time.Second))
	return show(ctx, plugin, c.Kubeconfig, "doctor")
}

// populate creates namespaces and the webhook, which sees the pods of two of them.
func populate(ctx context.Context, c *cluster.Cluster, recorded bool) error {
	for name, team := range map[string]string{"shop": "shop", "cart": "shop", "billing": "payments", "ledger": "payments"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": team}}}
		if _, err := c.Client().CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating namespace %s: %w", name, err)
		}
	}
	var server *cluster.WebhookServer
	var err error
	if recorded {
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
