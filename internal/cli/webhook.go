package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// newWebhook is the parent of what authors of webhooks need.
func newWebhook(name string, streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "For authors of mutating webhooks",
		Args:  subcommandOnly,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newWebhookTest(name, streams))
	return cmd
}

// webhookTest is what was typed.
type webhookTest struct {
	streams   genericiooptions.IOStreams
	cluster   *clusterFlags
	url       string
	ca        string
	insecure  bool
	inCluster string
	pod       string
	version   choice
	format    choice
}

func newWebhookTest(name string, streams genericiooptions.IOStreams) *cobra.Command {
	o := &webhookTest{
		streams: streams,
		version: choice{valid: []string{"v1", "v1beta1"}},
		format:  choice{valid: []string{"text", "json", "junit"}},
	}
	cmd := &cobra.Command{
		Use:   "test (--url URL | --in-cluster NAME)",
		Short: "Test what a mutating webhook does to pods with native sidecars",
		Long: `Send AdmissionReviews (dryRun: true) with pods that use native sidecars and other
newer fields to a webhook, for creates and updates, and report what it strips,
moves, reorders or breaks, with the operations of its patch. With --in-cluster a
webhook is sent what its rules have: one that never sees pods is not tested.

Exit code: 0 all pods came through unharmed; 3 some did not; 1 the webhook could
not be asked; 2 wrong command line.`,
		Example: examples(name,
			"a webhook on this machine", "webhook test --url https://localhost:8443/mutate --insecure",
			"in a pipeline", "webhook test --url https://localhost:8443/mutate --ca ca.crt -o junit",
			"all webhooks of an installed configuration", "webhook test --in-cluster my-webhook"),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	own := cmd.Flags()
	own.StringVar(&o.url, "url", "", "`URL` of the webhook, as in clientConfig.url")
	own.StringVar(&o.ca, "ca", "", "`file` with the CAs that signed its certificate (PEM); default: the system's")
	own.BoolVar(&o.insecure, "insecure", false, "Do not check its certificate")
	own.StringVar(&o.inCluster, "in-cluster", "", "`name` of a MutatingWebhookConfiguration whose webhooks are tested where they run")
	own.StringVar(&o.pod, "pod", "", "`file` with a pod of your own to test as well")
	addChoice(cmd, &o.version, "review-version", "", "Version of AdmissionReview to send to --url")
	addChoice(cmd, &o.format, "output", "o", "Output format")
	o.cluster = newWhyClusterFlags(cmd)
	o.cluster.addAskHosts(own)
	o.cluster.completeFlag(cmd, "in-cluster", "mutatingwebhookconfigurations")
	return cmd
}

func (o *webhookTest) check() error {
	const hint = "give --url URL, or --in-cluster NAME"
	switch {
	case o.url == "" && o.inCluster == "":
		return usage(hint, "which webhook?")
	case o.url != "" && o.inCluster != "":
		return usage(hint, "--url and --in-cluster exclude each other")
	case o.inCluster != "" && (o.ca != "" || o.insecure):
		return usage("leave out --ca and --insecure", "in a cluster the webhook is called as its configuration says")
	case o.ca != "" && o.insecure:
		return usage("leave one out", "--ca and --insecure exclude each other")
	}
	return o.cluster.check()
}

// hintFor is what to try when a webhook could not be asked.
func hintOfServing(err error) string {
	if errors.Is(err, collect.ErrElsewhere) {
		return "it may well answer the API server: run this there, with --url"
	}
	return "is it running, and is the path right?"
}

// A tested is one webhook with its results.
type tested struct {
	Webhook string `json:"webhook"`
	// NotTested is why it was not asked anything: an API server would not either.
	NotTested string                  `json:"notTested,omitempty"`
	Results   []admission.ProbeResult `json:"results"`
}

// probesFor are those that an API server could send to a webhook, by its rules.
func probesFor(w collect.Installed, all []admission.Probe) []admission.Probe {
	return slices.DeleteFunc(slices.Clone(all), func(p admission.Probe) bool {
		return p.Old == nil && !w.Creates || p.Old != nil && !w.Updates
	})
}

const notForPods = "its rules have neither the creation nor the update of pods"

func (o *webhookTest) run(ctx context.Context) error {
	if err := o.check(); err != nil {
		return err
	}
	pod, err := o.ownPod()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.cluster.timeout)
	defer cancel()
	webhooks, ledger, err := o.webhooks(ctx)
	if o.cluster.showRequests && ledger != nil {
		defer func() { printRequests(o.streams.ErrOut, ledger.Requests()) }()
	}
	if err != nil {
		return err
	}
	namespace := "default"
	if *o.cluster.kube.Namespace != "" {
		namespace = *o.cluster.kube.Namespace
	}
	var all []tested
	problems, asked := 0, 0
	for _, w := range webhooks {
		t := tested{Webhook: w.Name, Results: []admission.ProbeResult{}}
		for _, p := range probesFor(w, admission.Probes(namespace, pod)) {
			r, err := p.Run(ctx, w.Ask, w.Version)
			if err != nil {
				return couldNotRun(hintOfServing(err), fmt.Errorf("asking %s: %w", w.Name, err))
			}
			problems += len(r.Problems)
			t.Results = append(t.Results, r)
		}
		if len(t.Results) == 0 {
			t.NotTested = notForPods
		}
		asked += len(t.Results)
		all = append(all, t)
	}
	if asked == 0 {
		return couldNotRun("what it does to templates of workloads: kubectl sidecar doctor --checks template-strips-restart-policy",
			fmt.Errorf("no webhook of %s is called for pods: %s", o.inCluster, notForPods))
	}
	if err := o.print(all); err != nil {
		return err
	}
	if problems > 0 {
		return exit(report.ExitFindings)
	}
	return nil
}

