package rights

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// asking is every command that asks a cluster, in its modes. The host of the webhooks at URLs is named, where
// nothing else is said.
var asking = []string{
	"doctor", "doctor -o json --scrape all", "doctor --scrape none -n shop", "doctor -l outside=yes --max-canaries 1", "doctor --ask-urls=false",
	"doctor --ask-url elsewhere.example", "doctor --kubelets direct", "snapshot --kubelets auto",
	"doctor --checks kubelet-gate-off,crd-prunes-restart-policy", "doctor --wait 1s --wait-interval 1s --checks node-version-skew",
	"snapshot", "webhooks", "webhooks -o json -n shop", "baseline --checks webhook-strips-restart-policy",
	"webhook test --in-cluster strips", "webhook test --in-cluster strips-at-url -o junit", "webhook test --in-cluster nobody",
	"why web-5c689d88bb-00 -n shop", "why deploy/web -n shop -o svg", "why cronjob/backup ds/agent sts/db -n shop", "why -l app=web -n shop --logs",
	"why -A -o json", "why -A --logs", "why well -n shop", "why gone-5c689d88bb-x7k2p -n shop", "why foos.example.com/x -n shop", "why stripped -n shop",
	"plan -A -o json", "plan deploy/web -n shop", "lint -o json", "convert deploy/web -n shop",
}

// completing is what a shell asks for; it has no place for --show-requests.
var completing = []string{"__complete why -n shop deploy/", "__complete why --namespace sh", "__complete plan -n shop deploy/", "__complete doctor --context "}

// alone is every command that asks nobody.
var alone = []string{
	"version", "version -o json", "explain", "explain kubelet-gate-off", "rbac", "rbac --explain", "completion bash", "options", "help doctor",
	"doctor -f SNAPSHOT", "why -A -f SNAPSHOT", "webhooks -f SNAPSHOT", "diff SNAPSHOT SNAPSHOT",
	"doctor --no-such-flag", "doctor --context nobody",
}

// TestReadOnly runs every command as an administrator and as somebody who may nothing, and holds what it
// says that it sent against what the API servers, the webhooks and the kernel saw.
func TestReadOnly(t *testing.T) {
	w := newWorld(t)
	w.stripped(t)
	nobody := w.user(t, "nobody-at-all", nil)
	before, made := w.objects(t), [2]int{len(w.service.Handler.Requests()), len(w.url.Handler.Requests())}
	snapshot := filepath.Join(t.TempDir(), "snapshot.yaml")
	if r := plugin.Run(t, w.Kubeconfig, "snapshot", "-o", snapshot); r.Exit != 0 {
		t.Fatalf("exit %d\n%s", r.Exit, r.Stderr)
	}
	asked := 0
	for _, line := range asking {
		for who, kubeconfig := range map[string]string{"administrator": w.Kubeconfig, "nobody": nobody} {
			args := append(strings.Fields(line), "--show-requests")
			if !strings.Contains(line, "--ask-url") {
				args = append(args, plugin.AskURL(kubeconfig, args)...)
			}
			t.Run(who+"/"+line, func(t *testing.T) { asked += w.asks(t, kubeconfig, args) })
		}
	}
	for _, line := range completing {
		t.Run(line, func(t *testing.T) { asked += w.asks(t, w.Kubeconfig, strings.Split(line, " ")) })
	}
	for _, line := range alone {
		t.Run(line, func(t *testing.T) {
			if _, got := w.traced(t, w.Kubeconfig, strings.Fields(strings.ReplaceAll(line, "SNAPSHOT", snapshot))); len(got) > 0 {
				t.Errorf("it is connected to %v", got)
			}
		})
	}
	if diff := cmp.Diff(before, w.objects(t)); diff != "" {
		t.Errorf("objects: -before +after\n%s", diff)
	}
	for _, r := range slices.Concat(w.service.Handler.Requests()[made[0]:], w.url.Handler.Requests()[made[1]:]) {
		if !r.DryRun {
			t.Errorf("%s was not told of the dry run", r.Path)
		}
	}
	fmt.Printf("sweep: %d requests of %d runs in the audit logs\n", asked, 2*len(asking)+len(completing))
	if asked < 1000 {
		t.Errorf("only %d requests in the audit logs", asked)
	}
}

