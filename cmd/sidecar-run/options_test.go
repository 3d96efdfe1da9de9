//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

// TestKnownSidecars: they are where pkg/known says, and the page tells them.
func TestKnownSidecars(t *testing.T) {
	// waits are what pkg/known does not have: these answer inside the pod only, and it is about the kubelet's probes.
	waits := map[string]string{
		"vault": "tcp://127.0.0.1:8200", "envoy": "http://127.0.0.1:9901/ready", "consul": "tcp://127.0.0.1:20600",
	}
	page, err := os.ReadFile("../../docs/sidecar-run.md")
	if err != nil {
		t.Fatal(err)
	}
	all := known.Sidecars()
	for _, s := range knownSidecars {
		i := slices.IndexFunc(all, func(k known.Sidecar) bool { return k.ID == s.id })
		if i < 0 {
			t.Errorf("%s: pkg/known has no %s", s.name, s.id)
			continue
		}
		k := all[i]
		ready := k.Ready
		if ready == nil && len(k.Open) > 0 {
			ready = &k.Open[len(k.Open)-1].Endpoint // the newest
		}
		wait := waits[s.name]
		if ready != nil {
			wait = fmt.Sprintf("http://127.0.0.1:%d%s", ready.Port, ready.Path)
		}
		if s.wait != wait {
			t.Errorf("%s: --wait %s, pkg/known: %s", s.name, s.wait, wait)
		}
		if k.Quit == nil {
			t.Errorf("%s: pkg/known has no quit", s.name)
		} else if quit := fmt.Sprintf("%s=http://127.0.0.1:%d%s", k.Quit.Method, k.Quit.Port, k.Quit.Path); s.quit != quit {
			t.Errorf("%s: --quit %s, pkg/known: %s", s.name, s.quit, quit)
		}
		if row := fmt.Sprintf("| `%s` | `%s` | `%s` |", s.name, s.wait, s.quit); !strings.Contains(string(page), row) {
			t.Errorf("docs/sidecar-run.md lacks %s", row)
		}
	}
}

// TestGroups: a quit belongs to the waits before it, up to the previous quit.
func TestGroups(t *testing.T) {
	o, err := parse([]string{"--quit=http://a/q", "--wait=tcp://b:1", "--wait=tcp://c:1", "--quit=http://c/q", "--quit=GET=http://b/q", "--sidecar=istio", "--wait=file:/d", "--", "x"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range o.sidecars {
		got = append(got, fmt.Sprint(s.waits, s.quits))
	}
	want := []string{
		"[] [http://a/q]", "[tcp://b:1 tcp://c:1] [http://c/q http://b/q]",
		"[http://127.0.0.1:15021/healthz/ready] [http://127.0.0.1:15020/quitquitquit]", "[file:/d] []",
	}
	for i, s := range want {
		want[i] = strings.Replace(s, "] [", "][", 1)
		got[i] = strings.Replace(got[i], "] [", "][", 1)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// TestWrongOptions: what is wrong is said, and nothing is run.
func TestWrongOptions(t *testing.T) {
	for line, says := range map[string]string{
		"":                                                       "put -- before the command",
		"echo ran":                                               "put -- before the command",
		"--wait tcp://a:1 echo -- ran":                           "put -- before the command",
		"--":                                                     "there is no command behind --",
		"--wait https://a/ -- echo ran":                          "https is not supported: use tcp://",
		"--wait ftp://a/ -- echo ran":                            "want http://",
		"--wait http:/// -- echo ran":                            "want http://HOST:PORT/PATH",
		"--wait http://u:secret@a/ -- echo ran":                  "a user and password are not supported",
		"--wait https://a/?secret -- echo ran":                   "--wait https://a/?...: https is not supported",
		"--wait http://a:99999/ -- echo ran":                     "want http://HOST:PORT/PATH",
		"--wait tcp://a -- echo ran":                             "want tcp://HOST:PORT",
		"--wait unix://a -- echo ran":                            "want unix:/PATH",
		"--wait exec: -- echo ran":                               "want exec:COMMAND",
		"--wait exec:'a -- echo ran":                             "a quote is not closed",
		"--quit tcp://a:1 -- echo ran":                           "tcp cannot be told to exit",
		"--sidecar nginx -- echo ran":                            "want one of istio, ",
		"--wait-timeout -1s -- echo ran":                         "must not be negative",
		"--quit-timeout 0 -- echo ran":                           "must be positive",
		"--wait-timeout soon -- echo ran":                        "invalid value",
		"--universal new -- echo ran":                            "want native, old",
		"--universal old -- echo ran":                            "needs one --dir",
		"--universal old --dir /x -- echo ran":                   "needs --restart-policy",
		"--universal native --dir /x --dir /y -- echo ran":       "needs one --dir",
		"--universal native --dir /x --quit file:/q -- echo ran": "a sidecar ends no others",
		"--universal native --dir /x --main-ended file:/q -- a":  "the kubelet ends native sidecars",
		"--universal native --dir /x --native-ok -- a":           "--native-ok is for the main container",
		"--main-ended http://a/ -- echo ran":                     "want file:/PATH",
		"--restart-policy Sometimes -- echo ran":                 "want Always, OnFailure, Never",
		"--native -- echo ran":                                   "flag provided but not defined",
		"--dir= -- echo ran":                                     "want a folder",
	} {
		cmd := exec.Command(program, strings.Fields(line)...)
		out, _ := cmd.CombinedOutput()
		text := string(out)
		if cmd.ProcessState.ExitCode() != failed || !strings.HasPrefix(text, "sidecar-run: ") || !strings.Contains(text, says) || strings.Count(text, "\n") != 1 || strings.Contains(text, "secret") {
			t.Errorf("%s: exit %d: %s", line, cmd.ProcessState.ExitCode(), text)
		}
	}
}

// TestHelp: the page, the help and the options are the same.
func TestHelp(t *testing.T) {
	out, err := exec.Command(program, "--help").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "of istio, cloud-sql-proxy") {
		t.Fatalf("%v: %s", err, out)
	}
	page, err := os.ReadFile("../../docs/sidecar-run.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{
		"--wait ", "--quit [METHOD=]URL", "--sidecar NAME", "--wait-timeout DURATION", "--quit-timeout DURATION", "--native-ok", "--dir DIR",
		"--universal native|old", "--restart-policy POLICY", "--main-ended file:/PATH", "--install DIR", "--version",
	} {
		if !strings.Contains(string(out), option) || !strings.Contains(strings.ReplaceAll(string(page), `\|`, "|"), option) {
			t.Errorf("%s: in the help %t", option, strings.Contains(string(out), option))
		}
	}
}
