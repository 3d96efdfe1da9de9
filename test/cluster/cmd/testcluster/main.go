// Command testcluster runs a real Kubernetes cluster on this machine for as
// long as it runs itself.
//
//	testcluster up [flags]                   print the kubeconfig's path, wait for Ctrl-C
//	testcluster exec [flags] COMMAND ARG...  run a command with KUBECONFIG set
//	testcluster build [MINOR[/COMPONENT]...] build what is needed beforehand, all by default
//	testcluster clean                        remove what killed clusters left behind
//
// Versions are given as MINOR[,GATE=true|false...][,name=NAME]:
//
//	testcluster up --control-plane 1.32 --node 1.32 --node 1.32,SidecarContainers=false --node 1.28
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ended.ExitCode() > 0:
		os.Exit(ended.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "testcluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: testcluster up|exec|build|clean")
	}
	switch args[0] {
	case "up":
		return up(ctx, args[1:])
	case "exec":
		return execute(ctx, args[1:])
	case "build":
		return build(ctx, args[1:])
	case "clean":
		n, err := cluster.Clean()
		fmt.Fprintf(os.Stderr, "removed what %d clusters had left\n", n)
		return err
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func up(ctx context.Context, args []string) error {
	config, rest, err := parse(args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("unknown argument %q", rest[0])
	}
	return with(ctx, config, func(c *cluster.Cluster) error {
		fmt.Println(c.Kubeconfig)
		fmt.Fprintln(os.Stderr, "Ctrl-C ends it")
		<-ctx.Done()
		return nil
	})
}

func execute(ctx context.Context, args []string) error {
	config, command, err := parse(args)
	if err != nil {
		return err
	}
	if len(command) == 0 {
		return errors.New("exec: no command")
	}
	return with(ctx, config, func(c *cluster.Cluster) error {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		// An interrupted command may say what it knows so far.
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = 10 * time.Second
		return cmd.Run()
	})
}

// with runs a cluster around a function.
func with(ctx context.Context, config cluster.Config, do func(*cluster.Cluster) error) error {
	begin := time.Now()
	c, err := cluster.Start(ctx, config)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s ready after %s\n", describe(config), time.Since(begin).Round(100*time.Millisecond))
	err = do(c)
	return errors.Join(err, c.Stop())
}

func describe(config cluster.Config) string {
	return fmt.Sprintf("%d API servers, %d nodes, %d fake nodes", max(1, len(config.APIServers)), len(config.Nodes), len(config.FakeNodes))
}

// build builds components, each "1.28" or "1.28/kubelet".
func build(ctx context.Context, wanted []string) error {
	if len(wanted) == 0 {
		minors, err := binaries.Minors()
		if err != nil {
			return err
		}
		wanted = minors
	}
	if _, err := binaries.Etcd(ctx); err != nil {
		return err
	}
	for _, want := range wanted {
		minor, component, one := strings.Cut(want, "/")
		components := []string{component}
		if !one {
			var err error
			if components, err = binaries.Components(minor); err != nil {
				return err
			}
		}
		for _, component := range components {
			file, err := binaries.Kubernetes(ctx, minor, component)
			if err != nil {
				return err
			}
			fmt.Println(file)
		}
	}
	return nil
}