// line is a request as --show-requests lists it.
var line = regexp.MustCompile(`(?m)^([A-Z]+) (\S+) -> `)

// asks runs a command and compares its ledger with the audit log and with what the kernel saw.
func (w *world) asks(t *testing.T, kubeconfig string, args []string) int {
	t.Helper()
	start := w.mark(t)
	r, peers := w.traced(t, kubeconfig, args)
	var audited []string
	for _, e := range w.mark(t).since(t, start) {
		if why := harm(e); why != "" {
			t.Errorf("%s %s: %s", e.Verb, e.RequestURI, why)
		}
		audited = append(audited, method(e)+" "+e.RequestURI)
	}
	var ledger, outside []string
	for _, m := range line.FindAllStringSubmatch(r.Stderr, -1) {
		if request := m[1] + " " + m[2]; strings.HasPrefix(m[2], "/api") || strings.HasPrefix(m[2], "/metrics") || strings.HasPrefix(m[2], "/version") {
			ledger = append(ledger, request)
		} else {
			outside = append(outside, request)
		}
	}
	slices.Sort(audited)
	slices.Sort(ledger)
	if diff := cmp.Diff(ledger, audited); diff != "" && args[0] != "__complete" {
		t.Errorf("requests: -listed +audited\n%s\n%s", diff, r.Stderr)
	}
	if (slices.Contains(args, "--ask-urls=false") || slices.Contains(args, "elsewhere.example")) && len(outside) > 0 {
		t.Errorf("asked at a host that is neither public nor named: %v", outside)
	}
	if direct := strings.Contains(strings.Join(outside, " "), "GET https://"); direct != (slices.Contains(args, "direct") && kubeconfig == w.Kubeconfig) {
		t.Errorf("kubelets were asked at their own addresses: %t", direct)
	}
	if args[0] == "doctor" && args[1] == "--show-requests" && kubeconfig == w.Kubeconfig && len(outside) == 0 {
		t.Error("no webhook at a URL was asked, though its host was named")
	}
	w.onlyKnown(t, peers, outside)
	return len(audited)
}

// onlyKnown wants no connection but to the API servers' address, and to those of webhooks at URLs and of kubelets
// when those were asked.
func (w *world) onlyKnown(t *testing.T, peers, outside []string) {
	t.Helper()
	server, err := url.Parse(w.Config().Host)
	check(t, err)
	hooks, err := url.Parse(*w.url.Client("/").URL)
	check(t, err)
	known := map[string]string{"POST https://" + hooks.Host + "/REDACTED": hooks.Host}
	nodes, err := w.Client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	check(t, err)
	for _, n := range nodes.Items {
		at := fmt.Sprintf("%s:%d", n.Status.Addresses[0].Address, n.Status.DaemonEndpoints.KubeletEndpoint.Port)
		known["GET https://"+at+"/metrics"], known["GET https://"+at+"/configz"] = at, at
	}
	asked := []string{server.Host}
	for _, request := range outside {
		if known[request] == "" {
			t.Errorf("%s is neither a request to the API server nor a review nor the page of a kubelet", request)
		}
		asked = append(asked, known[request])
	}
	for _, peer := range peers {
		if !slices.Contains(asked, peer) {
			t.Errorf("connected to %s; asked were %v", peer, asked)
		}
	}
}

// method is the verb of HTTP that an audited request had.
func method(e auditv1.Event) string {
	switch e.Verb {
	case "get", "list":
		return "GET"
	case "create":
		return "POST"
	case "patch":
		return "PATCH"
	}
	return "?" + e.Verb
}

// dryRun is what may be created and patched with dryRun=All.
var dryRun = []string{
	"pods", "podtemplates", "replicationcontrollers", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs",
}

