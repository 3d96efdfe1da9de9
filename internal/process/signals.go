//go:build linux

package process

import (
	"os"
	"os/signal"
	"syscall"
)

// Signals are all that can be passed on to a command. Four are not among them: SIGCHLD is about children, SIGURG is
// what the Go runtime sends itself many times a second, SIGPIPE is about our own output, and the rest cannot be caught.
func Signals() <-chan os.Signal {
	caught := make(chan os.Signal, 64)
	for n := syscall.Signal(1); n <= 64; n++ {
		switch n {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE:
		case 32, 33, 34: // the C library's
		default:
			signal.Notify(caught, n)
		}
	}
	// Caught and dropped: without, a broken stderr would kill the one that ends the sidecars.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return caught
}

// Terminates reports whether a signal asks to exit.
func Terminates(s os.Signal) bool {
	return s == syscall.SIGTERM || s == syscall.SIGINT || s == syscall.SIGHUP || s == syscall.SIGQUIT
}
