package cluster

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// Every cluster has addresses of its own, so all use the usual ports.
const (
	apiPort      = "6443"
	etcdPort     = "2379"
	serviceRange = "10.96.0.0/16"
	serviceIP    = "10.96.0.1"
	startTimeout = 10 * time.Minute // of a machine that has other things to do; what ends is seen at once
)

// APIServer is one running kube-apiserver.
type APIServer struct {
	// Name is its host name: "control-plane-0".
	Name string
	// Endpoint is its own URL, not the balancer's.
	Endpoint string
	// GitVersion is what it reports: "v1.36.3".
	GitVersion string

	cluster *Cluster
	program program
	process *process
	audit   string
}

// Config is the administrator's client configuration for this API server.
func (a *APIServer) Config() *rest.Config { return a.cluster.restConfig(a.Endpoint, a.cluster.admin) }

// Stop ends this API server, leaving the others.
func (a *APIServer) Stop() { a.process.stop() }

// Start starts an API server that was stopped, as it was, and returns when it can be used.
func (a *APIServer) Start(ctx context.Context) error {
	process, err := a.cluster.start(a.program)
	if err != nil {
		return err
	}
	a.process = process
	return process.wait(ctx, a.ready)
}

// SetGates gives this API server other feature gates, as an administrator does: it is restarted with them.
func (a *APIServer) SetGates(ctx context.Context, gates map[string]bool) error {
	// Of two flags the later one decides about a gate that both set.
	a.program.args = append(slices.Clone(a.program.args), "--feature-gates="+Component{FeatureGates: gates}.gates())
	a.Stop()
	return a.Start(ctx)
}

