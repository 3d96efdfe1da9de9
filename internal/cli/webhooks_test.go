package cli

import (
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestWebhooksRemedy: several commands are several lines, also below the table.
func TestWebhooksRemedy(t *testing.T) {
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	s := &facts.Snapshot{Gaps: []facts.Gap{facts.NewGap(facts.APIServers, facts.APIServerInstance(facts.PartUnseen), "1 of 2 answered", facts.AskEach([]string{"a:1", "b:2"}))}}
	if err := printWebhooks(streams, "table", s); err != nil {
		t.Fatal(err)
	}
	want := `? apiservers apiserver/unseen: 1 of 2 answered
  -> ask each one directly, where the network allows it:
       kubectl sidecar doctor --server https://a:1 --tls-server-name kubernetes.default.svc
       kubectl sidecar doctor --server https://b:2 --tls-server-name kubernetes.default.svc
`
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("got\n%s", out)
	}
}