func (o *webhookTest) ownPod() (*corev1.Pod, error) {
	if o.pod == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.pod)
	if err != nil {
		return nil, couldNotRun("", err)
	}
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict(text, &pod); err != nil {
		return nil, couldNotRun("give a file with one pod", fmt.Errorf("%s: %w", o.pod, err))
	}
	if pod.Kind != "Pod" {
		return nil, couldNotRun("give a file with one pod", fmt.Errorf("%s: kind is %q, not Pod", o.pod, pod.Kind))
	}
	return &pod, nil
}

func (o *webhookTest) webhooks(ctx context.Context) ([]collect.Installed, *collect.Ledger, error) {
	if o.inCluster != "" {
		config, err := o.cluster.config()
		if err != nil {
			return nil, nil, err
		}
		options := collect.Options{
			Config: config, RequestTimeout: o.cluster.requestTimeout, QPS: o.cluster.qps, Tool: buildVersion().Version,
			AskHosts: o.cluster.askHosts,
		}
		return collect.Webhooks(ctx, options, o.inCluster)
	}
	var ca []byte
	if o.ca != "" {
		var err error
		if ca, err = os.ReadFile(o.ca); err != nil {
			return nil, nil, couldNotRun("the CAs of an installed one: kubectl get mutatingwebhookconfiguration NAME -o jsonpath='{.webhooks[0].clientConfig.caBundle}' | base64 -d > FILE",
				fmt.Errorf("reading %s: %w", o.ca, cause(err)))
		}
	}
	const patience = 10 * time.Second // an API server's default
	ask, ledger, err := collect.AtURL(o.url, ca, o.insecure, patience, buildVersion().Version)
	if err != nil {
		return nil, nil, couldNotRun("", err)
	}
	return []collect.Installed{{Name: facts.RedactURL(o.url), Version: o.version.value, Creates: true, Updates: true, Ask: ask}}, ledger, nil
}

func (o *webhookTest) print(all []tested) error {
	var out bytes.Buffer
	switch o.format.value {
	case "json":
		enc := json.NewEncoder(&out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(struct {
			APIVersion string   `json:"apiVersion"`
			Kind       string   `json:"kind"`
			Webhooks   []tested `json:"webhooks"`
		}{facts.APIVersion, "WebhookTest", all}); err != nil {
			return err
		}
	case "junit":
		if err := junitTests(&out, all); err != nil {
			return err
		}
	default:
		testText(&out, all)
	}
	return writeTo(o.streams.Out, out.Bytes())
}
