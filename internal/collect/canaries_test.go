package collect_test

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// A scene is a namespace with webhooks of its own; all scenes stand in one cluster, so that each is a
// class.
type scene struct {
	namespace string
	// webhooks are the paths of package webhook, in call order; "real" is test/webhooks/strip.
	webhooks []string
	change   func(*cluster.Webhook)
	accounts []corev1.ServiceAccount
}

var scenes = []scene{
	{namespace: "annotate", webhooks: []string{"/annotate"}},
	{namespace: "bad-ca", webhooks: []string{"bad-ca"}},
	{namespace: "bad-patch", webhooks: []string{"/bad-patch"}},
	{namespace: "deny", webhooks: []string{"/deny"}},
	{namespace: "garbage", webhooks: []string{"/garbage"}},
	{namespace: "hang", webhooks: []string{"/hang"}},
	{namespace: "html", webhooks: []string{"/html"}},
	{namespace: "huge", webhooks: []string{"/huge"}},
	{namespace: "move", webhooks: []string{"/annotate", "/move"}},
	{namespace: "real", webhooks: []string{"/annotate", "real"}},
	{namespace: "reinvoked", webhooks: []string{"/strip", "/inject"}, change: func(w *cluster.Webhook) {
		w.Reinvocation = admissionregistrationv1.IfNeededReinvocationPolicy
	}},
	{namespace: "remove", webhooks: []string{"/remove", "/annotate"}},
	{namespace: "strip-then-inject", webhooks: []string{"/strip", "/inject"}},
	{namespace: "two", webhooks: []string{"/strip", "/annotate", "/strip"}},
	{namespace: "unannotated", webhooks: []string{"/annotate", "real/service-accounts/uploader"}},
	{namespace: "uploads", webhooks: []string{"/annotate", "real/service-accounts/uploader"}, accounts: []corev1.ServiceAccount{{
		ObjectMeta: metav1.ObjectMeta{Name: "uploader", Annotations: map[string]string{"example.com/role": "arn:secret"}},
	}}},
	{namespace: "wrong-uid", webhooks: []string{"/wrong-uid"}},
}

// stage starts a cluster with all scenes.
func stage(t *testing.T, version string) *cluster.Cluster {
	t.Helper()
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
	server, err := c.ServeWebhooks()
	if err != nil {
		t.Fatal(err)
	}
	real, err := c.StripWebhook(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenes {
		set(t, c, s, server, real)
	}
	return c
}

func set(t *testing.T, c *cluster.Cluster, s scene, server, real *cluster.WebhookServer) {
	t.Helper()
	ctx := t.Context()
	if _, err := c.Client().CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for i := range s.accounts {
		if _, err := c.Client().CoreV1().ServiceAccounts(s.namespace).Create(ctx, &s.accounts[i], metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for i, path := range s.webhooks {
		w := cluster.Webhook{
			Configuration: fmt.Sprintf("%s-%d", s.namespace, i+1), Timeout: 30 * time.Second,
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.namespace}},
		}
		switch rest, isReal := strings.CutPrefix(path, "real"); {
		case isReal:
			w.Client = real.Client("/strip" + rest)
		case path == "bad-ca":
			w.Client = server.BadCA("/annotate")
		default:
			w.Client = server.Client(path)
		}
		if path == "/hang" {
			w.Timeout = time.Second
		}
		if s.change != nil {
			s.change(&w)
		}
		if _, err := c.InstallWebhook(ctx, w); err != nil {
			t.Fatal(err)
		}
	}
}

// digest is what the admission checks say, in lines: "check: object: message", and the scopes of what
// is missing.
func digest(snapshot *facts.Snapshot) []string {
	var out []string
	for _, r := range clusterchecks.Judge(snapshot, nil).Results {
		if r.Check.Category != checks.Admission {
			continue
		}
		out = append(out, fmt.Sprintf("%s: %s", r.Check.ID, r.Status()))
		for _, f := range r.Outcome.Findings {
			out = append(out, fmt.Sprintf("  %s %s: %s", f.Object.Kind, f.Object.Name, f.Message))
			for _, e := range f.Evidence {
				if strings.HasPrefix(e, "called directly") || strings.HasPrefix(e, "proven by") || strings.HasPrefix(e, "one of") || strings.HasPrefix(e, "nobody else") {
					out = append(out, "    "+e)
				}
			}
		}
		var missing []string
		for _, g := range r.Outcome.Missing {
			missing = append(missing, g.Scope)
		}
		if len(missing) > 0 {
			out = append(out, "  missing: "+strings.Join(missing, ", "))
		}
	}
	return out
}

// golden compares lines with a file of testdata; -golden writes it. Read what it writes.
// golden compares with a file, whose first line is what it shows.
func golden(t *testing.T, name, shows string, got []string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	text := "# " + shows + "\n" + strings.Join(got, "\n") + "\n"
	if *writeGolden {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

var writeGolden = flag.Bool("golden", false, "rewrite the golden files of the canaries")

// run names the host at which the webhooks of test clusters are, which is not public.
func run(t *testing.T, o collect.Options) (*facts.Snapshot, *collect.Ledger) {
	t.Helper()
	if u, err := url.Parse(o.Config.Host); err == nil && o.AskHosts == nil && !o.NoURLs {
		o.AskHosts = []string{u.Hostname()}
	}
	snapshot, ledger, err := collect.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot, ledger
}

func TestCanariesOnRealAPIServers(t *testing.T) {
	for _, version := range []string{"1.32", "1.36"} {
		t.Run(version, func(t *testing.T) {
			c := stage(t, version)
			snapshot, ledger := run(t, collect.Options{Config: c.Config(), Timeout: 3 * time.Minute, RequestTimeout: time.Minute})
			golden(t, "scenes-"+version, "one namespace for each thing that webhooks do to pods, on an API server "+version+": what the admission checks say", digest(snapshot))
			for _, r := range ledger.Requests() {
				if review := r.Method == "POST" && strings.HasPrefix(r.Server, "https://"+c.Host()+":"); !review && r.Method != "GET" && !strings.Contains(r.URL, "selfsubjectaccessreviews") && !strings.Contains(r.URL, "dryRun=All") {
					t.Errorf("unexpected request %s %s", r.Method, r.URL)
				}
			}
			if text, err := yaml.Marshal(snapshot); err != nil || strings.Contains(string(text), "arn:secret") {
				t.Errorf("the snapshot holds the value of an annotation (%v)", err)
			}
		})
	}
}
