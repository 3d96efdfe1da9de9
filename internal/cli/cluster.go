package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credential plugins of kubeconfigs
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// clusterFlags is how to reach a cluster and how much to ask it.
type clusterFlags struct {
	kube         *genericclioptions.ConfigFlags
	selector     string
	scrape       choice
	concurrency  int
	maxCanaries  int
	qps          float32
	timeout      time.Duration
	askURLs      bool
	askHosts     []string
	controllers  bool
	showRequests bool
	kubelets     kubeletFlags

	requestTimeout time.Duration // of kube.Timeout, once checked
	// member, if set, is the context of the one of several clusters that this is about.
	member clientcmd.ClientConfig
	// handover, if set, is given the workloads that canaries need.
	handover *collect.Handover

	// workloads are the only ones that canaries are sent for, and until is when that has to be over; zero for all.
	workloads []*workload.Workload
	until     time.Time
}

func newClusterFlags(cmd *cobra.Command) *clusterFlags {
	c := &clusterFlags{
		scrape: choice{valid: []string{string(collect.ScrapeAuto), string(collect.ScrapeAll), string(collect.ScrapeNone)}},
	}
	own := cmd.Flags()
	own.StringVarP(&c.selector, "selector", "l", "", "Send canaries only to namespaces whose `labels` match, such as team=a")
	addChoice(cmd, &c.scrape, "scrape", "", "Which kubelets to ask for their gate: auto asks those whose version does not decide")
	c.kubelets.add(cmd)
	own.IntVar(&c.concurrency, "concurrency", collect.DefaultConcurrency, "How many kubelets to ask at once")
	c.addQPS(own)
	c.addAskURLs(own)
	own.IntVar(&c.maxCanaries, "max-canaries", collect.DefaultMaxCanaries, "Create at most this many pods with dryRun=All: one for each class of namespaces and each shape of pods")
	c.addControllers(own)
	own.DurationVar(&c.timeout, "timeout", collect.DefaultTimeout, "How `long` the run may take; what was not read by then is unknown")
	own.BoolVar(&c.showRequests, "show-requests", false, "List every request that was sent, on stderr")
	c.addKubeconfigFlags(cmd, map[string]string{
		"namespace":       "Send canaries only to this `namespace`",
		"request-timeout": "How `long` to wait for one kubelet; lists and dry runs get four times as long",
	})
	return c
}

// addKubeconfigFlags adds the flags of every kubectl command, after the command's own. Those in mine
// mean something to the command itself: they are listed among its own, with that help.
func (c *clusterFlags) addKubeconfigFlags(cmd *cobra.Command, mine map[string]string) {
	c.kube = genericclioptions.NewConfigFlags(true)
	*c.kube.Timeout = collect.DefaultRequestTimeout.String()
	kubeconfig := pflag.NewFlagSet("kubeconfig", pflag.ContinueOnError)
	c.kube.AddFlags(kubeconfig)
	kubeconfig.VisitAll(func(f *pflag.Flag) {
		if help, own := mine[f.Name]; own {
			f.Usage = help
			return
		}
		f.Annotations = map[string][]string{ofKubectl: {"true"}}
	})
	cmd.Flags().AddFlagSet(kubeconfig)
	c.completeKubeconfig(cmd)
}

func (c *clusterFlags) addQPS(flags *pflag.FlagSet) {
	flags.Float32Var(&c.qps, "qps", 0, "How many requests to send per second at most; 0 is as fast as they are answered")
}

func (c *clusterFlags) addAskURLs(flags *pflag.FlagSet) {
	flags.BoolVar(&c.askURLs, "ask-urls", true, "Ask a webhook at a URL, too, if its host is public, what it did to a canary that came back changed: a connection that does not go to the API server")
	c.addAskHosts(flags)
}

func (c *clusterFlags) addControllers(flags *pflag.FlagSet) {
	flags.BoolVar(&c.controllers, "as-controllers", true, "Send the canaries of workloads as the controllers that create their pods, where you may impersonate those: dry runs only")
}

func (c *clusterFlags) addAskHosts(flags *pflag.FlagSet) {
	flags.StringArrayVar(&c.askHosts, "ask-url", nil, "Ask webhooks at URLs with this `host`, too, public or not; repeatable")
}

