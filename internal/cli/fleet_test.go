package cli

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/tools/clientcmd/api"
)

// TestContextsOf: names, patterns and all, each context once; a name that is there is that one.
func TestContextsOf(t *testing.T) {
	there := []string{"a*", "ab", "all", "arn:aws:eks:eu:1:cluster/prod", "prod-eu", "prod-us"}
	for _, test := range []struct {
		typed []string
		want  string // names, or the error
	}{
		{[]string{"prod-eu"}, "prod-eu"},
		{[]string{"prod-us", "prod-*"}, "prod-eu prod-us"},
		{[]string{"*prod"}, "arn:aws:eks:eu:1:cluster/prod"},
		{[]string{"arn:*"}, "arn:aws:eks:eu:1:cluster/prod"},
		{[]string{"prod-[et]?"}, "prod-eu"},
		{[]string{"a*"}, "a*"},
		{[]string{"all"}, "all"}, // as a name; what is called so means itself
		{[]string{"*"}, strings.Join(there, " ")},
		{[]string{"prod-e"}, `--contexts: the kubeconfig has no context "prod-e"`},
		{[]string{"prod-eu", "q*"}, `--contexts: "q*" matches no context of the kubeconfig`},
		{[]string{"prod-[e"}, `--contexts: "prod-[e" is not a pattern`},
		{nil, "--contexts: no context is named"},
	} {
		got, err := contextsOf(there, test.typed)
		said := strings.Join(got, " ")
		if err != nil {
			said = err.Error()
		}
		if said != test.want {
			t.Errorf("%q: %s, want %s", test.typed, said, test.want)
		}
	}
	if got, err := contextsOf([]string{"b", "c"}, []string{"all"}); err != nil || len(got) != 2 {
		t.Errorf("all: %q, %v", got, err)
	}
}

// TestMembersShareNothing: clients write into what they are given, and several contexts may have one user.
func TestMembersShareNothing(t *testing.T) {
	f := &fleetFlags{kubeconfig: *api.NewConfig()}
	f.kubeconfig.AuthInfos["u"] = &api.AuthInfo{Exec: &api.ExecConfig{Command: "login", APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: api.IfAvailableExecInteractiveMode}}
	f.kubeconfig.Clusters["c"] = &api.Cluster{Server: "https://a.example"}
	for _, name := range []string{"a", "b"} {
		f.kubeconfig.Contexts[name] = &api.Context{Cluster: "c", AuthInfo: "u", Namespace: "of-" + name}
	}
	c := &clusterFlags{kube: genericclioptions.NewConfigFlags(true)}
	*c.kube.Impersonate = "auditor"
	*c.kube.ImpersonateUserExtra = []string{"k=v", "k=w"}
	one, other := f.of(c, "a"), f.of(c, "b")
	config, err := one.config()
	if err != nil {
		t.Fatal(err)
	}
	if !config.ExecProvider.StdinUnavailable || f.kubeconfig.AuthInfos["u"].Exec.StdinUnavailable {
		t.Error("a program for credentials has the terminal, or the kubeconfig was changed")
	}
	if diff := cmp.Diff(map[string][]string{"k": {"v", "w"}}, config.Impersonate.Extra); diff != "" {
		t.Errorf("extra (-want +got):\n%s", diff)
	}
	*one.kube.Namespace = "changed"
	if *c.kube.Namespace != "" || *other.kube.Namespace != "" {
		t.Error("what one run changes is changed for another")
	}
	if namespace, _, err := other.loader().Namespace(); err != nil || namespace != "of-b" {
		t.Errorf("namespace %q, %v", namespace, err)
	}
}

// TestPrefixed: lines of several clusters stay whole, and each says of which it is.
func TestPrefixed(t *testing.T) {
	var out bytes.Buffer
	progress := startProgress(&out)
	var all sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		all.Go(func() {
			p := &prefixed{prefix: name + ": ", out: &out, progress: progress}
			for i := range 50 {
				fmt.Fprintf(p, "%d ", i)
				fmt.Fprint(p, "of "+name+"\nand")
				fmt.Fprint(p, " more\n")
			}
			fmt.Fprint(p, "begun")
			p.flush()
		})
	}
	all.Wait()
	progress.stop()
	n := 0
	for line := range strings.Lines(out.String()) {
		n++
		name, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !strings.HasSuffix(text, " of "+name) && text != "and more" && text != "begun" {
			t.Errorf("line %q", line)
		}
	}
	if n != 2*(50*2+1) {
		t.Errorf("%d lines", n)
	}
}
