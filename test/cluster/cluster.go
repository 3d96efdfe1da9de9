package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/internal/slot"
)

// Cluster is a running cluster.
type Cluster struct {
	// Kubeconfig is the path of the administrator's kubeconfig file. It leads
	// to the balancer if there is one, else to the first API server.
	Kubeconfig string
	// APIServers are in the order of the configuration.
	APIServers []*APIServer
	// Kubelets are in the order of the configuration.
	Kubelets []*Kubelet

	config   Config
	dir      string
	endpoint string
	slot     *slot.Slot
	network  *network
	ca       *authority
	admin    pair
	client   *kubernetes.Clientset
	balancer *balancer

	images     []string // archives
	imagesOnce sync.Once
	imagesErr  error

	keeperPath string
	keeper     *os.File // closing it makes the keeper clean up
	cleaner    *process

	mu        sync.Mutex
	processes []*process
	closers   []func()
	fakes     map[fakeKey]*fakeKubelet
	nextNode  int
	nextFake  int
	stopped   bool
}

// Start starts a cluster and returns when it can be used. Whatever happens to
// this process afterwards, nothing of the cluster outlives it for long; call
// Stop to wait until nothing is left.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	if runtime.GOOS != "linux" {
		return nil, errors.New("start a cluster: only on Linux")
	}
	config, err := config.complete()
	if err != nil {
		return nil, fmt.Errorf("start a cluster: %w", err)
	}
	c := &Cluster{config: config}
	if err := c.boot(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start a cluster: %w", err), c.Stop())
	}
	return c, nil
}

func (c *Cluster) boot(ctx context.Context) error {
	var err error
	if c.keeperPath, err = binaries.Program(ctx, ".", "./test/cluster/internal/keeper"); err != nil {
		return err
	}
	if err := c.claim(); err != nil {
		return err
	}
	c.network = c.newNetwork()
	if err := c.network.up(ctx, c); err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return err
	}
	nodes := make(chan error, 1)
	go func() { nodes <- c.startNodes(ctx) }()
	err = c.startControlPlane(ctx)
	if err := firstOf(err, <-nodes); err != nil {
		return err
	}
	if err := c.runNodes(ctx); err != nil {
		return err
	}
	if err := c.awaitAccounts(ctx, metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease); err != nil {
		return err
	}
	return c.AddFakeNodes(ctx, c.config.FakeNodes...)
}

// claim takes a slot and starts the keeper, which will clean it: from here on
// nothing that this process makes is lost.
func (c *Cluster) claim() error {
	var err error
	if c.slot, err = slot.Claim(); err != nil {
		return err
	}
	c.dir = c.slot.Dir
	for _, dir := range []string{"logs", "pki", "etcd"} {
		if err := os.MkdirAll(filepath.Join(c.dir, dir), 0o755); err != nil {
			return err
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	c.keeper = write
	c.cleaner, err = c.start(program{
		name: "keeper", path: c.keeperPath, args: []string{"clean", strconv.Itoa(c.slot.Number)},
		stdin: read, extra: []*os.File{c.slot.Lock()}, unmarked: true,
	})
	if err != nil {
		return err
	}
	c.slot.Forget()
	return nil
}

// prepare makes the certificates and the administrator's kubeconfig.
func (c *Cluster) prepare() error {
	var err error
	if c.ca, err = newAuthority("test-cluster"); err != nil {
		return err
	}
	hosts := append([]string{
		"kubernetes.default.svc", "kubernetes.default", "kubernetes", "kubernetes.default.svc.cluster.local",
		"localhost", "127.0.0.1", serviceIP,
	}, c.network.machine...)
	if err := c.writeCertificates(hosts); err != nil {
		return err
	}
	if c.admin, err = c.ca.client("kubernetes-admin", "system:masters"); err != nil {
		return err
	}
	if err := c.startBalancer(); err != nil {
		return err
	}
	c.Kubeconfig = filepath.Join(c.dir, "kubeconfig")
	if err := c.writeKubeconfig(c.Kubeconfig, c.endpoint, "kubernetes-admin", c.admin); err != nil {
		return err
	}
	c.client, err = kubernetes.NewForConfig(c.Config())
	return err
}

// Config is the administrator's client configuration.
func (c *Cluster) Config() *rest.Config { return c.restConfig(c.endpoint, c.admin) }

// Client is the administrator's client.
func (c *Cluster) Client() *kubernetes.Clientset { return c.client }

// Dir is the folder of the cluster, with the logs of its processes in logs/.
// It goes away with the cluster.
func (c *Cluster) Dir() string { return c.dir }

// Host is an address of this machine that API servers and pods can dial.
func (c *Cluster) Host() string { return c.network.host(0) }

// CA is the certificate of the cluster's authority, as PEM.
func (c *Cluster) CA() []byte { return c.ca.pem }

// ServingCertificate has the cluster's authority sign a certificate for a
// server. It returns certificate and key as PEM.
func (c *Cluster) ServingCertificate(hosts ...string) (cert, key []byte, err error) {
	p, err := c.ca.server(hosts...)
	return p.cert, p.key, err
}

// Stop ends the cluster and returns when nothing is left of it on this
// machine. It may be called more than once.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	if c.stopped || c.slot == nil {
		c.mu.Unlock()
		return nil
	}
	c.stopped = true
	processes, closers := c.processes, c.closers
	c.mu.Unlock()
	for _, stop := range closers {
		stop()
	}
	var wait sync.WaitGroup
	for _, p := range processes {
		if p != c.cleaner {
			wait.Go(p.stop)
		}
	}
	wait.Wait()
	c.saveLogs()
	return c.clean()
}

// clean lets the keeper do what it would do had this process been killed.
func (c *Cluster) clean() error {
	if c.cleaner == nil {
		return c.slot.Clean() // the keeper could not be started
	}
	c.keeper.Close()
	<-c.cleaner.done
	if c.cleaner.err != nil {
		_, err := slot.Sweep()
		return errors.Join(fmt.Errorf("clean up: %w", c.cleaner.err), err)
	}
	return nil
}

// saveLogs copies the logs into $KUBECTL_SIDECAR_TEST_LOGS, for the case that
// a test fails where nobody can look.
func (c *Cluster) saveLogs() {
	if dir := os.Getenv("KUBECTL_SIDECAR_TEST_LOGS"); dir != "" {
		_ = exec.Command("cp", "-r", filepath.Join(c.dir, "logs"), filepath.Join(dir, c.slot.Interface())).Run()
	}
}

// Clean removes what clusters left behind whose process and keeper were both
// killed, and says how many those were. Start does the same.
func Clean() (int, error) { return slot.Sweep() }
