package collect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A process is one API server behind the address of a fakeAPI.
type process struct {
	header, started, version, gate string
	emulation                      string
}

// behind lets the processes answer in turn, as a load balancer would, each new connection the next.
func (f *fakeAPI) behind(leases int, endpoints []string, processes ...process) *atomic.Int32 {
	var items []any
	for i := range leases {
		items = append(items, map[string]any{
			"metadata": map[string]any{"name": fmt.Sprintf("apiserver-%d", i), "labels": map[string]string{"apiserver.kubernetes.io/identity": "kube-apiserver"},
				"annotations": map[string]string{facts.PeerAddressAnnotation: fmt.Sprintf("10.0.0.%d:6443", i+1)}},
			"spec": map[string]any{"renewTime": "2026-01-02T03:04:05.000000Z"},
		})
	}
	f.handlers["GET /apis/coordination.k8s.io/v1/namespaces/kube-system/leases"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"items": items})
	}
	var addresses []any
	for _, e := range endpoints {
		addresses = append(addresses, map[string]any{"addresses": []string{e}})
	}
	f.handlers["GET /apis/discovery.k8s.io/v1/namespaces/default/endpointslices"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"items": []any{map[string]any{"ports": []any{map[string]any{"port": 6443}}, "endpoints": addresses}}})
	}
	connections := &atomic.Int32{}
	f.handlers["GET /metrics"] = func(w http.ResponseWriter, r *http.Request) {
		p := processes[int(connections.Add(1)-1)%len(processes)]
		if p.header != "" {
			w.Header().Set("Process-Start-Time-Unix", p.header)
		}
		text := apiServerPage(p.version, p.started, p.gate)
		if p.emulation != "" {
			text = strings.Replace(text, "# TYPE workqueue", fmt.Sprintf("# TYPE version_info gauge\nversion_info{binary=\"x\",component=\"kube\",emulation=%q} 1\n# TYPE workqueue", p.emulation), 1)
		}
		page(w, text)
	}
	return connections
}

const gateOn, gateOff = `kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 1`, `kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 0`

func apiServer(started, version string, enabled *bool, evidence string) facts.APIServer {
	r := &facts.FeatureReading{Component: "kube-apiserver", Enabled: enabled, Source: facts.SourceMetrics, Evidence: evidence}
	if enabled != nil {
		r.Stage = "BETA"
	}
	return facts.APIServer{Started: started, Version: version, Reading: r}
}

