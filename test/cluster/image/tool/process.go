package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

var term struct {
	sync.Mutex
	do func()
}

// catchTerm makes the first process of a container react to SIGTERM, which it
// would not without a handler.
func catchTerm() {
	term.do = func() { os.Exit(0) }
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for s := range signals {
			fmt.Println("received", s)
			term.Lock()
			do := term.do
			term.Unlock()
			do()
		}
	}()
}

func onTerm(do func()) error {
	term.Lock()
	defer term.Unlock()
	term.do = do
	return nil
}

func termAfter(args []string) error {
	return withDuration(args[0], func(d time.Duration) error {
		return onTerm(func() { time.Sleep(d); os.Exit(0) })
	})
}

func pause() error {
	for {
		time.Sleep(time.Hour)
	}
}

func exit(args []string) error {
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

func crash() error {
	// The Go runtime turns a SIGSEGV of its own into exit code 2, so the
	// default action is needed.
	signal.Reset(syscall.SIGSEGV)
	if err := syscall.Kill(os.Getpid(), syscall.SIGSEGV); err != nil {
		return err
	}
	time.Sleep(time.Second)
	os.Exit(139)
	return nil
}

func die() error {
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		return err
	}
	return errors.New("process 1 does not die of it")
}

func exhaust() error { return use([]string{"1048576"}) }

// use allocates and touches so many MiB, and gives them back.
func use(args []string) error {
	mebibytes, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var kept [][]byte
	for range mebibytes {
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = 1
		}
		kept = append(kept, block)
	}
	fmt.Println("used", len(kept), "MiB")
	return nil
}

// child goes on with success whatever becomes of the other process, as a shell's pipeline does.
func child(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Println("child:", err)
	}
	return nil
}

// fuse leaves what is left of a mount when the process behind it has died: whoever touches it gets ENOTCONN.
func fuse(args []string) error {
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return err
	}
	if len(args) > 1 {
		if _, err := os.Stat(args[1]); err == nil {
			return nil
		}
	}
	return mountFUSE(args[0])
}

func list(args []string) error {
	_, err := os.ReadDir(args[0])
	return err
}

func say(args []string) error {
	fmt.Println(strings.Join(args, " "))
	return nil
}

func touch(args []string) error {
	f, err := os.Create(args[0])
	if err != nil {
		return err
	}
	return f.Close()
}

// fill writes a file of so many MiB.
func fill(args []string) error {
	mebibytes, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], make([]byte, mebibytes<<20), 0o644)
}

func waitFile(args []string) error {
	for {
		if _, err := os.Stat(args[0]); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func withDuration(text string, do func(time.Duration) error) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	return do(d)
}
