//go:build linux

// Command timed runs a command and writes what it cost to a file, as JSON.
//
// It is a program of its own because it is small. On Linux, ru_maxrss of a process is never less than
// what the process that started it had in memory, so that whoever wants to know what a small program
// takes has to be smaller.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: timed FILE COMMAND [ARG...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "timed:", err)
		os.Exit(1)
	}
}

func run(file string, command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	began := time.Now()
	err := cmd.Run()
	wall := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system does not say what a process used")
	}
	data, err := json.Marshal(map[string]any{
		"wall": wall, "cpu": cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		"maxRSSKiB": usage.Maxrss, "exit": cmd.ProcessState.ExitCode(),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}