func TestAPIServers(t *testing.T) {
	a := process{header: "1700000001", started: "1700000001.25", version: "v1.30.1", gate: gateOn}
	b := process{header: "1700000002", started: "1700000002.5", version: "v1.30.2", gate: gateOff}
	twin := process{header: "1700000001", started: "1700000001.75", version: "v1.30.1", gate: gateOn}
	clone := process{header: "1700000001", started: "1700000001.25", version: "v1.30.1", gate: gateOff}
	old := process{started: "1700000003.00", version: "v1.27.4"}
	emulating := process{header: "1700000004", started: "1700000004.00", version: "v1.34.0", emulation: "1.32", gate: gateOn}
	dropped := process{header: "1700000005", started: "1700000005.00", version: "v1.31.0"}
	seenA, seenB := apiServer("1700000001.25", "v1.30.1", &yes, gateOn), apiServer("1700000002.50", "v1.30.2", &no, gateOff)
	const ask, as = "kubectl sidecar doctor --server https://", " --tls-server-name kubernetes.default.svc"
	const notListed = "kubernetes_feature_enabled lists 1 gates, SidecarContainers is not among them"
	seenEmulating := apiServer("1700000004.00", "v1.34.0", &yes, gateOn)
	seenEmulating.Emulation = "1.32"
	unseen := func(seen, of, connections int, server string, remedy ...string) facts.Gap {
		return facts.NewGap(facts.APIServers, facts.APIServerInstance(facts.PartUnseen),
			fmt.Sprintf("%d of %d API servers answered over %d connections to %s", seen, of, connections, server),
			facts.Do("ask each one directly, where the network allows it:", remedy...))
	}
	for _, test := range []struct {
		name        string
		leases      int
		endpoints   []string
		processes   []process
		want        []facts.APIServer
		gaps        func(server string) []facts.Gap
		connections int32
	}{
		{"one", 1, []string{"10.0.0.1"}, []process{a}, []facts.APIServer{seenA}, nil, minConnections},
		{"more than the cluster shows", 1, []string{"10.0.0.1"}, []process{a, b}, []facts.APIServer{seenA, seenB}, nil, minConnections},
		{"two in turn", 2, nil, []process{a, b}, []facts.APIServer{seenA, seenB}, nil, 2},
		{"counted by addresses", 0, []string{"10.0.0.1", "10.0.0.2"}, []process{b, a}, []facts.APIServer{seenA, seenB}, nil, 2},
		{"one rarely", 2, nil, []process{a, a, a, a, a, b}, []facts.APIServer{seenA, seenB}, nil, 6},
		{"always the same one", 2, []string{"10.0.0.1", "10.0.0.2"}, []process{a}, []facts.APIServer{seenA}, func(server string) []facts.Gap {
			return []facts.Gap{unseen(1, 2, 16, server, ask+"10.0.0.1:6443"+as, ask+"10.0.0.2:6443"+as)}
		}, 16},
		{"two that started in the same second", 2, nil, []process{a, twin}, []facts.APIServer{seenA, apiServer("1700000001.75", "v1.30.1", &yes, gateOn)}, nil, 14},
		{"two that started at the same moment, and disagree", 2, nil, []process{a, clone}, []facts.APIServer{apiServer("1700000001.25", "v1.30.1", &no, gateOff), seenA}, nil, 14},
		{"too old for the header and the gate", 1, nil, []process{old}, []facts.APIServer{apiServer("1700000003.00", "v1.27.4", nil, notListed)}, nil, minConnections},
		{"emulating", 1, nil, []process{emulating}, []facts.APIServer{seenEmulating}, nil, minConnections},
		{"a gate that is not listed though it exists", 1, nil, []process{dropped}, []facts.APIServer{apiServer("1700000005.00", "v1.31.0", nil, notListed)}, func(string) []facts.Gap {
			return []facts.Gap{
				{Kind: facts.APIServers, Scope: facts.ScopeGate, Instance: facts.APIServerInstance(facts.PartGate), Reason: "API server v1.31.0 started at 1700000005.00: " + notListed, Remedy: "start it without --disabled-metrics=kubernetes_feature_enabled"},
				{Kind: facts.APIServers, Scope: facts.ScopeGate, Instance: facts.APIServerInstance(facts.PartGate), Reason: "probe with a PodTemplate: the server could not find the requested resource", Remedy: "the API server answered 404; run again, and see its log if it persists"},
			}
		}, minConnections},
	} {
		f := newFakeAPI(t)
		connections := f.behind(test.leases, test.endpoints, test.processes...)
		s := collectFrom(t, f.options(facts.APIServers))
		if diff := cmp.Diff(test.want, s.APIServers); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
		var gaps []facts.Gap
		if test.gaps != nil {
			gaps = test.gaps(f.URL)
		}
		if diff := cmp.Diff(gaps, s.Gaps); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
		if n := connections.Load(); n != test.connections {
			t.Errorf("%s: %d connections, want %d", test.name, n, test.connections)
		}
		if len(s.APIServerLeases) != test.leases || len(s.APIServerEndpoints) != len(test.endpoints) {
			t.Errorf("%s: %d leases, endpoints %v", test.name, len(s.APIServerLeases), s.APIServerEndpoints)
		}
	}
}

// Each reading comes over a connection of its own.
func TestFreshConnections(t *testing.T) {
	f := newFakeAPI(t)
	remotes := map[string]bool{}
	f.handlers["GET /metrics"] = func(w http.ResponseWriter, r *http.Request) {
		remotes[r.RemoteAddr] = true
		page(w, apiServerPage("v1.30.1", "1", gateOn))
	}
	collectFrom(t, f.options(facts.APIServers))
	if len(remotes) != minConnections {
		t.Errorf("%d connections, want %d", len(remotes), minConnections)
	}
}

