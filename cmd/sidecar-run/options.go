//go:build linux

package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/reach"
)

type options struct {
	sidecars                 []sidecar
	waitTimeout, quitTimeout time.Duration
	nativeOK, version        bool
	dirs                     []string
	universal, policy        string
	mainEnded, install       string
	command                  []string
}

// A sidecar is what belongs together on the command line: waits, and the quits behind them.
type sidecar struct {
	waits []reach.Address
	quits []reach.Quit
}

const help = `sidecar-run waits for the sidecars of a pod, runs a command, ends the sidecars, and exits as the command did.

  sidecar-run [OPTION]... -- COMMAND [ARGUMENT]...

  --wait ADDRESS            wait until it answers: http://HOST:PORT/PATH, tcp://HOST:PORT, unix:///PATH, file:/PATH,
                            exec:COMMAND; repeatable, in this order
  --quit [METHOD=]URL       end a sidecar: http://, file:/PATH (is created), exec:COMMAND; repeatable, the last first
  --sidecar NAME            --wait and --quit of ` + "%s" + `
  --wait-timeout DURATION   for each --wait, 0 is forever (default 2m)
  --quit-timeout DURATION   for each --quit (default 10s)
  --native-ok               the sidecars are native: only run the command
  --dir DIR                 the volume that both containers of a universal sidecar mount
  --universal native|old    this is a sidecar, among the init containers or among the regular ones
  --restart-policy POLICY   the pod's: Always, OnFailure or Never
  --main-ended file:/PATH   this is a sidecar: end the command when the file is there
  --install DIR             copy this program into a folder, and exit
  --version, --help         print, and exit

Exit codes: the command's; 128+n for signal n; 124 a wait timed out; 125 wrong options or a failure of sidecar-run;
126 the command cannot be executed; 127 there is no such command.
`

// parse reads the command line. Texts of errors have what was given in them, without queries of URLs.
func parse(args []string) (options, error) {
	var o options
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	var problem error // what flag itself makes of one has the value in it, whatever that is
	address := func(name string, take func(text string) error) {
		set.Func(name, "", func(text string) error {
			err := take(text)
			if err != nil {
				problem = fmt.Errorf("--%s %s: %w", name, reach.Redacted(text), err)
			}
			return err
		})
	}
	address("wait", func(text string) error {
		a, err := reach.Parse(text)
		o.wait(a)
		return err
	})
	address("quit", func(text string) error {
		q, err := reach.ParseQuit(text)
		o.quit(q)
		return err
	})
	set.Func("sidecar", "", o.named)
	set.Func("dir", "", func(text string) error { o.dirs = append(o.dirs, text); return nonEmpty(text) })
	address("main-ended", func(text string) error {
		a, err := reach.Parse(text)
		if err == nil && a.File() == "" {
			err = errors.New("want file:/PATH")
		}
		o.mainEnded = a.File()
		return err
	})
	set.DurationVar(&o.waitTimeout, "wait-timeout", 2*time.Minute, "")
	set.DurationVar(&o.quitTimeout, "quit-timeout", 10*time.Second, "")
	set.BoolVar(&o.nativeOK, "native-ok", false, "")
	set.BoolVar(&o.version, "version", false, "")
	set.Func("universal", "", oneOf(&o.universal, "native", "old"))
	set.Func("restart-policy", "", oneOf(&o.policy, "Always", "OnFailure", "Never"))
	set.Func("install", "", func(text string) error { o.install = text; return nonEmpty(text) })
	if err := set.Parse(args); err != nil {
		return o, cmp.Or(problem, err)
	}
	o.command = set.Args()
	if o.version || o.install != "" {
		return o, nil
	}
	separated := len(o.command) < len(args) && args[len(args)-len(o.command)-1] == "--"
	return o, o.check(separated)
}

func nonEmpty(text string) error {
	if text == "" {
		return errors.New("want a folder")
	}
	return nil
}

func oneOf(to *string, values ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(values, text) {
			return errors.New("want " + strings.Join(values, ", "))
		}
		*to = text
		return nil
	}
}

// wait begins another sidecar when the one before has its quits.
func (o *options) wait(a reach.Address) {
	if n := len(o.sidecars); n == 0 || len(o.sidecars[n-1].quits) > 0 {
		o.sidecars = append(o.sidecars, sidecar{})
	}
	last := &o.sidecars[len(o.sidecars)-1]
	last.waits = append(last.waits, a)
}

func (o *options) quit(q reach.Quit) {
	if len(o.sidecars) == 0 {
		o.sidecars = append(o.sidecars, sidecar{})
	}
	last := &o.sidecars[len(o.sidecars)-1]
	last.quits = append(last.quits, q)
}

func (o *options) named(name string) error {
	i := slices.IndexFunc(knownSidecars, func(s knownSidecar) bool { return s.name == name })
	if i < 0 {
		return errors.New("want one of " + names())
	}
	s := knownSidecars[i]
	a, err := reach.Parse(s.wait)
	if err != nil {
		return err
	}
	q, err := reach.ParseQuit(s.quit)
	if err != nil {
		return err
	}
	o.sidecars = append(o.sidecars, sidecar{waits: []reach.Address{a}, quits: []reach.Quit{q}})
	return nil
}

// check finds what is wrong with options that are right one by one.
func (o *options) check(separated bool) error {
	switch {
	case !separated:
		return errors.New("put -- before the command; --help tells the options")
	case len(o.command) == 0:
		return errors.New("there is no command behind --")
	case o.waitTimeout < 0 || o.quitTimeout <= 0:
		return errors.New("--wait-timeout must not be negative, and --quit-timeout must be positive")
	case o.universal != "" && len(o.dirs) != 1:
		return fmt.Errorf("--universal %s needs one --dir", o.universal)
	case o.universal == "old" && o.policy == "":
		return errors.New("--universal old needs --restart-policy: where native sidecars work it exits in a Job, and must not exit in a Deployment")
	case o.universal != "" && slices.ContainsFunc(o.sidecars, func(s sidecar) bool { return len(s.quits) > 0 }):
		return errors.New("--quit is for the main container: a sidecar ends no others")
	case o.universal == "native" && o.mainEnded != "":
		return errors.New("--main-ended is for --universal old: the kubelet ends native sidecars")
	case o.universal != "" && o.nativeOK:
		return errors.New("--native-ok is for the main container")
	}
	return nil
}
