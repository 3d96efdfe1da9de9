package collect

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// needProbe reports whether the gate has to be seen from outside: no API server told it, and the
// version of the one there is does not settle it.
func (c *collector) needProbe() bool {
	for _, s := range c.snapshot.APIServers {
		if s.Reading.Enabled == nil && !gate.Decides(s.Version, s.Emulation) {
			return true
		}
	}
	if len(c.snapshot.APIServers) > 0 {
		return false
	}
	v := c.snapshot.ServerVersion
	alone := c.snapshot.APIServerCount() == 1
	return v == nil || !alone || !gate.Decides(v.GitVersion, emulation(v.EmulationMajor, v.EmulationMinor))
}

// probe creates a PodTemplate with dryRun=All and looks whether restartPolicy comes back: the API
// server drops it when its gate is off. Webhooks for pods do not see it. Each try is a connection
// of its own, so several API servers have a chance to answer, but which one did is not known.
func (c *collector) probe(ctx context.Context) {
	right := probePodTemplates
	if c.opts.Namespace != "" {
		right = right.In(c.opts.Namespace)
	}
	if c.forbidden(ctx, right, facts.APIServerInstance(facts.PartGate)) {
		return
	}
	client, err := c.freshClient()
	if err != nil {
		c.gap(facts.APIServers, facts.APIServerInstance(facts.PartGate), err.Error(), facts.Do("see the kubeconfig"))
		return
	}
	tries := 1
	if n := c.snapshot.APIServerCount(); n != 1 {
		tries = max(4, 4*n)
	}
	kept, lost := 0, 0
	for range tries {
		ok, err := c.probeOnce(ctx, client, right.Namespace)
		switch {
		case err != nil:
			c.failed(ctx, right, facts.APIServerInstance(facts.PartGate), fmt.Errorf("probe with a PodTemplate: %w", err))
			c.addProbes(kept, lost)
			return
		case ok:
			kept++
		default:
			lost++
		}
	}
	c.addProbes(kept, lost)
}

// probeOnce reports whether the field was kept.
func (c *collector) probeOnce(ctx context.Context, httpClient *http.Client, namespace string) (bool, error) {
	ctx, cancel := c.reading(ctx)
	defer cancel()
	client, err := kubernetes.NewForConfigAndClient(c.config, httpClient)
	if err != nil {
		return false, err
	}
	got, err := client.CoreV1().PodTemplates(namespace).Create(ctx, probeTemplate(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return false, err
	}
	inits := got.Template.Spec.InitContainers
	return len(inits) == 1 && facts.RestartsAlways(&inits[0]), nil
}

// addProbes adds what the probes showed: one API server, or two kinds of them.
func (c *collector) addProbes(kept, lost int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, outcome := range []struct {
		enabled bool
		times   int
		back    string
	}{{true, kept, "Always"}, {false, lost, "nothing"}} {
		if outcome.times == 0 {
			continue
		}
		server := facts.APIServer{Reading: &facts.FeatureReading{
			Component: "kube-apiserver", Enabled: &outcome.enabled, Source: facts.SourceProbe,
			Evidence: fmt.Sprintf("PodTemplate with dryRun=All: initContainers[0].restartPolicy: sent Always, came back %s (%d of %d times)",
				outcome.back, outcome.times, kept+lost),
		}}
		if v := c.snapshot.ServerVersion; v != nil {
			server.Version, server.Emulation = v.GitVersion, emulation(v.EmulationMajor, v.EmulationMinor)
		}
		c.snapshot.APIServers = append(c.snapshot.APIServers, server)
	}
}

// probeTemplate passes Pod Security "restricted", so the server does not warn about it.
func probeTemplate() *corev1.PodTemplate {
	always, yes, no, user := corev1.ContainerRestartPolicyAlways, true, false, int64(65532)
	secure := &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, RunAsNonRoot: &yes, RunAsUser: &user,
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	return &corev1.PodTemplate{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "kubectl-sidecar-probe-"},
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "sidecar", Image: "probe.invalid/never-pulled", RestartPolicy: &always, SecurityContext: secure}},
			Containers:     []corev1.Container{{Name: "main", Image: "probe.invalid/never-pulled", SecurityContext: secure}},
		}},
	}
}