func (c *Cluster) startControlPlane(ctx context.Context) error {
	etcd, err := c.startEtcd(ctx)
	if err != nil {
		return err
	}
	if err := etcd.wait(ctx, func(context.Context) error { return dial(net.JoinHostPort(c.Host(), etcdPort)) }); err != nil {
		return err
	}
	for i, component := range c.config.APIServers {
		server, err := c.startAPIServer(ctx, i, component)
		if err != nil {
			return err
		}
		c.APIServers = append(c.APIServers, server)
	}
	errs := make(chan error)
	for _, server := range c.APIServers {
		go func() { errs <- server.process.wait(ctx, server.ready) }()
	}
	for range c.APIServers {
		err = firstOf(err, <-errs)
	}
	if err != nil {
		return err
	}
	return c.startControllers(ctx)
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (c *Cluster) startEtcd(ctx context.Context) (*process, error) {
	path := c.config.Etcd
	if path == "" {
		var err error
		if path, err = binaries.Etcd(ctx); err != nil {
			return nil, err
		}
	}
	clients := "http://" + net.JoinHostPort(c.Host(), etcdPort)
	peers := "http://" + net.JoinHostPort(c.Host(), "2380")
	return c.start(program{name: "etcd", path: path, args: []string{
		"--data-dir=" + filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=" + clients, "--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers, "--initial-cluster=default=" + peers,
	}})
}

func (c *Cluster) startAPIServer(ctx context.Context, i int, component Component) (*APIServer, error) {
	path, err := component.path(ctx, "kube-apiserver")
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("control-plane-%d", i)
	a := &APIServer{
		Name: name, cluster: c,
		Endpoint: "https://" + net.JoinHostPort(c.network.host(i), apiPort),
	}
	flags := c.apiServerFlags(c.network.host(i))
	if c.config.Audit != "" {
		a.audit = filepath.Join(c.dir, fmt.Sprintf("audit-%d.log", i))
		policy := filepath.Join(c.dir, "audit.yaml")
		if err := os.WriteFile(policy, auditPolicy(c.config.Audit), 0o644); err != nil {
			return nil, err
		}
		flags = append(flags, "--audit-policy-file="+policy, "--audit-log-path="+a.audit, "--audit-log-mode=blocking")
	}
	logName := fmt.Sprintf("kube-apiserver-%d", i)
	a.program = program{name: logName, path: path, args: component.with(flags...), hostname: name}
	a.process, err = c.start(a.program)
	return a, err
}

func auditPolicy(level auditv1.Level) []byte {
	return fmt.Appendf(nil, "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: %s\n", level)
}

func (c *Cluster) apiServerFlags(address string) []string {
	flags := []string{
		"--etcd-servers=http://" + net.JoinHostPort(c.Host(), etcdPort),
		"--bind-address=" + address, "--advertise-address=" + address, "--secure-port=" + apiPort,
		"--tls-cert-file=" + c.pki("apiserver.crt"), "--tls-private-key-file=" + c.pki("apiserver.key"),
		"--client-ca-file=" + c.pki("ca.crt"),
		"--kubelet-client-certificate=" + c.pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + c.pki("apiserver-kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-key-file=" + c.pki("service-accounts.key"),
		"--service-account-signing-key-file=" + c.pki("service-accounts.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		// Nothing here makes service addresses reachable, but with this the
		// API server takes the pods behind them, for webhooks too.
		"--enable-aggregator-routing=true",
	}
	if !c.network.real {
		// Endpoints cannot be on loopback; older API servers log that, those from 1.37 on exit.
		flags = append(flags, "--endpoint-reconciler-type=none")
	}
	if c.config.ControllerManager == nil {
		// Nobody would create the service accounts that the one asks for, or
		// remove the taint that the other puts on every new node.
		flags = append(flags, "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition")
	}
	return flags
}

// startControllers starts what works through the API server, and waits for it.
func (c *Cluster) startControllers(ctx context.Context) error {
	var wait sync.WaitGroup
	var managerErr, schedulerErr error
	if c.config.ControllerManager != nil {
		wait.Go(func() { managerErr = c.startControllerManager(ctx, *c.config.ControllerManager) })
	}
	if c.config.Scheduler != nil {
		wait.Go(func() { schedulerErr = c.startScheduler(ctx, *c.config.Scheduler) })
	}
	wait.Wait()
	return firstOf(managerErr, schedulerErr)
}

func (c *Cluster) startControllerManager(ctx context.Context, component Component) error {
	return c.startController(ctx, "kube-controller-manager", "10257", component,
		"--service-account-private-key-file="+c.pki("service-accounts.key"), "--root-ca-file="+c.pki("ca.crt"),
		"--cluster-signing-cert-file="+c.pki("ca.crt"), "--cluster-signing-key-file="+c.pki("ca.key"),
		"--use-service-account-credentials=true",
		// It asks for a token for each of its controllers, 20 per second by
		// default, before it starts any of them.
		"--kube-api-qps=500", "--kube-api-burst=500",
		// Fake nodes send no heartbeats and must not become NotReady for it.
		"--node-monitor-grace-period=24h",
	)
}

func (c *Cluster) startScheduler(ctx context.Context, component Component) error {
	return c.startController(ctx, "kube-scheduler", "10259", component)
}

func (c *Cluster) startController(ctx context.Context, name, port string, component Component, flags ...string) error {
	path, err := component.path(ctx, name)
	if err != nil {
		return err
	}
	kubeconfig, err := c.kubeconfigFor("system:" + name)
	if err != nil {
		return err
	}
	flags = append([]string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=" + c.Host(), "--secure-port=" + port,
	}, flags...)
	p, err := c.start(program{name: name, path: path, args: component.with(flags...)})
	if err != nil {
		return err
	}
	return p.wait(ctx, c.healthy("https://"+net.JoinHostPort(c.Host(), port)+"/healthz"))
}

// ready is the answer to "can this API server be used?".
func (a *APIServer) ready(ctx context.Context) error {
	client, err := rest.HTTPClientFor(a.Config())
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	if err := get(ctx, client, a.Endpoint+"/readyz"); err != nil {
		return err
	}
	discovery, err := discovery.NewDiscoveryClientForConfigAndClient(a.Config(), client)
	if err != nil {
		return err
	}
	version, err := discovery.ServerVersion()
	if err != nil {
		return err
	}
	a.GitVersion = version.GitVersion
	return nil
}

func (c *Cluster) healthy(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		// Controllers make serving certificates themselves: nothing to verify.
		client, err := rest.HTTPClientFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
		if err != nil {
			return err
		}
		defer client.CloseIdleConnections()
		return get(ctx, client, url)
	}
}

func get(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

func dial(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// wait polls until the process is ready, has ended, or takes too long.
func (p *process) wait(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.failure(err)
		case <-ctx.Done():
			return p.failure(fmt.Errorf("%w: %w", ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
