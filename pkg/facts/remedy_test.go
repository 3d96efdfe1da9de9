package facts

import (
	"strings"
	"testing"
)

// TestRemedy: the text that people read has the command, and programs get it apart.
func TestRemedy(t *testing.T) {
	for _, test := range []struct {
		remedy Remedy
		text   string
	}{
		{Do("run again"), "run again"},
		{Do("look at it:", "kubectl get nodes -o yaml"), "look at it: kubectl get nodes -o yaml"},
		{Do("ask each:", "a --b c", "a --b d"), "ask each:\n  a --b c\n  a --b d"},
		{Remedy{}, ""},
	} {
		g := Gap{Kind: Nodes, Reason: "r"}.ClosedBy(test.remedy)
		if g.Remedy != test.text || g.Command != test.remedy.Command {
			t.Errorf("%+v: remedy %q, command %q", test.remedy, g.Remedy, g.Command)
		}
		if got := g.HowToClose(); got != test.remedy {
			t.Errorf("%+v came back as %+v", test.remedy, got)
		}
	}
	foreign := Gap{Remedy: "look at it: kubectl get nodes", Command: "rm -r /"}
	if got := foreign.HowToClose(); got != Do("look at it: kubectl get nodes") {
		t.Errorf("a command that the remedy does not say: %+v", got)
	}
}

// TestHowToGet: what is a command can be pasted.
func TestHowToGet(t *testing.T) {
	for _, k := range append(Kinds(), "another") {
		r := HowToGet(k)
		if strings.Contains(r.Text, "kubectl") || r.Command != "" && !strings.HasSuffix(r.Text, ":") {
			t.Errorf("%s: %+v", k, r)
		}
	}
}