// check refuses values that no cluster is needed to judge.
func (c *clusterFlags) check() error {
	if c.concurrency < 1 {
		return usage("the default is fine for most clusters", "--concurrency: %d is not a positive number", c.concurrency)
	}
	if !(c.qps >= 0 && c.qps <= math.MaxInt32) { // not so for NaN
		return usage("for example --qps 50; 0 is no limit", "--qps: %v is not a number of requests per second", c.qps)
	}
	if err := c.checkTimeout(); err != nil {
		return err
	}
	if _, err := labels.Parse(c.selector); err != nil {
		return usage("for example -l team=a", "--selector: %w", err)
	}
	if err := c.kubelets.check(c.kube); err != nil {
		return err
	}
	for _, host := range c.askHosts {
		if host == "" || strings.ContainsAny(host, "/@ ") {
			return usage("for example --ask-url hooks.example.com", "--ask-url: %q is not a host", host)
		}
	}
	d, err := clientcmd.ParseTimeout(*c.kube.Timeout)
	if err != nil || d < 0 {
		return usage("for example --request-timeout 10s", "--request-timeout: %q is not a duration", *c.kube.Timeout)
	}
	if d == 0 {
		d = c.timeout // kubectl's "no limit": the run still has one
	}
	c.requestTimeout = d
	// In a pod there is no kubeconfig, but a service account. A timeout would make the empty
	// configuration look like one that somebody wrote, which is not looked beyond.
	*c.kube.Timeout = "0"
	return nil
}

// checkTimeout refuses a run without time.
func (c *clusterFlags) checkTimeout() error {
	if c.timeout <= 0 {
		return usage("for example --timeout 5m", "--timeout: %v is not a positive duration", c.timeout)
	}
	return nil
}

// collect reads kinds from the cluster. What a cancelled ctx left undone is a gap.
func (c *clusterFlags) collect(ctx context.Context, streams genericiooptions.IOStreams, kinds []facts.Kind) (*facts.Snapshot, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	authorities, err := c.kubelets.authorities()
	if err != nil {
		return nil, err
	}
	progress := startProgress(streams.ErrOut)
	defer progress.stop()
	snapshot, ledger, err := collect.Run(ctx, collect.Options{
		Config: config, Kinds: kinds, Scrape: collect.ScrapeMode(c.scrape.value), Concurrency: c.concurrency,
		MaxCanaries: c.maxCanaries, QPS: c.qps, NoURLs: !c.askURLs, AskHosts: c.askHosts, NoImpersonation: !c.controllers,
		Kubelets: collect.KubeletWay(c.kubelets.way.value), KubeletCA: authorities, InsecureKubelets: c.kubelets.insecure,
		Timeout: c.timeout, RequestTimeout: c.requestTimeout,
		Namespace: *c.kube.Namespace, Selector: c.selector, Handover: c.handover, Workloads: c.workloads, Until: c.until,
		Progress: progress.step, Tool: buildVersion().Version,
	})
	progress.stop()
	if c.showRequests {
		printRequests(streams.ErrOut, ledger.Requests())
	}
	if err != nil && ctx.Err() != nil {
		return nil, &failure{err: errors.New("interrupted before anything was read"), code: exitInterrupted}
	}
	return snapshot, err
}

// config is the client configuration of the kubeconfig and the flags.
func (c *clusterFlags) config() (*rest.Config, error) {
	if c.member != nil {
		return c.memberConfig()
	}
	loader := c.loader()
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, couldNotRun("check --kubeconfig and KUBECONFIG", fmt.Errorf("reading the kubeconfig: %w", err))
	}
	if name := *c.kube.Context; name != "" && raw.Contexts[name] == nil {
		return nil, couldNotRun(didYouMean(name, slices.Sorted(maps.Keys(raw.Contexts))),
			fmt.Errorf("the kubeconfig has no context %q", name))
	}
	if err := c.noContext(&raw); err != nil {
		return nil, err
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, couldNotRun("see what is used: kubectl config view --minify", fmt.Errorf("reading the kubeconfig: %w", err))
	}
	if len(raw.Clusters) == 0 && *c.kube.APIServer == "" && config.Host == defaultHost {
		return nil, couldNotRun("set KUBECONFIG, or use --kubeconfig or --server; or look at a file: -f FILE",
			errors.New("no cluster is configured"+absentFiles(os.Getenv(clientcmd.RecommendedConfigPathEnvVar))))
	}
	config.Timeout = 0 // collect gives every request a deadline of its own
	return config, nil
}

// defaultHost is where kubectl looks when nothing is configured.
const defaultHost = "http://localhost:8080"

// printRequests prints the ledger: the promise to only read can be checked.
func printRequests(out io.Writer, requests []collect.Request) {
	var b strings.Builder
	for _, r := range requests {
		answer := fmt.Sprint(r.Status)
		if r.Status == 0 {
			answer = facts.RedactText(r.Err)
		}
		fmt.Fprintf(&b, "%s %s%s -> %s (%d bytes, %v)\n", r.Method, r.Server, r.URL, answer, r.Bytes, r.Duration.Round(time.Millisecond))
	}
	fmt.Fprintf(&b, "%d requests\n", len(requests))
	fmt.Fprint(out, b.String())
}