// Where /metrics says nothing, a PodTemplate does.
func TestProbe(t *testing.T) {
	probed := func(enabled bool, evidence string) facts.APIServer {
		return facts.APIServer{Version: "v1.30.1", Reading: &facts.FeatureReading{Component: "kube-apiserver", Enabled: &enabled,
			Source: facts.SourceProbe, Evidence: "PodTemplate with dryRun=All: initContainers[0].restartPolicy: sent Always, came back " + evidence}}
	}
	closed := facts.Gap{Kind: facts.APIServers, Scope: facts.ScopeMetrics, Instance: facts.APIServerInstance(facts.PartMetrics), Reason: "you are not allowed to get /metrics", Remedy: readMetrics.remedy().Text}
	keep := func(int32) bool { return true }
	for _, test := range []struct {
		name      string
		version   string
		leases    int
		keep      func(n int32) bool
		configure func(*fakeAPI, *Options)
		want      []facts.APIServer
		gaps      []facts.Gap
		probes    int32
	}{
		{"kept", "", 1, keep, nil, []facts.APIServer{probed(true, "Always (1 of 1 times)")}, []facts.Gap{closed}, 1},
		{"lost", "", 1, func(int32) bool { return false }, nil, []facts.APIServer{probed(false, "nothing (1 of 1 times)")}, []facts.Gap{closed}, 1},
		{"two API servers that disagree", "", 2, func(n int32) bool { return n%2 == 0 }, nil,
			[]facts.APIServer{probed(true, "Always (4 of 8 times)"), probed(false, "nothing (4 of 8 times)")}, []facts.Gap{closed}, 8},
		{"nobody knows how many", "", 0, keep, nil, []facts.APIServer{probed(true, "Always (4 of 4 times)")}, []facts.Gap{closed}, 4},
		{"one that the version settles", "v1.33.1", 1, keep, nil, nil, []facts.Gap{closed}, 0},
		{"one of two, whose version settles nothing for the other", "v1.33.1", 2, keep, nil, []facts.APIServer{{Version: "v1.33.1", Reading: probed(true, "Always (8 of 8 times)").Reading}}, []facts.Gap{closed}, 8},
		{"no right", "", 1, keep, func(f *fakeAPI, _ *Options) { f.denied[probePodTemplates.String()] = "" }, nil, []facts.Gap{
			{Kind: facts.APIServers, Scope: facts.ScopeGate, Instance: facts.APIServerInstance(facts.PartGate), Reason: "you are not allowed to create podtemplates in namespace default", Remedy: probePodTemplates.remedy().Text}, closed}, 0},
		{"in the namespace that was asked for", "", 1, keep, func(f *fakeAPI, o *Options) {
			o.Namespace = "team"
			f.denied[probePodTemplates.String()] = ""
		}, []facts.APIServer{probed(true, "Always (1 of 1 times)")}, []facts.Gap{closed}, 1},
		{"refused", "", 1, nil, nil, nil, []facts.Gap{
			{Kind: facts.APIServers, Scope: facts.ScopeGate, Instance: facts.APIServerInstance(facts.PartGate), Reason: "probe with a PodTemplate: no", Remedy: "the API server answered 422; run again, and see its log if it persists"}, closed}, 1},
	} {
		f := newFakeAPI(t)
		f.behind(test.leases, nil, process{})
		f.denied[readMetrics.String()] = ""
		if test.version != "" {
			f.handlers["GET /version"] = func(w http.ResponseWriter, _ *http.Request) {
				reply(w, 200, map[string]string{"gitVersion": test.version})
			}
		}
		o := f.options(facts.APIServers)
		if test.configure != nil {
			test.configure(f, &o)
		}
		namespace := "default"
		if o.Namespace != "" {
			namespace = o.Namespace
		}
		var probes atomic.Int32
		f.handlers["POST /api/v1/namespaces/"+namespace+"/podtemplates"] = func(w http.ResponseWriter, r *http.Request) {
			n := probes.Add(1)
			var template corev1.PodTemplate
			if err := json.NewDecoder(r.Body).Decode(&template); err != nil || r.URL.Query().Get("dryRun") != "All" {
				t.Errorf("%s: %v, query %s", test.name, err, r.URL.RawQuery)
			}
			if test.keep == nil {
				status(w, 422, "Invalid", "no")
				return
			}
			if !test.keep(n) {
				template.Template.Spec.InitContainers[0].RestartPolicy = nil
			}
			template.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "PodTemplate"}
			reply(w, 201, template)
		}
		s := collectFrom(t, o)
		if diff := cmp.Diff(test.want, s.APIServers); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
		if diff := cmp.Diff(test.gaps, s.Gaps); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
		if n := probes.Load(); n != test.probes {
			t.Errorf("%s: %d probes, want %d", test.name, n, test.probes)
		}
	}
}

