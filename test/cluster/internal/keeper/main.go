//go:build linux

// Command keeper is the part of a test cluster that must not be the test
// itself: it outlives the test to clean up, and it is the first process of a
// node's PID namespace, so that nothing of a node outlives the keeper.
//
//	keeper clean N     hold slot N until standard input ends, then clean it
//	keeper hold        do nothing, for as long as a namespace is needed
//	keeper node FILE   be the first process of a node
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/internal/node"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/internal/slot"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "keeper:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "clean":
		return clean(args[1])
	case len(args) == 1 && args[0] == "hold":
		for { // not select{}, which the runtime calls a deadlock
			time.Sleep(time.Hour)
		}
	case len(args) == 2 && args[0] == "node":
		return node.Enter(args[1])
	case len(args) == 2 && args[0] == "node-inside":
		return node.Inside(args[1])
	}
	return fmt.Errorf("unknown arguments %q", args)
}

// clean waits for the end of the process that runs the cluster: whatever ends
// it, also SIGKILL, closes the pipe on standard input. The lock of the slot
// is file descriptor 3.
func clean(number string) error {
	n, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	// Ctrl-C is for the test, whose end is what counts here.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	s := slot.Inherited(n, 3)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return s.Clean()
}