// harm says what a request could have done, or "".
func harm(e auditv1.Event) string {
	u, err := url.ParseRequestURI(e.RequestURI)
	if err != nil {
		return err.Error()
	}
	if e.ObjectRef == nil {
		if e.Verb != "get" {
			return "not a read"
		}
		return ""
	}
	what := strings.TrimSuffix(e.ObjectRef.Resource+"/"+e.ObjectRef.Subresource, "/")
	switch {
	case what == "nodes/proxy" && e.Verb == "get" && (strings.HasSuffix(u.Path, "/proxy/metrics") || strings.HasSuffix(u.Path, "/proxy/configz")):
	case strings.HasSuffix(what, "/proxy") && what != "services/proxy", slices.Contains([]string{"exec", "attach", "portforward"}, e.ObjectRef.Subresource):
		return "more than a read"
	case e.Verb == "get", e.Verb == "list":
	case e.Verb == "patch" && slices.Contains(dryRun, what) && cmp.Equal(u.Query()["dryRun"], []string{"All"}):
	case e.Verb != "create":
		return "a write"
	case e.ObjectRef.APIGroup == "authorization.k8s.io" && what == "selfsubjectaccessreviews":
	case what == "services/proxy": // the webhook tells whether it was a dry run
	case slices.Contains(dryRun, what) && cmp.Equal(u.Query()["dryRun"], []string{"All"}):
	default:
		return "a create that is no dry run"
	}
	return ""
}

// A moment is how many events each audit log had.
type moment [][]auditv1.Event

func (w *world) mark(t *testing.T) moment {
	t.Helper()
	var out moment
	for _, server := range w.APIServers {
		events, err := server.AuditEvents()
		check(t, err)
		out = append(out, events)
	}
	return out
}

// since are the plugin's events after another moment.
func (m moment) since(t *testing.T, start moment) []auditv1.Event {
	t.Helper()
	var out []auditv1.Event
	for i := range m {
		for _, e := range m[i][len(start[i]):] {
			if strings.HasPrefix(e.UserAgent, "kubectl-sidecar/") && !(e.Stage == auditv1.StageResponseComplete && streamed(e)) {
				out = append(out, e)
			}
		}
	}
	return out
}

// streamed reports whether an answer is one whose beginning and end are events of their own.
func streamed(e auditv1.Event) bool {
	return e.ObjectRef != nil && (e.ObjectRef.Subresource == "proxy" || e.ObjectRef.Subresource == "log")
}

// traced runs the plugin under strace, and returns where it was connected to.
func (w *world) traced(t *testing.T, kubeconfig string, args []string) (plugin.Ran, []string) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	r := plugin.Launch(t, kubeconfig, "strace", append([]string{"-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", trace, plugin.Path()}, args...)...)
	text, err := os.ReadFile(trace)
	check(t, err)
	return r, peers(string(text))
}

// address is one that a system call was told to go to: that of a machine, or of a socket file.
var address = regexp.MustCompile(`sin6?_port=htons\((\d+)\).*?(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)"|sa_family=AF_UNIX, sun_path=@?"([^"]+)"`)

func peers(trace string) []string {
	var out []string
	for _, m := range address.FindAllStringSubmatch(trace, -1) {
		peer := m[2] + ":" + m[1]
		if m[3] != "" {
			peer = m[3]
		}
		if !slices.Contains(out, peer) {
			out = append(out, peer)
		}
	}
	return out
}

// ofAPIServers are objects that the API servers write themselves, when one of them is late to say that it is there.
var ofAPIServers = []string{"endpoints default/kubernetes", "endpointslices default/kubernetes"}

// objects is the resourceVersion of everything that can be listed, but for what API servers write about
// themselves.
func (w *world) objects(t *testing.T) map[string]string {
	t.Helper()
	lists, err := discovery.ServerPreferredResources(w.Client().Discovery())
	check(t, err)
	client, err := metadata.NewForConfig(w.Config())
	check(t, err)
	out := map[string]string{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		check(t, err)
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") || r.Name == "leases" || r.Name == "componentstatuses" {
				continue
			}
			found, err := client.Resource(gv.WithResource(r.Name)).List(t.Context(), metav1.ListOptions{})
			check(t, err)
			check(t, meta.EachListItem(found, func(o runtime.Object) error {
				m, err := meta.Accessor(o)
				if name := r.Name + " " + m.GetNamespace() + "/" + m.GetName(); err == nil && !slices.Contains(ofAPIServers, name) {
					out[name] = m.GetResourceVersion()
				}
				return err
			}))
		}
	}
	if len(out) < 100 {
		text, _ := json.Marshal(out)
		t.Fatalf("only %d objects: %s", len(out), text)
	}
	return out
}
