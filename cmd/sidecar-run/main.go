//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/process"
)

// Exit codes of its own; the others are the command's. They are those of timeout(1) and env(1).
const (
	timedOut = 124
	failed   = 125
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	// From the first moment on: process 1 would be ended by a signal in the midst of things.
	signals := process.Signals()
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Printf(help, names())
		return 0
	case err != nil:
		say("%v", err)
		return failed
	case o.version:
		fmt.Println("sidecar-run", version)
		return 0
	case o.install != "":
		if err := install(o.install); err != nil {
			say("install: %v", err)
			return failed
		}
		return 0
	}
	return (&runner{options: o, signals: signals}).run()
}

// say tells people something; stdout is the command's.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "sidecar-run: "+format+"\n", args...)
}