// /metrics that is allowed and does not work.
func TestAPIServerFaults(t *testing.T) {
	for _, test := range []struct {
		name    string
		metrics http.HandlerFunc
		gap     facts.Gap
	}{
		{"forbidden after all", refusing(403, "Forbidden", `forbidden: User "u" cannot get path "/metrics"`),
			facts.Gap{Reason: `forbidden: User "u" cannot get path "/metrics"`, Remedy: readMetrics.remedy().Text}},
		{"garbage", plain(200, "<html>"), facts.Gap{Reason: "get /metrics: read /metrics of an API server: the answer is not a metrics page",
			Remedy: "run again; if it persists, see what kubectl -v=8 says to the same request"}},
		{"an error", refusing(500, "InternalError", "boom"), facts.Gap{Reason: "boom", Remedy: "the API server answered 500; run again, and see its log if it persists"}},
		{"no answer", hang(), facts.Gap{Reason: "no answer in time: get /metrics", Remedy: "give each request more time: --request-timeout 30s"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeAPI(t)
			f.handlers["GET /version"] = func(w http.ResponseWriter, _ *http.Request) {
				reply(w, 200, map[string]string{"gitVersion": "v1.36.0"})
			}
			f.behind(1, nil, process{})
			f.handlers["GET /metrics"] = test.metrics
			o := f.options(facts.APIServers)
			o.RequestTimeout = time.Second
			s := collectFrom(t, o)
			test.gap.Kind, test.gap.Scope, test.gap.Instance = facts.APIServers, facts.ScopeMetrics, facts.APIServerInstance(facts.PartMetrics)
			if diff := cmp.Diff([]facts.Gap{test.gap}, s.Gaps); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// From 1.33 on /version tells the emulated version, where it is certain whose it is.
func TestEmulationFromVersion(t *testing.T) {
	f := newFakeAPI(t)
	f.handlers["GET /version"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]string{"gitVersion": "v1.33.1", "emulationMajor": "1", "emulationMinor": "32"})
	}
	f.behind(1, nil, process{header: "1", started: "1", version: "v1.33.1", gate: gateOn})
	s := collectFrom(t, f.options(facts.APIServers))
	if len(s.APIServers) != 1 || s.APIServers[0].Emulation != "1.32" {
		t.Errorf("got %+v", s.APIServers)
	}
}

// A kubeconfig may lead to the API server through a path.
func TestServerWithPath(t *testing.T) {
	f := newFakeAPI(t)
	inner := f.Server.Config.Handler
	f.Server.Config.Handler = http.StripPrefix("/k8s/clusters/c-1", inner)
	o := f.options(facts.APIServers, facts.Nodes)
	o.Config = &rest.Config{Host: f.URL + "/k8s/clusters/c-1/"}
	s := collectFrom(t, o)
	if len(s.APIServers) != 1 || len(s.Gaps) > 0 || s.Server != f.URL+"/k8s/clusters/c-1" {
		t.Errorf("server %s, API servers %v, gaps %v", s.Server, s.APIServers, s.Gaps)
	}
}
